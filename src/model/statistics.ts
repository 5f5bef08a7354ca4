/**
 * What becomes of a layer's statistics when its weights are edited.
 *
 * @module
 */

import { batchNormFault, betaOf, gammaOf } from './batch-norm.ts';
import type { Layer, LayerStatistics } from './layer.ts';

/** Does an edit that leaves the output of `layer` as it is, or changes its statistics as `change` says. */
export function keepStatistics(
  layer: Layer,
  edit: () => void,
  change: (statistics: LayerStatistics) => LayerStatistics = (statistics) => statistics,
): void {
  const { statistics } = layer;
  edit();
  layer.statistics = statistics && change(statistics);
}

/** The statistics of an output that is divided by a factor for each channel. */
export function dividedStatistics(
  { mean, variance }: LayerStatistics,
  divisors: ArrayLike<number>,
): LayerStatistics {
  return {
    mean: mean.map((value, channel) => value / (divisors[channel] ?? 1)),
    variance: variance.map((value, channel) => value / (divisors[channel] ?? 1) ** 2),
  };
}

/** The statistics of an output to which `sign * shift` is added. */
export function shiftedStatistics(
  { mean, variance }: LayerStatistics,
  shift: ArrayLike<number>,
  sign: 1 | -1 = 1,
): LayerStatistics {
  return { mean: mean.map((value, channel) => value + sign * (shift[channel] ?? 0)), variance };
}

/**
 * Whether a batch norm tells of distributions: one whose moving mean is 0 and whose moving variance makes its divisor 1, as
 * it is made or as an affine map is written down, has never seen data.
 */
export function isNormalizing(bn: Layer): boolean {
  if (bn.operation.kind !== 'batchNorm' || batchNormFault(bn)) return false;
  const { epsilon } = bn.operation;
  const means = bn.requireWeight('movingMean').toFloat64();
  const variances = bn.requireWeight('movingVariance').toFloat64();
  // A variance of 1 - epsilon is rounded to float32.
  const isOne = (variance: number): boolean => variance === 1 || Math.abs(variance + epsilon - 1) < 1e-6;
  return !(means.every((mean) => mean === 0) && variances.every(isOne));
}

/**
 * The distribution of what a batch norm writes that normalizes by the batch, whatever its stored statistics: N(beta, gamma^2).
 *
 * @returns undefined where beta or gamma is not finite.
 */
export function batchNormalized(bn: Layer): LayerStatistics | undefined {
  const mean = betaOf(bn);
  const variance = gammaOf(bn).map((gamma) => gamma * gamma);
  return [...mean, ...variance].every(Number.isFinite) ? { mean, variance } : undefined;
}

/**
 * The distribution of what a batch norm writes: N(beta, gamma^2), as it normalizes what it reads. The variance is
 * `gamma^2 v / (v + epsilon)`: a channel that hardly varied in training hardly varies behind it.
 *
 * @param before the distribution of what it reads, which counts where the batch norm is a mere affine map
 * @returns undefined where nothing is known.
 */
export function statisticsBehind(
  bn: Layer,
  before: LayerStatistics | undefined,
): LayerStatistics | undefined {
  if (bn.statistics) return bn.statistics;
  if (bn.operation.kind !== 'batchNorm' || batchNormFault(bn)) return undefined;
  const { epsilon } = bn.operation;
  const [gamma, beta] = [gammaOf(bn), betaOf(bn)];
  const variances = bn.requireWeight('movingVariance').toFloat64();
  if (isNormalizing(bn)) {
    const share = variances.map((variance) => variance / (variance + epsilon));
    return { mean: beta, variance: gamma.map((one, channel) => one * one * (share[channel] ?? 1)) };
  }
  if (!before) return undefined;
  const factors = gamma.map((one, channel) => one / Math.sqrt((variances[channel] ?? 1) + epsilon));
  return {
    mean: before.mean.map((mean, channel) => mean * (factors[channel] ?? 1) + (beta[channel] ?? 0)),
    variance: before.variance.map((variance, channel) => variance * (factors[channel] ?? 1) ** 2),
  };
}
