/**
 * From the range of values to the grid that they are put on.
 *
 * @module
 */

import type { IntegerGrids, TfjsGrid } from '../kernels/quantize.ts';
import { roundHalfAway, roundHalfEven } from '../kernels/rounding.ts';

/**
 * An integer grid: `scale * (q + offset)` for q from 0 to the number of steps, by the names and signs of AIMET's
 * encodings.
 */
export interface QuantizationEncoding {
  /** The smallest number of the grid, `scale * offset`. */
  readonly min: number;
  /** The largest number of the grid. */
  readonly max: number;
  /** The distance between two numbers of the grid; AIMET's `delta`. */
  readonly scale: number;
  /** `min / scale`, a whole number from minus the number of steps to 0. */
  readonly offset: number;
  readonly bitwidth: number;
  readonly isSymmetric: boolean;
}

/** What {@link integerEncoding} needs to know of a quantizer. */
export interface GridShape {
  readonly bits: number;
  readonly symmetric: boolean;
  readonly strict?: boolean;
}

/** Values that are all 0 get a range of this size, as AIMET's `gate_min_max` gives them. */
const SMALLEST_RANGE = 1e-5;

/**
 * The grid for values between `min` and `max`, both finite; 0 is always on it.
 *
 * As AIMET's `TfEncodingAnalyzer` has it (quantization scheme `post_training_tf`), with two exceptions. It has no floor
 * of 0.01 under a range, which would take most of their bits from small channels. And a symmetric grid has negative
 * numbers even where no value is negative, where AIMET's `unsigned_symmetric` gives it none: runtimes with signed
 * weights have no such grid.
 */
export function integerEncoding(min: number, max: number, shape: GridShape): QuantizationEncoding {
  const { bits, symmetric, strict = false } = shape;
  const low = Math.min(0, min);
  const high = Math.max(0, max);
  const steps = 2 ** bits - (symmetric && strict ? 2 : 1);
  const positiveSteps = Math.floor(steps / 2);
  const range = symmetric ? Math.max(high, -low) : high - low;
  const rangeSteps = symmetric ? positiveSteps : steps;
  // The quotient of the smallest doubles is 0.
  const scale = range / rangeSteps || SMALLEST_RANGE / rangeSteps;
  // Where the scale is so small that it lost its digits, the quotient can be past the grid.
  const offset = symmetric ? positiveSteps - steps : Math.max(-steps, roundHalfAway(low / scale)) + 0;
  return {
    min: scale * offset,
    max: scale * (offset + steps),
    scale,
    offset,
    bitwidth: bits,
    isSymmetric: symmetric,
  };
}

/** The encodings of all channels as arrays. */
export function integerGrids(encodings: readonly QuantizationEncoding[]): IntegerGrids {
  return {
    scale: Float64Array.from(encodings, ({ scale }) => scale),
    lowest: Float64Array.from(encodings, ({ offset }) => offset),
    highest: Float64Array.from(encodings, ({ max, scale }) => Math.round(max / scale)),
  };
}

/**
 * The grid that TF.js' converter takes for values between `min` and `max`: `quantize_weights` of tensorflowjs 4.22.
 * The range is moved so that 0 is on the grid, if it holds 0 at all; values that are all the same stay as they are.
 */
export function tfjsGrid(min: number, max: number, bits: number): TfjsGrid {
  const steps = 2 ** bits - 1;
  if (min === max) return { scale: 1, min, max, steps };
  const scale = (max - min) / steps;
  if (min > 0 || max < 0) return { scale, min, max, steps };
  // 0 - min, as the converter has it: -min of 0 is -0.
  const nudged = -roundHalfEven((0 - min) / scale) * scale;
  return { scale, min: nudged, max: steps * scale + nudged, steps };
}
