/**
 * Fake quantization: values are put on the grid of a quantizer and stay real numbers.
 *
 * @module
 */

import type { FloatValues } from '../tensor/dtype.ts';
import type { ChannelLayout } from './channel-layout.ts';
import { type Rounding, roundHalfAway } from './rounding.ts';

/** Grids `scale * k`, `lowest <= k <= highest` whole numbers below 2^51, each `[channels]`; `scale > 0`. */
export interface IntegerGrids {
  readonly scale: Float64Array;
  readonly lowest: Float64Array;
  readonly highest: Float64Array;
}

/** The grid `level * scale + min`, `level` a whole number from 0 to `steps`; of a whole tensor. */
export interface TfjsGrid {
  readonly scale: number;
  readonly min: number;
  /** What values are clipped to before. */
  readonly max: number;
  readonly steps: number;
}

/** A number below 2^51 that is added to this is rounded to a whole one, ties to even, without a branch. */
const ROUNDS_TO_WHOLE = 1.5 * 2 ** 52;

/** More than any grid has. */
const MOST_LEVELS = 2 ** 51;

/**
 * `target = scale * clamp(round(w / scale), lowest, highest)` in float64, rounded once into the target's type.
 *
 * `values` start at flat index `start` of a tensor with channels as `layout` says. Zero stays zero, and a -0 becomes 0;
 * infinite values go to the ends of the grid, a NaN stays one; no values do nothing. `target` may be `values`.
 */
export function fakeQuantizeInteger(
  values: FloatValues,
  start: number,
  layout: ChannelLayout,
  grids: IntegerGrids,
  rounding: Rounding,
  target: FloatValues,
): void {
  const { channels, inner } = layout;
  const isHalfAway = rounding === 'half-away';
  let channel = Math.floor(start / inner) % channels;
  if (inner === 1) {
    // The columns of most kernels.
    for (let index = 0; index < values.length; index++) {
      const scale = grids.scale[channel]!;
      const exact = values[index]! / scale;
      target[index] = scale * integerStep(exact, grids.lowest[channel]!, grids.highest[channel]!, isHalfAway);
      channel = channel + 1 === channels ? 0 : channel + 1;
    }
    return;
  }
  for (let index = 0, left = inner - (start % inner); index < values.length; left = inner) {
    const end = Math.min(values.length, index + left);
    const scale = grids.scale[channel]!;
    const lowest = grids.lowest[channel]!;
    const highest = grids.highest[channel]!;
    for (; index < end; index++) {
      target[index] = scale * integerStep(values[index]! / scale, lowest, highest, isHalfAway);
    }
    channel = channel + 1 === channels ? 0 : channel + 1;
  }
}

function integerStep(exact: number, lowest: number, highest: number, isHalfAway: boolean): number {
  let clipped = exact;
  // Faster than Math.min and Math.max, and a NaN stays one.
  if (clipped < lowest) clipped = lowest;
  else if (clipped > highest) clipped = highest;
  const step = clipped + ROUNDS_TO_WHOLE - ROUNDS_TO_WHOLE;
  // Ties are rare, so that the test costs next to nothing.
  return isHalfAway && Math.abs(clipped - step) === 0.5 ? roundHalfAway(clipped) : step;
}

/** What is done to values that are put on a grid of codes from -128 to 127, of which q stands for `scale * (q - zeroPoint)`. */
export interface CodeSteps {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly rounding: boolean;
  readonly clipping: boolean;
  /**
   * Whether values are means of codes: a tie then goes away from the code 0 instead of the value 0, and what misses one
   * by a rounding error of float32 is one.
   */
  readonly areMeans: boolean;
}

/** By how much, in codes, a mean in float32 may miss a tie. */
const NEAR_TIE = 2 ** -10;

