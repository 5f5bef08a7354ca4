/**
 * What a kernel makes of the means and variances of its inputs.
 *
 * @module
 */

import type { FloatValues } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { channelsOf } from './pair-ranges.ts';
import { addTapResponse, type KernelIndices, outerTaps, type TapMeans, tapLayout } from './tap-response.ts';

/** What each input channel of a kernel holds, and where its positions lie on the input. */
export interface KernelInputs {
  /** For each position of the kernel the share of outputs at which it lies on the input, `[positions]`. */
  readonly shares: Float64Array;
  /** `[input channels]`, as the variance. */
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** Of each output channel. */
export interface ResponseMoments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** Some of a kernel's weights, or of the errors of them, in C order from flat index `start` on. */
export interface KernelPiece {
  readonly start: number;
  readonly values: FloatValues;
}

/** All of them, piece by piece. */
export type KernelPieces = Iterable<KernelPiece>;

/**
 * The moments of `y[o] = sum over k, i of W[k, i, o] x[k, i]`, `[output channels]` in float64, with channels taken for
 * independent and the positions of a channel for correlated by `alike`:
 * `mean = sum over i of m[i] (sum over k of share[k] W)`,
 * `variance = sum over i of v[i] (alike (sum over k of share[k] W)² + (1 - alike) sum over k of share[k] W²)`.
 *
 * Reads the pieces once. NaN and Inf follow IEEE rules; a kernel without weights makes zeros.
 *
 * @param kernel for its shape `[...k, rows, columns]` alone
 */
export function responseMoments(
  kernel: Tensor,
  pieces: KernelPieces,
  indices: KernelIndices,
  inputs: KernelInputs,
  alike: number,
): ResponseMoments {
  const channels = channelsOf(kernel, indices.output);
  const made = { mean: new Float64Array(channels), variance: new Float64Array(channels) };
  const one = Float64Array.of(1);
  const means = outerTaps(inputs.shares.length === 1 ? inputs.shares : one, inputs.mean);
  const variances = outerTaps(inputs.shares.length === 1 ? inputs.shares : one, inputs.variance);
  const layout = tapLayout(kernel, indices);
  const add = (values: FloatValues, start: number, taps: TapMeans, power: 1 | 2, to: Float64Array): void =>
    addTapResponse(values, start, layout, taps, power, to);
  if (inputs.shares.length === 1) {
    // As large as Dense kernels are, nothing is kept of them.
    for (const { start, values } of pieces) {
      add(values, start, means, 1, made.mean);
      add(values, start, variances, 2, made.variance);
    }
    return made;
  }
  const overPositions = positionSums(kernel, pieces, inputs.shares);
  add(overPositions.sums, 0, means, 1, made.mean);
  add(kernelGains(overPositions, alike), 0, variances, 1, made.variance);
  return made;
}

/** What a kernel is over its positions: `sum over k of share[k] W` and `sum over k of share[k] W²`, each `[rows, columns]`. */
export interface PositionSums {
  readonly sums: Float64Array;
  readonly squares: Float64Array;
}

/** So many pairs are summed over all positions of a piece before the next: their sums stay in the nearest cache. */
const PAIRS = 1 << 10;

/** Reads the pieces of a kernel `[...k, rows, columns]` once, each of which is whole positions, or lies in one. */
export function positionSums(kernel: Tensor, pieces: KernelPieces, shares: Float64Array): PositionSums {
  const pairs = kernel.rows * kernel.columns;
  const sums = new Float64Array(pairs);
  const squares = new Float64Array(pairs);
  for (const { start, values } of pieces) {
    const first = start % pairs;
    for (let from = 0; from < Math.min(pairs, values.length); from += PAIRS) {
      let at = Math.floor(start / pairs);
      for (let base = 0; base + from < values.length; base += pairs) {
        const share = shares[at++]!;
        const end = Math.min(from + PAIRS, pairs, values.length - base);
        for (let index = from; index < end; index++) {
          const weight = values[base + index]!;
          const pair = first + index;
          sums[pair] = sums[pair]! + share * weight;
          squares[pair] = squares[pair]! + share * weight * weight;
        }
      }
    }
  }
  return { sums, squares };
}

/** What a kernel multiplies variances with, `alike (sum over k of share[k] W)² + (1 - alike) sum over k of share[k] W²`. */
export function kernelGains({ sums, squares }: PositionSums, alike: number): Float64Array {
  const gains = new Float64Array(sums.length);
  for (let pair = 0; pair < gains.length; pair++) {
    gains[pair] = alike * sums[pair]! ** 2 + (1 - alike) * squares[pair]!;
  }
  return gains;
}
