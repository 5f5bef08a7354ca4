/**
 * How the outputs of two models for the same samples differ, in numbers.
 *
 * @module
 */

import { decibelsOf } from '../../kernels/quantize.ts';
import type { FloatValues } from '../../tensor/dtype.ts';
import { largestOf } from '../../tensor/extremes.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { dimensionsText } from '../../text/numbers.ts';

/** How two outputs differ. `a` is a value of the original's output, `b` the candidate's in its place. */
export interface OutputComparison {
  /**
   * `max |a - b|`. A NaN or an infinity differs from everything but the same in its place, and then by Infinity.
   */
  readonly maxAbsolute: number;
  /** {@link maxAbsolute} as a part of {@link largest}; 0 where nothing differs, Infinity where the original is all zeros. */
  readonly maxRelative: number;
  /** `max |a|` of the whole output, all samples together, over its finite values. */
  readonly largest: number;
  /**
   * Signal to noise in dB, `10 log10(sum a^2 / sum (a - b)^2)`: Infinity where nothing differs, -Infinity where the
   * noise is infinite or the signal is zero.
   */
  readonly sqnrDb: number;
  /** The sample with the largest difference, the first of several; null where nothing differs. */
  readonly worstInput: number | null;
  /** How many values of the original are NaN or infinite: they are equal or not, and measure nothing. */
  readonly nonFinite: number;
}

/** The largest {@link OutputComparison.maxRelative} of several outputs, 0 of none. */
export function worstRelative(outputs: readonly Pick<OutputComparison, 'maxRelative'>[]): number {
  return largestOf(
    outputs.map(({ maxRelative }) => maxRelative),
    0,
  );
}

/**
 * Compares two outputs, `[samples, ...]` each.
 *
 * @throws RangeError where their shapes differ.
 */
export function compareOutputs(original: Tensor, candidate: Tensor): OutputComparison {
  requireSameShape(original, candidate);
  const a = original.values() as FloatValues;
  const b = candidate.values() as FloatValues;
  let largest = 0;
  let signal = 0;
  let noise = 0;
  let nonFinite = 0;
  let maxAbsolute = 0;
  let worst = -1;
  for (const [index, value] of a.entries()) {
    if (Number.isFinite(value)) {
      largest = Math.max(largest, Math.abs(value));
      signal += value * value;
    } else {
      nonFinite++;
    }
    const distance = distanceOf(value, b[index] ?? Number.NaN);
    noise += distance * distance;
    if (distance > maxAbsolute) {
      maxAbsolute = distance;
      worst = index;
    }
  }
  const valuesPerSample = original.size / Math.max(1, original.shape[0] ?? 1);
  return {
    maxAbsolute,
    maxRelative: maxAbsolute === 0 ? 0 : maxAbsolute / largest,
    largest,
    sqnrDb: decibelsOf({ signal, noise }),
    worstInput: worst < 0 ? null : Math.floor(worst / valuesPerSample),
    nonFinite,
  };
}

/** `|a - b|`, where equal infinities and two NaNs are no distance apart and one NaN is infinitely far. */
function distanceOf(a: number, b: number): number {
  const distance = Math.abs(a - b);
  if (!Number.isNaN(distance)) return distance;
  return Object.is(a, b) ? 0 : Infinity;
}

/**
 * The share of samples whose largest value is in the same column; of equal ones the first counts.
 *
 * @returns null where the outputs do not look like classes: they are `[samples, classes]` with two classes or more,
 * dimensions of 1 between them aside.
 * @throws RangeError where the shapes differ.
 */
export function top1Agreement(original: Tensor, candidate: Tensor): number | null {
  requireSameShape(original, candidate);
  const [samples = 0] = original.shape;
  const classes = original.columns;
  if (original.shape.length < 2 || classes < 2 || samples === 0) return null;
  if (original.size !== samples * classes) return null;
  const a = original.values() as FloatValues;
  const b = candidate.values() as FloatValues;
  return agreement(samples, (sample) => {
    const start = sample * classes;
    return largestColumn(a, start, classes) === largestColumn(b, start, classes);
  });
}

/**
 * The share of samples on the same side of `threshold`, for outputs of one column, `[samples, 1]`; else null.
 *
 * @throws RangeError where the shapes differ.
 */
export function decisionAgreement(original: Tensor, candidate: Tensor, threshold: number): number | null {
  requireSameShape(original, candidate);
  const [samples = 0] = original.shape;
  if (samples === 0 || original.size !== samples) return null;
  const a = original.values() as FloatValues;
  const b = candidate.values() as FloatValues;
  const decides = (values: FloatValues, sample: number): boolean =>
    (values[sample] ?? Number.NaN) >= threshold;
  return agreement(samples, (sample) => decides(a, sample) === decides(b, sample));
}

function agreement(samples: number, agrees: (sample: number) => boolean): number {
  let agreeing = 0;
  for (let sample = 0; sample < samples; sample++) if (agrees(sample)) agreeing++;
  return agreeing / samples;
}

/** The first of the largest of `classes` values from `start` on; -1 where all are NaN or -Infinity. */
export function largestColumn(values: FloatValues, start: number, classes: number): number {
  let best = -1;
  let largest = -Infinity;
  for (let column = 0; column < classes; column++) {
    const value = values[start + column] ?? Number.NaN;
    if (value > largest) {
      largest = value;
      best = column;
    }
  }
  return best;
}

function requireSameShape(original: Tensor, candidate: Tensor): void {
  const [one, other] = [original, candidate].map(({ shape }) => dimensionsText(shape));
  if (one !== other) throw new RangeError(`outputs of the shapes ${one} and ${other} cannot be compared`);
}
