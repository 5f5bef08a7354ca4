/**
 * Descriptions of quantizers, and those that are in use by name.
 *
 * @module
 */

import { ownEntry } from '../json/value.ts';
import type { Rounding } from '../kernels/rounding.ts';

/** How weights are quantized; a plain object, so that any other than the presets can be written down. */
export interface WeightQuantizer {
  /**
   * `integer`, which is what is meant where it is left out: `scale * (q + offset)` with whole numbers, the range
   * extended to hold 0, which is so exactly on the grid. `tfjs`: `q * scale + min` of a whole tensor, as TF.js' converter
   * computes it, where 0 is on the grid only if it lies in the range.
   */
  readonly scheme?: 'integer' | 'tfjs';
  /** Bits of a quantized weight, 2 to 16. */
  readonly bits: number;
  /** Whether the range reaches as far below 0 as above it, so that the zero point is 0. */
  readonly symmetric: boolean;
  /** Whether the symmetric grid goes without its lowest number, as -127 to 127; false where it is left out. */
  readonly strict?: boolean;
  /** A range for each output channel of a kernel, or one for the tensor. */
  readonly perChannel: boolean;
  /** Where it is per channel: whether kernels of Dense layers have one range all the same; false where it is left out. */
  readonly densePerTensor?: boolean;
  /** Where ties go when a weight is put on the grid. */
  readonly rounding: Rounding;
}

/** How activations are quantized: one range a tensor. */
export interface ActivationQuantizer {
  /** Bits of a quantized value, 2 to 16. */
  readonly bits: number;
  readonly symmetric: boolean;
  readonly rounding: Rounding;
}

/** What integer converters do to activations: 8 bits, one asymmetric range a tensor. */
export const INT8_ACTIVATIONS: ActivationQuantizer = { bits: 8, symmetric: false, rounding: 'half-away' };

/** The names of {@link QUANTIZER_PRESETS}. */
export type QuantizerName =
  | 'tfjs-uint8'
  | 'tfjs-uint16'
  | 'int8-per-tensor'
  | 'int8-per-tensor-symmetric'
  | 'int8-per-channel';

/**
 * Quantizers that are in use.
 *
 * - `tfjs-uint8`, `tfjs-uint16`: `tensorflowjs_converter --quantize_uint8` and `--quantize_uint16`, bit for bit as
 *   tensorflowjs 4.22 with NumPy 1 writes them.
 * - `int8-per-tensor`: one asymmetric range a kernel, as integer NPUs and DSPs and the data-free quantization paper
 *   (Nagel et al. 2019) have it.
 * - `int8-per-tensor-symmetric`: one range a kernel, -127 to 127, as TensorFlow Lite has it with ranges for channels switched
 *   off.
 * - `int8-per-channel`: symmetric, -127 to 127 for each output channel, as TensorFlow Lite (LiteRT) has it.
 */
export const QUANTIZER_PRESETS: Readonly<Record<QuantizerName, WeightQuantizer>> = {
  'tfjs-uint8': { scheme: 'tfjs', bits: 8, symmetric: false, perChannel: false, rounding: 'half-even' },
  'tfjs-uint16': { scheme: 'tfjs', bits: 16, symmetric: false, perChannel: false, rounding: 'half-even' },
  'int8-per-tensor': { bits: 8, symmetric: false, perChannel: false, rounding: 'half-away' },
  'int8-per-tensor-symmetric': {
    bits: 8,
    symmetric: true,
    strict: true,
    perChannel: false,
    rounding: 'half-away',
  },
  'int8-per-channel': { bits: 8, symmetric: true, strict: true, perChannel: true, rounding: 'half-away' },
};

/**
 * The preset of that name.
 *
 * @throws RangeError, which lists the names, where there is none.
 */
export function parseQuantizer(name: string): WeightQuantizer {
  return presetOf('quantizer', name, QUANTIZER_PRESETS);
}

/** @throws RangeError, which lists the names, where none of the presets has that name. */
export function presetOf<Preset>(
  what: string,
  name: string,
  presets: Readonly<Record<string, Preset>>,
): Preset {
  const preset = ownEntry(presets, name);
  if (preset !== undefined) return preset;
  throw new RangeError(`there is no ${what} ${name}; there are ${Object.keys(presets).join(', ')}`);
}

/** @throws RangeError where the description contradicts itself. */
export function checkWeightQuantizer(quantizer: WeightQuantizer): void {
  checkActivationQuantizer(quantizer);
  const { scheme = 'integer', symmetric, strict = false, perChannel, rounding } = quantizer;
  if (scheme !== 'integer' && scheme !== 'tfjs') {
    throw new RangeError(`a quantizer's scheme is integer or tfjs, not ${String(scheme)}`);
  }
  if (scheme === 'tfjs' && (symmetric || perChannel || rounding !== 'half-even')) {
    throw new RangeError('the tfjs scheme is asymmetric, per tensor and rounds half to even');
  }
  if (strict && !symmetric) throw new RangeError('only a symmetric quantizer can be strict');
}

/** @throws RangeError where the bits are none of 2 to 16, or the rounding is none that is known. */
export function checkActivationQuantizer({ bits, rounding }: ActivationQuantizer): void {
  if (!Number.isInteger(bits) || bits < 2 || bits > 16) {
    throw new RangeError(`a quantizer has 2 to 16 bits, not ${bits}`);
  }
  if (rounding !== 'half-even' && rounding !== 'half-away') {
    throw new RangeError(`a quantizer rounds half-even or half-away, not ${String(rounding)}`);
  }
}
