/**
 * Where a layer of tfjs-layers 4.22 refuses a configuration that Keras takes, or passes over an entry of it.
 *
 * @module
 */

import type { JsonObject, JsonValue } from '../../model/layer.ts';

const REFUSED = 'TF.js does not load this';
const IGNORED = 'TF.js passes over this and computes something else';

/** What differs in TF.js, as a clause; undefined where the layer does what Keras does. */
export function tfjsDifference(className: string, config: JsonObject): string | undefined {
  const found = (key: string, consequence: string): string | undefined =>
    isDefault(key, config[key]) ? undefined : `${key} = ${JSON.stringify(config[key])}: ${consequence}`;
  switch (className) {
    case 'Conv1D':
    case 'Conv2D':
    case 'Conv3D':
      return config['padding'] === 'causal' ? `causal padding: ${REFUSED}` : found('groups', REFUSED);
    case 'DepthwiseConv2D':
      return found('dilation_rate', IGNORED);
    case 'Conv2DTranspose':
    case 'Conv3DTranspose':
      return (
        (changesSize(config) ? found('output_padding', IGNORED) : undefined) ??
        found('dilation_rate', IGNORED)
      );
    case 'ReLU':
      return found('negative_slope', IGNORED) ?? found('threshold', IGNORED);
    case 'ELU':
      return found('alpha', REFUSED);
    case 'GlobalAveragePooling1D':
    case 'GlobalAveragePooling2D':
    case 'GlobalMaxPooling1D':
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
      return `${String(config['interpolation'] ?? 'bilinear')} resizing: TF.js takes other sample positions than Keras`;
    case 'BatchNormalization':
      return Array.isArray(config['axis'])
        ? `axis = ${JSON.stringify(config['axis'])}: ${REFUSED}`
        : undefined;
    case 'Bidirectional':
      return found('backward_layer', IGNORED);
    case 'Rescaling':
      return Array.isArray(config['scale']) || Array.isArray(config['offset'])
        ? `a scale for each channel: ${IGNORED}`
        : undefined;
    default:
      return undefined;
  }
}

/** What TF.js does where it does not read an entry; for all others only what is missing, null or false counts. */
const DEFAULTS: Readonly<Record<string, number>> = {
  groups: 1,
  dilation_rate: 1,
  alpha: 1,
  negative_slope: 0,
  threshold: 0,
};

/** Whether TF.js behaves as if it had read the value. */
function isDefault(key: string, value: JsonValue | undefined): boolean {
  if (Array.isArray(value)) return value.every((item) => isDefault(key, item));
  return value === undefined || value === null || value === false || value === DEFAULTS[key];
}

/** Whether the `output_padding` of a transposed convolution gives another size than leaving it out does. */
function changesSize(config: JsonObject): boolean {
  const { output_padding: padding, kernel_size: kernel, strides, padding: kind } = config;
  if (padding === undefined || padding === null) return false;
  const sizes = [padding, kernel ?? 1, strides ?? 1].map((value) => [value].flat().map(Number));
  const axes = Math.max(...sizes.map(({ length }) => length));
  return Array.from({ length: axes }).some((_, axis) => {
    const [extra = 0, size = 1, stride = 1] = sizes.map((list) => list[axis] ?? list[0]);
    return kind === 'same' ? extra !== stride - (size % 2) : extra !== Math.max(stride - size, 0);
  });
}