/**
 * `target = scale * (clamp(round(w / scale + zeroPoint), -128, 127) - zeroPoint)` in float64, ties away from zero, rounded once
 * into the target's type; without the rounding or the clamping where it is left out.
 *
 * Zero stays zero, and a -0 becomes 0; infinite values go to the ends of the grid, a NaN stays one; no values do nothing.
 * `target` may be `values`.
 */
export function fakeQuantizeCodes(values: FloatValues, steps: CodeSteps, target: FloatValues): void {
  const { scale, zeroPoint, rounding, clipping, areMeans } = steps;
  const lowest = clipping ? -128 - zeroPoint : -Infinity;
  const highest = clipping ? 127 - zeroPoint : Infinity;
  for (let index = 0; index < values.length; index++) {
    let step = values[index]! / scale;
    if (step < lowest) step = lowest;
    else if (step > highest) step = highest;
    if (rounding) {
      step = areMeans ? roundMean(step + zeroPoint) - zeroPoint : roundHalfAway(step);
    }
    target[index] = scale * step + 0;
  }
}

function roundMean(code: number): number {
  return roundHalfAway(code < 0 ? code - NEAR_TIE : code + NEAR_TIE);
}

/**
 * The levels of values as TF.js' converter writes them: `round((clip(w, min, max) - min) / scale)`, ties to even, each
 * operation in float32 as NumPy 1 has it, which keeps the type of the array.
 *
 * Where float32 is too small for the step or the range, the converter's levels are those of a NaN or of Inf, which it
 * converts to 0. A NaN also gives 0; no values do nothing.
 */
export function tfjsLevels(values: FloatValues, grid: TfjsGrid, target: Uint8Array | Uint16Array): void {
  const { low, high, step } = inFloat32(grid);
  for (let index = 0; index < values.length; index++) {
    target[index] = tfjsLevel(values[index]!, low, high, step);
  }
}

/** `target = level * scale + min` of {@link tfjsLevels}, in float64 and rounded once, as TF.js dequantizes. */
export function fakeQuantizeTfjs(values: FloatValues, grid: TfjsGrid, target: FloatValues): void {
  const { scale, min } = grid;
  const { low, high, step } = inFloat32(grid);
  for (let index = 0; index < values.length; index++) {
    target[index] = Math.fround(tfjsLevel(values[index]!, low, high, step) * scale + min);
  }
}

function inFloat32({ scale, min, max }: TfjsGrid): { low: number; high: number; step: number } {
  return { low: Math.fround(min), high: Math.fround(max), step: Math.fround(scale) };
}

function tfjsLevel(value: number, low: number, high: number, step: number): number {
  let clipped = Math.fround(value);
  if (clipped < low) clipped = low;
  else if (clipped > high) clipped = high;
  const exact = Math.fround(Math.fround(clipped - low) / step);
  // Neither a NaN nor Inf.
  return exact < MOST_LEVELS ? exact + ROUNDS_TO_WHOLE - ROUNDS_TO_WHOLE : 0;
}

/** `quantized -= w`, which is exact in the type of both: a weight and what it is rounded to are near each other, or one is 0. */
export function subtractInPlace(quantized: FloatValues, values: FloatValues): void {
  for (let index = 0; index < values.length; index++) quantized[index] = quantized[index]! - values[index]!;
}

/** Sums of squares: of the values, and of what quantizing them changed. */
export interface NoisePower {
  signal: number;
  noise: number;
}

/** Adds `sum w^2` and `sum (Q(w) - w)^2` to `power`, in float64. NaN and Inf follow IEEE rules; no values add nothing. */
export function addNoisePower(values: FloatValues, quantized: FloatValues, power: NoisePower): void {
  let signal = 0;
  let noise = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    const error = quantized[index]! - value;
    signal += value * value;
    noise += error * error;
  }
  power.signal += signal;
  power.noise += noise;
}

/** `10 log10(signal / noise)`: Infinity where there is no noise, -Infinity where there is nothing but noise. */
export function decibelsOf({ signal, noise }: NoisePower): number {
  return noise === 0 ? Infinity : 10 * Math.log10(signal / noise);
}
