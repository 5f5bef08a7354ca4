/**
 * From the range of a tensor to its grid of int8 codes, in float32 as files hold it.
 *
 * @module
 */

import { roundHalfAway } from '../../kernels/rounding.ts';
import type { TensorScale } from './grid-groups.ts';

/** Smallest and largest value of a tensor. */
export interface TensorRange {
  readonly min: number;
  readonly max: number;
}

/** Steps between the lowest and the highest of 256 codes. */
const STEPS = 255;
/** The lowest code of int8. */
export const LOWEST_CODE = -128;
/** The highest one. */
export const HIGHEST_CODE = 127;

/** Values that are all 0 get a range of this size, as encodings give them. */
const RANGE_OF_ZEROS = 1e-5;

/**
 * Scales of tensors and of kernels lie between these, so that the product of two is a normal float32 number: runtimes
 * refuse a denormal one.
 */
export const SMALLEST_SCALE: number = 2 ** -60;
/** See {@link SMALLEST_SCALE}. */
export const LARGEST_SCALE: number = 2 ** 60;

/**
 * The finest grid that holds 0 and the whole range, 0 exactly, so that padding is exact. Of a range with both signs one end is
 * on the grid as well: with a zero point in the middle of two codes, images between -1 and 1 would be half a step off.
 *
 * @param range finite; 0 is taken to be in it
 * @param leastScale the grid is no finer than that, where a kernel cannot write a finer one
 */
export function rangeGrid({ min, max }: TensorRange, leastScale = 0): TensorScale {
  const low = Math.min(0, min);
  const high = Math.max(0, max);
  const { scale, below } = low < 0 && high > 0 ? bothSigns(low, high) : oneSign(low, high);
  const least = Math.fround(Math.max(leastScale, SMALLEST_SCALE));
  if (Math.fround(scale) >= least) return { scale: Math.fround(scale), zeroPoint: LOWEST_CODE + below };
  // Coarser than need be: an end between two codes is rounded like any value.
  return { scale: least, zeroPoint: LOWEST_CODE + Math.min(Math.round(-low / least) + 0, STEPS) };
}

/** The code of a value on a grid, ties away from 0, at an end of the grid where it lies beyond. */
export function codeOf(value: number, { scale, zeroPoint }: TensorScale): number {
  return Math.min(HIGHEST_CODE, Math.max(LOWEST_CODE, zeroPoint + roundHalfAway(value / scale)));
}

/** A grid by its scale and the number of its steps below 0. */
interface Steps {
  readonly scale: number;
  readonly below: number;
}

function oneSign(low: number, high: number): Steps {
  return { scale: (high - low || RANGE_OF_ZEROS) / STEPS, below: low < 0 ? STEPS : 0 };
}

function bothSigns(low: number, high: number): Steps {
  // The quotient of a range with hardly anything above 0 is 1.
  const fitting = Math.min(STEPS - 1, Math.floor((-low / (high - low)) * STEPS));
  const [first, second] = [fitting, fitting + 1].map((below) => ({
    scale: Math.max(-low / below, high / (STEPS - below)),
    below,
  })) as [Steps, Steps];
  return second.scale < first.scale ? second : first;
}
