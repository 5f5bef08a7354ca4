/**
 * Weights of layers that Crosslayer carries through without knowing them, under the names that TF.js gives them.
 *
 * @module
 */

import { isObject, type JsonObject, type JsonValue } from '../../json/value.ts';
import type { Layer } from '../../model/layer.ts';

/**
 * Names of the weights of a layer of a class that TF.js has, after `layer/`, in Keras' order; undefined for a class
 * whose weights are not known.
 */
export function tfjsWeightNames(className: string, config: JsonObject): string[] | undefined {
  const has = (key: string): boolean => config[key] !== false;
  switch (className) {
    case 'SimpleRNN':
    case 'LSTM':
    case 'GRU':
    case 'ConvLSTM2D':
    case 'SimpleRNNCell':
    case 'LSTMCell':
    case 'GRUCell':
    case 'ConvLSTM2DCell':
      return ['kernel', 'recurrent_kernel', ...(has('use_bias') ? ['bias'] : [])];
    case 'LayerNormalization':
      return [...(has('scale') ? ['gamma'] : []), ...(has('center') ? ['beta'] : [])];
    case 'Embedding':
      return ['embeddings'];
    case 'Dense':
    case 'Conv1D':
    case 'Conv2D':
    case 'Conv3D':
    case 'Conv2DTranspose':
    case 'Conv3DTranspose':
      return ['kernel', ...(has('use_bias') ? ['bias'] : [])];
    case 'DepthwiseConv2D':
      return ['depthwise_kernel', ...(has('use_bias') ? ['bias'] : [])];
    case 'SeparableConv2D':
      return ['depthwise_kernel', 'pointwise_kernel', ...(has('use_bias') ? ['bias'] : [])];
    case 'BatchNormalization':
      return [
        ...(has('scale') ? ['gamma'] : []),
        ...(has('center') ? ['beta'] : []),
        'moving_mean',
        'moving_variance',
      ];
    case 'TimeDistributed':
      return wrappedNames(config['layer']);
    case 'RNN':
      return wrappedNames(config['cell']);
    case 'Bidirectional':
      return bidirectionalNames(config);
    default:
      return undefined;
  }
}

function wrappedNames(value: JsonValue | undefined): string[] | undefined {
  if (!isObject(value) || !isObject(value['config'])) return undefined;
  return tfjsWeightNames(String(value['class_name']), value['config']);
}

/** TF.js names the two copies itself: `forward_` and `backward_` before the name of the layer that is wrapped. */
function bidirectionalNames(config: JsonObject): string[] | undefined {
  const wrapped = config['layer'];
  const names = wrappedNames(wrapped);
  if (!names || !isObject(wrapped) || !isObject(wrapped['config'])) return undefined;
  // Keras 3 writes the name that it gave the forward copy.
  const name = String(wrapped['config']['name']).replace(/^forward_/, '');
  return ['forward', 'backward'].flatMap((side) => names.map((weight) => `${side}_${name}/${weight}`));
}

/** The weights of an opaque layer under their names in a manifest. */
export function opaqueWeightNames(layer: Layer): string[] {
  const config = layer.origin?.config['config'];
  const known = tfjsWeightNames(layer.className, isObject(config) ? config : {});
  const keys = [...layer.weights.keys()];
  if (known?.length === keys.length) return known.map((name) => `${layer.name}/${name}`);
  return keys.map((key) => {
    const plain = key.replace(/:0$/, '');
    return plain.startsWith(`${layer.name}/`) ? plain : `${layer.name}/${plain}`;
  });
}
