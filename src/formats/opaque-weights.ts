/**
 * Weights of stock layers that no operation stands for, so that they can move from one format to another.
 *
 * @module
 */

import { UnsupportedModelError } from '../errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../json/value.ts';
import type { Layer } from '../model/layer.ts';

/** A weight of a layer, by its names in two formats. */
export interface OpaqueWeight {
  /** In HDF5 files, below the layer: `lstm_cell/kernel`. */
  readonly name: string;
  /** In `.keras` files, below the layer's group: `cell/vars/0`. */
  readonly variable: string;
}

/**
 * The weights of an opaque layer in Keras' order, which is the order of {@link Layer.weights}.
 *
 * @param path for messages.
 * @throws {@link UnsupportedModelError} where the layer is of a class whose order of weights is not known.
 */
export function opaqueWeights(layer: Layer, path: string): OpaqueWeight[] {
  if (layer.weights.size === 0) return [];
  const config = layer.origin?.config['config'];
  const known = isStock(layer) ? weightsOf(layer.className, isObject(config) ? config : {}) : undefined;
  if (known && known.length === layer.weights.size) return known;
  throw new UnsupportedModelError(
    `${layer.className} in another format`,
    `${path}: the order of the ${layer.weights.size} weights of a ${layer.className} is not known, so that they ` +
      'cannot be written in another format; write the format that was read',
  );
}

function isStock(layer: Layer): boolean {
  const registered = layer.origin?.config['registered_name'];
  return typeof registered !== 'string' || !registered.includes('>') || registered.startsWith('Keras>');
}

function weightsOf(className: string, config: JsonObject): OpaqueWeight[] | undefined {
  switch (className) {
    case 'SimpleRNN':
    case 'LSTM':
    case 'GRU':
    case 'ConvLSTM1D':
    case 'ConvLSTM2D':
    case 'ConvLSTM3D':
      return below(cellName(className), 'cell', own(cellWeights(config)));
    case 'SimpleRNNCell':
    case 'LSTMCell':
    case 'GRUCell':
      return own(cellWeights(config));
    case 'RNN':
      return wrapped(config['cell'], 'cell');
    case 'TimeDistributed':
      return wrapped(config['layer'], 'layer');
    case 'Bidirectional':
      return bidirectional(config);
    case 'Embedding':
      return own(['embeddings']);
    case 'LayerNormalization':
    case 'GroupNormalization':
      return own([...optional(config, 'scale', 'gamma'), ...optional(config, 'center', 'beta')]);
    case 'BatchNormalization':
      return own([
        ...optional(config, 'scale', 'gamma'),
        ...optional(config, 'center', 'beta'),
        'moving_mean',
        'moving_variance',
      ]);
    case 'PReLU':
      return own(['alpha']);
    case 'Normalization':
      return own(['mean', 'variance', 'count']);
    default:
      return kernelWeights(className, config);
  }
}

function kernelWeights(className: string, config: JsonObject): OpaqueWeight[] | undefined {
  const bias = optional(config, 'use_bias', 'bias');
  if (/^SeparableConv[12]D$/.test(className)) return own(['depthwise_kernel', 'pointwise_kernel', ...bias]);
  if (/^DepthwiseConv[12]D$/.test(className)) return own(['depthwise_kernel', ...bias]);
  if (/^(Dense|Conv[123]D(Transpose)?)$/.test(className)) return own(['kernel', ...bias]);
  return undefined;
}

function cellWeights(config: JsonObject): string[] {
  return ['kernel', 'recurrent_kernel', ...optional(config, 'use_bias', 'bias')];
}

/** `LSTM` to `lstm_cell`, as Keras names it. */
function cellName(className: string): string {
  const names: Readonly<Record<string, string>> = { SimpleRNN: 'simple_rnn', LSTM: 'lstm', GRU: 'gru' };
  return `${names[className] ?? className.toLowerCase().replace('convlstm', 'conv_lstm')}_cell`;
}

function bidirectional(config: JsonObject): OpaqueWeight[] | undefined {
  const forward = wrapped(config['layer'], 'forward_layer', 'forward_');
  const backward = wrapped(config['backward_layer'] ?? config['layer'], 'backward_layer', 'backward_');
  return forward && backward ? [...forward, ...backward] : undefined;
}

function wrapped(value: JsonValue | undefined, attribute: string, prefix = ''): OpaqueWeight[] | undefined {
  if (!isObject(value) || !isObject(value['config'])) return undefined;
  const inner = weightsOf(String(value['class_name']), value['config']);
  const name = String(value['config']['name'] ?? attribute);
  // Keras 3 stores the copies in a Bidirectional under the names that it gave them, Keras 2 the layer under its own.
  const plain = prefix === '' ? name : name.replace(/^(forward|backward)_/, '');
  return inner && below(prefix + plain, attribute, inner);
}

function below(name: string, attribute: string, weights: readonly OpaqueWeight[]): OpaqueWeight[] {
  return weights.map((weight) => ({
    name: `${name}/${weight.name}`,
    variable: `${attribute}/${weight.variable}`,
  }));
}

function own(names: readonly string[]): OpaqueWeight[] {
  return names.map((name, index) => ({ name, variable: `vars/${index}` }));
}

/** Options that add a weight are on unless they are switched off. */
function optional(config: JsonObject, option: string, name: string): string[] {
  return config[option] === false ? [] : [name];
}
