/**
 * Where a layer of tfjs-layers 4.22 refuses a configuration that Keras takes, passes over an entry of it, or computes
 * something else, on all backends or on WASM alone.
 *
 * @module
 */

import { isObject, type JsonObject, type JsonValue, ownEntry } from '../../../json/value.ts';

/** It opens no model with the layer. */
export const REFUSED = 'TF.js does not load this';
const IGNORED = 'TF.js ignores this and computes something else';
/** It runs the layer, and not as Keras does. */
export const OTHERWISE = 'TF.js computes something else';
/** It opens a model with the layer and throws when it is to predict. */
export const FAILS = 'TF.js fails to run it';
const ON_WASM = 'the WASM backend of TF.js computes something else; its CPU backend does as Keras does';

/** Whether TF.js opens and runs a layer in spite of what {@link tfjsDifference} says of it. */
export function opensWith(difference: string): boolean {
  return !difference.includes(REFUSED) && !difference.includes(FAILS);
}

/** What differs in TF.js, as a clause; undefined where the layer does what Keras does. */
export function tfjsDifference(className: string, config: JsonObject): string | undefined {
  const found = (key: string, consequence: string): string | undefined => {
    const value = ownEntry(config, key);
    return isDefault(key, value) ? undefined : `${key} = ${JSON.stringify(value)}: ${consequence}`;
  };
  switch (className) {
    case 'Conv1D':
      return config['padding'] === 'causal'
        ? `causal padding: ${REFUSED}`
        : (found('groups', REFUSED) ?? found('data_format', OTHERWISE));
    case 'Conv2D':
      return found('groups', REFUSED);
    case 'Conv3D':
      return found('groups', REFUSED) ?? skipping(config, 'kernel_size');
    case 'SeparableConv2D':
      return found('data_format', OTHERWISE);
    case 'DepthwiseConv2D':
      return found('dilation_rate', IGNORED);
    case 'Conv2DTranspose':
    case 'Conv3DTranspose':
      return (
        (changesSize(config) ? found('output_padding', IGNORED) : undefined) ??
        found('dilation_rate', IGNORED) ??
        (className === 'Conv3DTranspose' ? ON_WASM : undefined)
      );
    case 'MaxPooling1D':
    case 'AveragePooling1D':
      return found('data_format', IGNORED);
    case 'AveragePooling3D':
      return skipping(config, 'pool_size');
    case 'MaxPooling3D':
      return (
        skipping(config, 'pool_size') ??
        'the WASM backend of TF.js gives 0 where the largest value is negative; its CPU backend does as Keras does'
      );
    case 'ReLU':
      return found('negative_slope', IGNORED) ?? found('threshold', IGNORED);
    case 'ELU':
      return found('alpha', REFUSED);
    case 'PReLU':
      return isBehindOwnSlopes(config['shared_axes'])
        ? `shared_axes = ${JSON.stringify(config['shared_axes'])}: ${ON_WASM}`
        : undefined;
    case 'Softmax':
      // Several axes go another way in TF.js.
      return [config['axis']].flat().length > 1 ? undefined : found('axis', FAILS);
    case 'Concatenate':
      return Number(config['axis'] ?? -1) < -1
        ? found('axis', 'TF.js takes the last axis for it and computes something else')
        : undefined;
    case 'GlobalAveragePooling1D':
    case 'GlobalMaxPooling1D':
      return found('data_format', IGNORED) ?? found('keepdims', IGNORED);
    case 'GlobalAveragePooling2D':
    case 'GlobalMaxPooling2D':
      return found('keepdims', IGNORED);
    case 'GRU':
    case 'GRUCell':
      return found('reset_after', REFUSED);
    case 'UpSampling2D':
      return config['interpolation'] === 'bilinear'
        ? 'bilinear interpolation: TF.js takes other sample positions than Keras and computes other values'
        : config['interpolation'] === 'nearest' || config['interpolation'] === undefined
          ? undefined
          : found('interpolation', REFUSED);
    case 'Resizing':
    case 'CenterCrop':
      return `${FAILS} in a model`;
    case 'RandomWidth':
      return 'TF.js changes the width at random in inference as well; Keras does so in training alone';
    case 'BatchNormalization':
      return [config['axis']].flat().length > 1
        ? `axis = ${JSON.stringify(config['axis'])}: ${REFUSED}`
        : undefined;
    case 'Bidirectional':
      return isObject(config['backward_layer']) ? `a backward_layer of its own: ${IGNORED}` : undefined;
    default:
      return undefined;
  }
}

/** What TF.js does where it does not read an entry; for all others only what is missing, null or false counts. */
const DEFAULTS: ReadonlyMap<string, JsonValue> = new Map<string, JsonValue>([
  ['groups', 1],
  ['dilation_rate', 1],
  ['alpha', 1],
  ['negative_slope', 0],
  ['threshold', 0],
  ['axis', -1],
  ['data_format', 'channels_last'],
]);

/** Whether TF.js behaves as if it had read the value. */
function isDefault(key: string, value: JsonValue | undefined): boolean {
  if (Array.isArray(value)) return value.every((item) => isDefault(key, item));
  return value === undefined || value === null || value === false || value === DEFAULTS.get(key);
}

/** Whether the `output_padding` of a transposed convolution gives another size than leaving it out does. */
function changesSize(config: JsonObject): boolean {
  const { output_padding: padding, kernel_size: kernel, strides, padding: kind } = config;
  if (padding === undefined || padding === null) return false;
  return perAxis(padding, kernel, strides).some(([extra = 0, size = 1, stride = 1]) =>
    kind === 'same' ? extra !== stride - (size % 2) : extra !== Math.max(stride - size, 0),
  );
}

/** In three axes TF.js cuts the input where the padding should be negative and is none. */
function skipping(
  { padding, strides, ...config }: JsonObject,
  window: 'kernel_size' | 'pool_size',
): string | undefined {
  const size = config[window] ?? 2;
  const isSkipping = perAxis(size, strides ?? size).some(([length = 1, stride = 1]) => stride > length);
  return padding === 'same' && isSkipping
    ? `same padding with strides larger than ${window}: ${OTHERWISE}`
    : undefined;
}

/** Whether slopes are shared along an axis behind one along which they are not. */
function isBehindOwnSlopes(sharedAxes: JsonValue | undefined): boolean {
  const axes = [sharedAxes ?? []].flat().map(Number);
  return axes.some((axis) => axis > axes.length);
}

/** The entries for each axis, from lists and from numbers for all axes; 1 for what is missing. */
function perAxis(...entries: readonly (JsonValue | undefined)[]): number[][] {
  const lists = entries.map((entry) => [entry ?? 1].flat().map(Number));
  const axes = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: axes }, (_, axis) => lists.map((list) => list[axis] ?? list[0] ?? 1));
}
