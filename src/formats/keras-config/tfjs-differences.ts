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
  const set = (key: string): JsonValue | undefined => (isDefault(config[key]) ? undefined : config[key]);
  const found = (key: string, consequence: string): string | undefined =>
    set(key) === undefined ? undefined : `${key} = ${JSON.stringify(config[key])}: ${consequence}`;
  switch (className) {
    case 'Conv1D':
    case 'Conv2D':
    case 'Conv3D':
      return config['padding'] === 'causal' ? `causal padding: ${REFUSED}` : found('groups', REFUSED);
    case 'DepthwiseConv2D':
      return found('dilation_rate', IGNORED);
    case 'Conv2DTranspose':
    case 'Conv3DTranspose':
      return found('output_padding', IGNORED) ?? found('dilation_rate', IGNORED);
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
      return Array.isArray(config['axis']) ? found('axis', REFUSED) : undefined;
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

/** Values that TF.js behaves as if it had read. */
function isDefault(value: JsonValue | undefined): boolean {
  if (Array.isArray(value)) return value.every(isDefault);
  return value === undefined || value === null || value === false || value === 0 || value === 1;
}
