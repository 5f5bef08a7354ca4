/**
 * Rounding in which errors cancel each other, where rounding each weight to the nearest lets them add up.
 *
 * @module
 */

import type { FloatValues } from '../tensor/dtype.ts';
import type { PairSteps } from './pair-ranges.ts';

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

/** What {@link cancelErrors} works in, for callers with many channels; what it holds means nothing afterwards. */
export interface CancellingScratch {
  /** Of the errors of each input, `[inputs]`. */
  readonly sums: Float64Array;
  /** Of each weight. */
  readonly own: Float64Array;
  readonly slope: Float64Array;
}

function cancellingScratch(size: number, inputs: number): CancellingScratch {
  return { sums: new Float64Array(inputs), own: new Float64Array(size), slope: new Float64Array(size) };
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
export function cancelErrors(
  weights: RoundedWeights,
  correlation: InputCorrelation,
  scratch: CancellingScratch = cancellingScratch(weights.error.length, weights.mean.length),
): number {
  const { error, other, input, mean } = weights;
  const { sums, own, slope } = scratch;
  const size = error.length;
  sums.fill(0);
  let total = 0;
  for (let at = 0; at < size; at++) {
    sums[input[at]!] = sums[input[at]!]! + error[at]!;
    total += mean[input[at]!]! * error[at]!;
  }
  for (let start = 0; start < size; ) start = takeChanges(weights, start, correlation, scratch);
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
    let start = best;
    while (start > 0 && input[start - 1] === channel) start--;
    takeChanges(weights, start, correlation, scratch);
  }
  return moved;
}

/**
 * What moving each weight of an input changes in J: `own + slope * total`, with the sum of all errors times their means.
 *
 * @returns where the weights of the input end that begin at `start`
 */
function takeChanges(
  { error, other, input, mean, variance }: RoundedWeights,
  start: number,
  { positions: p, channels: c }: InputCorrelation,
  { sums, own, slope }: CancellingScratch,
): number {
  const channel = input[start]!;
  const alone = (1 - p) * variance[channel]!;
  const together = p * variance[channel]!;
  const twice = 2 * sums[channel]!;
  const m = mean[channel]!;
  let at = start;
  for (; at < error.length && input[at] === channel; at++) {
    const from = error[at]!;
    const to = other[at]!;
    const step = to - from;
    own[at] = alone * (to * to - from * from) + together * step * (twice + step) + c * (m * step) ** 2;
    slope[at] = 2 * c * m * step;
  }
  return at;
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
  /** Which pairs each output channel has. */
  readonly pairsOfOutput: PairSteps;
  /** The input of each pair. */
  readonly inputOfPair: Int32Array;
  /** For each output channel. */
  readonly ranges: readonly LevelRange[];
  /** Of each input. */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** Output channels at a time: in most kernels they are neighbours, and a line of a processor's cache holds as many. */
const BLOCK_OUTPUTS = 16;

/**
 * {@link cancelErrors} for each output channel of a kernel. Weights on the first or the last level stay, so that a quantizer
 * finds the same range again.
 *
 * @returns how many weights were moved.
 */
export function cancelKernelErrors(kernel: RoundedKernel, correlation: InputCorrelation): number {
  const { weights, pairs, ranges } = kernel;
  const inputs = kernel.pairsOfOutput.count;
  const positions = pairs === 0 ? 0 : weights.length / pairs;
  const size = inputs * positions;
  const block = {
    error: new Float64Array(BLOCK_OUTPUTS * size),
    other: new Float64Array(BLOCK_OUTPUTS * size),
    mean: new Float64Array(BLOCK_OUTPUTS * inputs),
    variance: new Float64Array(BLOCK_OUTPUTS * inputs),
  };
  const channels = Array.from({ length: BLOCK_OUTPUTS }, (_, index) => ({
    error: block.error.subarray(index * size, (index + 1) * size),
    other: block.other.subarray(index * size, (index + 1) * size),
    mean: block.mean.subarray(index * inputs, (index + 1) * inputs),
    variance: block.variance.subarray(index * inputs, (index + 1) * inputs),
    input: inputOfWeight(inputs, positions),
  }));
  const scratch = cancellingScratch(size, inputs);
  let moved = 0;
  for (let first = 0; first < ranges.length; first += BLOCK_OUTPUTS) {
    takeErrors(kernel, block, first);
    const counts = channels.map((channel, index) =>
      first + index < ranges.length ? cancelErrors(channel, correlation, scratch) : 0,
    );
    putLevels(kernel, block, first, counts);
    for (const count of counts) moved += count;
  }
  return moved;
}

function inputOfWeight(inputs: number, positions: number): Int32Array {
  const input = new Int32Array(inputs * positions);
  for (let index = 0; index < inputs; index++) input.fill(index, index * positions, (index + 1) * positions);
  return input;
}

/** Errors, and the moments of the inputs that they meet, of some outputs: `[BLOCK_OUTPUTS, weights]`, `[BLOCK_OUTPUTS, inputs]`. */
type OutputBlock = Pick<RoundedWeights, 'error' | 'other' | 'mean' | 'variance'>;

// Both loops take a weight of each output after the other, which lie beside each other.

function takeErrors(
  kernel: RoundedKernel,
  { error, other, mean, variance }: OutputBlock,
  first: number,
): void {
  const { weights, levels, pairs, pairsOfOutput, inputOfPair, ranges } = kernel;
  const { count: inputs, channel: outputStep, next } = pairsOfOutput;
  const outputs = Math.min(BLOCK_OUTPUTS, ranges.length - first);
  const size = error.length / BLOCK_OUTPUTS;
  for (let at = 0, index = 0; index < inputs; index++) {
    let pair = first * outputStep + index * next;
    for (let output = 0; output < outputs; output++, pair += outputStep) {
      const channel = inputOfPair[pair]!;
      mean[output * inputs + index] = kernel.mean[channel]!;
      variance[output * inputs + index] = kernel.variance[channel]!;
    }
    for (let start = first * outputStep + index * next; start < weights.length; start += pairs, at++) {
      for (
        let output = 0, flat = start, to = at;
        output < outputs;
        output++, flat += outputStep, to += size
      ) {
        const weight = weights[flat]!;
        const level = levels[flat]!;
        error[to] = level - weight;
        other[to] = otherLevel(weight, level, ranges[first + output]!) - weight;
      }
    }
  }
}

/** Puts the levels of the outputs of which some were moved in their place. */
function putLevels(
  { weights, levels, pairs, pairsOfOutput }: RoundedKernel,
  { error }: OutputBlock,
  first: number,
  moved: readonly number[],
): void {
  const { count: inputs, channel: outputStep, next } = pairsOfOutput;
  const size = error.length / BLOCK_OUTPUTS;
  for (let at = 0, index = 0; index < inputs; index++) {
    for (let start = first * outputStep + index * next; start < weights.length; start += pairs, at++) {
      for (
        let output = 0, flat = start, from = at;
        output < moved.length;
        output++, flat += outputStep, from += size
      ) {
        if (moved[output]! > 0) levels[flat] = weights[flat]! + error[from]!;
      }
    }
  }
}

/** The level on the other side of a weight; NaN where there is none, or where the weight holds an end of the range. */
function otherLevel(weight: number, level: number, { step, low, high }: LevelRange): number {
  const half = step / 2;
  if (level < low + half || level > high - half) return Number.NaN;
  return level > weight ? level - step : level + step;
}
