/**
 * Rounding in which errors cancel each other, where rounding each weight to the nearest lets them add up.
 *
 * @module
 */

import type { FloatValues } from '../tensor/dtype.ts';

/** The weights of one output channel that are to be rounded. */
export interface RoundedWeights {
  /** `Q(w) - w` for the level that each weight is on; changed in place. */
  readonly error: Float64Array;
  /** The same for the level on the other side of the weight; NaN where it has to stay. Changed in place. */
  readonly other: Float64Array;
  /**
   * Which input each weight is multiplied with: an index into {@link mean} and {@link variance}. The weights of an input
   * stand together.
   */
  readonly input: Int32Array;
  /** Of each input, `[inputs]`. */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** How the inputs of a kernel vary together. */
export interface InputCorrelation {
  /** Between the positions of one channel, 0 to 1. */
  readonly positions: number;
  /** `Cov(x_i, x_j) = channels E[x_i] E[x_j]` between channels, which get brighter and darker together. */
  readonly channels: number;
}

/**
 * Moves weights to their other level as long as that makes the expected square of the output's error smaller, the one that
 * gains most first:
 * `J = (1 - p) sum of v_i e^2 + p sum over i of v_i (sum of e)^2 + c (sum of m_i e)^2`. The mean of the error is left out,
 * which a bias takes.
 *
 * @returns how many weights were moved. No weights move none; a NaN among the moments none either.
 */
export function cancelErrors(weights: RoundedWeights, correlation: InputCorrelation): number {
  const { error, other, input, mean } = weights;
  const { channels: c } = correlation;
  const size = error.length;
  const sums = new Float64Array(mean.length);
  let total = 0;
  for (let at = 0; at < size; at++) {
    sums[input[at]!] = sums[input[at]!]! + error[at]!;
    total += mean[input[at]!]! * error[at]!;
  }
  // Moving a weight changes J by `own + slope * total`, of which `own` changes with the sum of its input alone.
  const own = new Float64Array(size);
  const slope = new Float64Array(size);
  for (let at = 0; at < size; at++) {
    own[at] = ownChange(weights, at, sums, correlation);
    slope[at] = 2 * c * mean[input[at]!]! * (other[at]! - error[at]!);
  }
  let moved = 0;
  // Each turn makes J smaller, and weights have two levels each: the limit is for rounding alone.
  for (const most = 4 * size; moved < most; moved++) {
    let best = -1;
    let least = 0;
    for (let at = 0; at < size; at++) {
      const change = own[at]! + slope[at]! * total;
      if (change < least) {
        least = change;
        best = at;
      }
    }
    if (best < 0) break;
    const from = error[best]!;
    const to = other[best]!;
    const channel = input[best]!;
    sums[channel] = sums[channel]! + to - from;
    total += mean[channel]! * (to - from);
    error[best] = to;
    other[best] = from;
    slope[best] = -slope[best]!;
    for (let at = best; at >= 0 && input[at] === channel; at--) {
      own[at] = ownChange(weights, at, sums, correlation);
    }
    for (let at = best + 1; at < size && input[at] === channel; at++) {
      own[at] = ownChange(weights, at, sums, correlation);
    }
  }
  return moved;
}

/** What moving a weight changes in J, without the part that the errors of all inputs have in it. */
function ownChange(
  { error, other, input, mean, variance }: RoundedWeights,
  at: number,
  sums: Float64Array,
  { positions: p, channels: c }: InputCorrelation,
): number {
  const from = error[at]!;
  const to = other[at]!;
  const channel = input[at]!;
  const step = to - from;
  const v = variance[channel]!;
  return (
    (1 - p) * v * (to * to - from * from) +
    p * v * step * (2 * sums[channel]! + step) +
    c * (mean[channel]! * step) ** 2
  );
}

/** Levels `low + n step` up to `high`. */
export interface LevelRange {
  readonly step: number;
  readonly low: number;
  readonly high: number;
}

/** A kernel `[positions, pairs]` that is to be rounded. */
export interface RoundedKernel {
  readonly weights: FloatValues;
  /** The level nearest to each weight. Changed in place, to within rounding of another level. */
  readonly levels: FloatValues;
  readonly pairs: number;
  /** The pairs of each output channel. */
  readonly pairsOfOutput: readonly Int32Array[];
  /** The input of each pair. */
  readonly inputOfPair: Int32Array;
  /** For each output channel. */
  readonly ranges: readonly LevelRange[];
  /** Of each input. */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/**
 * {@link cancelErrors} for each output channel of a kernel. Weights on the first or the last level stay, so that a quantizer
 * finds the same range again.
 *
 * @returns how many weights were moved.
 */
export function cancelKernelErrors(kernel: RoundedKernel, correlation: InputCorrelation): number {
  const { weights, levels, pairs, pairsOfOutput, inputOfPair, ranges } = kernel;
  const positions = pairs === 0 ? 0 : weights.length / pairs;
  let moved = 0;
  for (const [output, list] of pairsOfOutput.entries()) {
    const size = list.length * positions;
    const channel = {
      error: new Float64Array(size),
      other: new Float64Array(size),
      input: new Int32Array(size),
      mean: new Float64Array(list.length),
      variance: new Float64Array(list.length),
    };
    for (let index = 0, at = 0; index < list.length; index++) {
      const pair = list[index]!;
      channel.mean[index] = kernel.mean[inputOfPair[pair]!]!;
      channel.variance[index] = kernel.variance[inputOfPair[pair]!]!;
      for (let flat = pair; flat < weights.length; flat += pairs, at++) {
        channel.input[at] = index;
        channel.error[at] = levels[flat]! - weights[flat]!;
        channel.other[at] = otherLevel(weights[flat]!, levels[flat]!, ranges[output]!) - weights[flat]!;
      }
    }
    const count = cancelErrors(channel, correlation);
    moved += count;
    if (count === 0) continue;
    for (let index = 0, at = 0; index < list.length; index++) {
      for (let flat = list[index]!; flat < weights.length; flat += pairs, at++) {
        levels[flat] = weights[flat]! + channel.error[at]!;
      }
    }
  }
  return moved;
}

/** The level on the other side of a weight; NaN where there is none, or where the weight holds an end of the range. */
function otherLevel(weight: number, level: number, { step, low, high }: LevelRange): number {
  const half = step / 2;
  if (level < low + half || level > high - half) return Number.NaN;
  return level > weight ? level - step : level + step;
}
