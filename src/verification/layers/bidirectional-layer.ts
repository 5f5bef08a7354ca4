import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { layers } from '@tensorflow/tfjs-layers';
import { ownEntry } from '../../json/value.ts';
import { flagIn, type LayerConfig } from './layer-config.ts';

/** A layer inside of another's configuration. */
export interface InnerLayer {
  readonly className: string;
  readonly config: LayerConfig;
}

/** How layers are made: those that can be ours, and those of TF.js in any case. */
export interface LayerMakers {
  readonly inner: (layer: InnerLayer) => layers.Layer;
  readonly ofTfjs: (className: string, config: LayerConfig) => layers.Layer;
}

/**
 * Keras' Bidirectional: that of TF.js around a layer that then makes way for those of the configuration.
 *
 * By itself TF.js makes both directions of its own classes alone, passes over a backward layer that is no mirror of the
 * forward one, and repeats the last output at steps that a mask hides, where Keras has zeros.
 */
export function bidirectional(config: LayerConfig, { inner, ofTfjs }: LayerMakers): layers.Layer {
  const { layer, backwardLayer, ...own } = config;
  const { className, config: forwardConfig } = layer as InnerLayer;
  const kept = ['returnSequences', 'returnState', 'stateful'].map((key) => [
    key,
    ownEntry(forwardConfig, key),
  ]);
  const standIn = { className: 'GRU', config: { units: 1, ...Object.fromEntries(kept) } };
  const made = ofTfjs('Bidirectional', { ...own, layer: standIn });
  const goBackwards = !flagIn(forwardConfig, 'goBackwards', false);
  const mirrored = { className, config: { ...forwardConfig, goBackwards } };
  const forwardLayer = inner(layer as InnerLayer);
  const given = backwardLayer as InnerLayer | null | undefined;
  const backward = inner(given ?? mirrored);
  // By these files know the weights of the two.
  const { name } = forwardLayer;
  forwardLayer.name = `forward_${name}`;
  backward.name = `backward_${name}`;
  Object.assign(made, { inputSpec: forwardLayer.inputSpec, forwardLayer, backwardLayer: backward });
  if (flagIn(forwardConfig, 'returnSequences', false))
    zeroHiddenSteps(made, own['mergeMode'] === null ? 2 : 1);
  return made;
}

/** Puts zeros where a mask hides steps of the first `count` outputs. */
function zeroHiddenSteps(layer: layers.Layer, count: number): void {
  const call = layer.call.bind(layer);
  layer.call = (inputs, kwargs) =>
    tf.tidy(() => {
      const made = call(inputs, kwargs);
      const [mask] = [kwargs?.['mask']].flat() as (Tensor | null | undefined)[];
      if (!mask) return made;
      const masked = [made].flat().map((output, index) => (index < count ? hidden(output, mask) : output));
      return Array.isArray(made) ? masked : (masked[0] as Tensor);
    });
}

function hidden(output: Tensor, mask: Tensor): Tensor {
  const ones = Array<number>(output.rank - mask.rank).fill(1);
  return tf.mul(output, tf.reshape(tf.cast(mask, 'float32'), [...mask.shape, ...ones]));
}
