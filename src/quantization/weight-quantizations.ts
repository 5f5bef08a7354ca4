/**
 * What runtimes and converters do to the weights of a model, by name: a quantizer, and which weights it takes.
 *
 * @module
 */

import { presetOf, QUANTIZER_PRESETS, type QuantizerName, type WeightQuantizer } from './quantizer.ts';

/** The names of {@link QUANTIZATIONS}. */
export type QuantizationName = QuantizerName | 'tfjs-uint8-kernels' | 'tfjs-uint16-kernels';

/** A quantizer, and which weights of a model it takes. */
export interface WeightQuantization {
  readonly quantizer: WeightQuantizer;
  /** `kernels` of convolutions and Dense, or `all` float weights. */
  readonly weights: 'kernels' | 'all';
}

/**
 * Quantizations that are in use.
 *
 * - `tfjs-uint8`, `tfjs-uint16`: all float weights, biases and batch norms among them, as
 *   `tensorflowjs_converter --quantize_uint8` and `--quantize_uint16` have it.
 * - `tfjs-uint8-kernels`, `tfjs-uint16-kernels`: the same grids for kernels alone, as with the pattern `'*kernel'`.
 * - `int8-per-tensor`, `int8-per-tensor-symmetric`, `int8-per-channel`: kernels; see {@link QUANTIZER_PRESETS}.
 */
export const QUANTIZATIONS: Readonly<Record<QuantizationName, WeightQuantization>> = {
  'int8-per-tensor': { quantizer: QUANTIZER_PRESETS['int8-per-tensor'], weights: 'kernels' },
  'int8-per-tensor-symmetric': {
    quantizer: QUANTIZER_PRESETS['int8-per-tensor-symmetric'],
    weights: 'kernels',
  },
  'int8-per-channel': { quantizer: QUANTIZER_PRESETS['int8-per-channel'], weights: 'kernels' },
  'tfjs-uint8': { quantizer: QUANTIZER_PRESETS['tfjs-uint8'], weights: 'all' },
  'tfjs-uint8-kernels': { quantizer: QUANTIZER_PRESETS['tfjs-uint8'], weights: 'kernels' },
  'tfjs-uint16': { quantizer: QUANTIZER_PRESETS['tfjs-uint16'], weights: 'all' },
  'tfjs-uint16-kernels': { quantizer: QUANTIZER_PRESETS['tfjs-uint16'], weights: 'kernels' },
};

/**
 * The quantization of that name.
 *
 * @throws RangeError, which lists the names, where there is none.
 */
export function parseQuantization(name: string): WeightQuantization {
  return presetOf('quantization', name, QUANTIZATIONS);
}
