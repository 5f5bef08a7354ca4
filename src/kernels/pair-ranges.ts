/**
 * Channel ranges and sums from the per-pair summary of a kernel.
 *
 * @module
 */

import type { PairSummary, Tensor } from '../tensor/tensor.ts';

/** Which channel the pair (row, column) belongs to. */
export type ChannelOfPair = (row: number, column: number) => number;

/**
 * `range[channel] = max |w|` over all kernel positions and all pairs of the channel, after the tensor's factors.
 *
 * NaN where a weight of the channel is NaN, Infinity where one is infinite; 0 for a channel without pairs.
 */
export function channelMaxAbs(tensor: Tensor, channels: number, channelOf: ChannelOfPair): Float64Array {
  const summary = tensor.pairSummary();
  const { rows, columns } = tensor;
  const range = new Float64Array(channels);
  const { maxAbs } = summary;
  const factor = pairFactor(tensor);
  for (let row = 0, pair = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, pair++) {
      const magnitude = Math.abs(maxAbs[pair]! * factor(row, column, pair));
      const channel = channelOf(row, column);
      if (magnitude > range[channel]!) range[channel] = magnitude;
    }
  }
  return range;
}

/**
 * `target[output] += sum over kernel positions and pairs of w * input value`, after the tensor's factors: what a
 * constant input adds to each output channel.
 */
export function addConstantResponse(
  tensor: Tensor,
  input: ArrayLike<number>,
  inputOf: ChannelOfPair,
  outputOf: ChannelOfPair,
  target: Float64Array,
): void {
  const { sum } = tensor.pairSummary();
  const { rows, columns } = tensor;
  const factor = pairFactor(tensor);
  for (let row = 0, pair = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, pair++) {
      const output = outputOf(row, column);
      target[output] =
        target[output]! + sum[pair]! * factor(row, column, pair) * input[inputOf(row, column)]!;
    }
  }
}

/** The first pair that holds a NaN or an infinite weight; undefined where all are finite. */
export function firstNonFinitePair(tensor: Tensor): { row: number; column: number } | undefined {
  const { maxAbs, sum }: PairSummary = tensor.pairSummary();
  const columns = Math.max(1, tensor.columns);
  for (let pair = 0; pair < sum.length; pair++) {
    // A NaN never wins a maximum, but it stays in the sum; an infinite weight is the maximum.
    if (Number.isNaN(sum[pair]!) || !Number.isFinite(maxAbs[pair]!)) {
      return { row: Math.floor(pair / columns), column: pair % columns };
    }
  }
  return undefined;
}

function pairFactor(tensor: Tensor): (row: number, column: number, pair: number) => number {
  const { rows, columns, pairs } = tensor.factors;
  return (row, column, pair) => (rows?.[row] ?? 1) * (columns?.[column] ?? 1) * (pairs?.[pair] ?? 1);
}
