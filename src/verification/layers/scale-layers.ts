/**
 * Layers that multiply by what they learned: PReLU, and those of the networks in `keras.applications` that are no layers of
 * Keras otherwise.
 *
 * @module
 */

import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { UnsupportedModelError } from '../../errors.ts';
import { ownEntry } from '../../json/value.ts';
import { KerasLayer } from './keras-layer.ts';
import { type LayerConfig, numberIn, numbersIn, type OpenShape } from './layer-config.ts';

/** Keras' PReLU; the wasm backend computes that of tfjs-layers wrongly where slopes are shared along a later axis alone. */
export class PReLU extends KerasLayer {
  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    const shared = numbersIn(this.config, 'sharedAxes', []);
    const sizes = shape.slice(1).map((size, index) => (shared.includes(index + 1) ? 1 : (size ?? 1)));
    this.makeWeight('alpha', sizes);
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    return tf.add(tf.relu(x), tf.mul(tf.minimum(x, 0), tf.expandDims(this.weight('alpha'), 0)));
  }
}

/** The LayerScale of ConvNeXt: a learned factor for each channel of the last axis. */
export class LayerScale extends KerasLayer {
  constructor(config: LayerConfig) {
    super(config);
    requireNumber(config, 'projectionDim', 'LayerScale of ConvNeXt');
  }

  protected override makeWeights(): void {
    this.makeWeight('gamma', [numberIn(this.config, 'projectionDim', 1)]);
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    return tf.mul(x, this.weight('gamma'));
  }
}

/** The CustomScaleLayer of InceptionResNetV2: the first input and a part of the second. */
export class CustomScaleLayer extends KerasLayer {
  constructor(config: LayerConfig) {
    super(config);
    this.supportsMasking = false;
    requireNumber(config, 'scale', 'CustomScaleLayer of InceptionResNetV2');
  }

  protected override compute([x, residual]: readonly [Tensor, Tensor]): Tensor {
    return tf.add(x, tf.mul(residual, numberIn(this.config, 'scale', 1)));
  }
}

/** Files of Keras do not tell these classes from others that somebody gave the same name. */
function requireNumber(config: LayerConfig, key: string, known: string): void {
  if (typeof ownEntry(config, key) === 'number') return;
  throw new UnsupportedModelError('layer', `it is not the ${known}, which has a number for ${key}`);
}
