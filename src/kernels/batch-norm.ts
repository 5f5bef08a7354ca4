/**
 * A batch norm in inference as an affine map of each channel.
 *
 * @module
 */

/** Statistics and parameters, each `[channels]`; gamma and beta as `scale` and `center` have them. */
export interface BatchNormParameters {
  readonly gamma: ArrayLike<number> | undefined;
  readonly beta: ArrayLike<number> | undefined;
  readonly movingMean: ArrayLike<number>;
  readonly movingVariance: ArrayLike<number>;
  readonly epsilon: number;
}

/**
 * `a = gamma / sqrt(variance + epsilon)` and `d = beta - mean * a`, each `[channels]`, so that BN(x) = a x + d.
 *
 * A missing gamma is 1, a missing beta 0. NaN and Inf pass through.
 */
export function batchNormAffine(parameters: BatchNormParameters): { a: Float64Array; d: Float64Array } {
  const { gamma, beta, movingMean, movingVariance, epsilon } = parameters;
  const channels = movingMean.length;
  const a = new Float64Array(channels);
  const d = new Float64Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    const sigma = Math.sqrt(movingVariance[channel]! + epsilon);
    const factor = (gamma?.[channel] ?? 1) / sigma;
    a[channel] = factor;
    d[channel] = (beta?.[channel] ?? 0) - movingMean[channel]! * factor;
  }
  return { a, d };
}
