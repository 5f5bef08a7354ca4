import { batchNormAffine } from '../kernels/batch-norm.ts';
import { isFloat } from '../tensor/dtype.ts';
import type { WeightFault } from './channels.ts';
import type { Layer } from './layer.ts';
import type { BatchNormOperation } from './operation.ts';

function operationOf(bn: Layer): BatchNormOperation {
  if (bn.operation.kind !== 'batchNorm')
    throw new TypeError(`${bn.name} (${bn.className}) is no BatchNormalization`);
  return bn.operation;
}

/** `BN(x) = a x + d` per channel, both `[channels]` in float64. */
export function affineOf(bn: Layer): { a: Float64Array; d: Float64Array } {
  return batchNormAffine({
    gamma: bn.weight('gamma')?.toFloat64(),
    beta: bn.weight('beta')?.toFloat64(),
    movingMean: bn.requireWeight('movingMean').toFloat64(),
    movingVariance: bn.requireWeight('movingVariance').toFloat64(),
    epsilon: operationOf(bn).epsilon,
  });
}

/** Gamma as the layer has it; ones where it has none (`scale=False`). */
export function gammaOf(bn: Layer): Float64Array {
  return bn.weight('gamma')?.toFloat64() ?? new Float64Array(batchNormChannels(bn)).fill(1);
}

/** Beta as the layer has it; zeros where it has none (`center=False`). */
export function betaOf(bn: Layer): Float64Array {
  return bn.weight('beta')?.toFloat64() ?? new Float64Array(batchNormChannels(bn));
}

/** Number of channels that a BatchNormalization normalizes. */
export function batchNormChannels(bn: Layer): number {
  return bn.requireWeight('movingMean').size;
}

/** Whether the layer changes nothing, exactly. */
export function isIdentityBatchNorm(bn: Layer): boolean {
  if (bn.operation.kind !== 'batchNorm' || batchNormFault(bn)) return false;
  const { a, d } = affineOf(bn);
  return a.every((factor) => factor === 1) && d.every((shift) => shift === 0);
}

/** Whether the layer computes `d - x` of each channel, exactly, as batch norms of caps in stock layers do. */
export function isNegatingBatchNorm(bn: Layer): boolean {
  return bn.operation.kind === 'batchNorm' && affineOf(bn).a.every((factor) => factor === -1);
}

/** What makes a batch norm unfit for folding. */
export type BatchNormFault =
  | WeightFault
  | { readonly kind: 'negative-variance'; readonly channel: number; readonly variance: number };

/** The first fault of the weights of a batch norm; undefined where it can be folded. */
export function batchNormFault(bn: Layer): BatchNormFault | undefined {
  for (const name of ['gamma', 'beta', 'movingMean', 'movingVariance'] as const) {
    const tensor = bn.weight(name);
    if (tensor && !isFloat(tensor.dtype)) return { kind: 'not-float', where: name, dtype: tensor.dtype };
    const values = tensor?.toFloat64();
    const channel = values?.findIndex((value) => !Number.isFinite(value)) ?? -1;
    if (channel >= 0) return { kind: 'non-finite', where: `${name}, channel ${channel}` };
  }
  const variances = bn.requireWeight('movingVariance').toFloat64();
  const channel = variances.findIndex(
    (variance) => !(variance >= 0 && variance + operationOf(bn).epsilon > 0),
  );
  if (channel >= 0) return { kind: 'negative-variance', channel, variance: variances[channel] ?? 0 };
  return undefined;
}
