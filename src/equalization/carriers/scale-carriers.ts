/**
 * Per-channel quality of kernels that are quantized per tensor: the scales go into the batch norms behind them.
 *
 * @module
 */

import { carrierFactors } from '../../kernels/carrier-factors.ts';
import { affineOf, gammaOf } from '../../model/batch-norm.ts';
import { biasOf } from '../../model/bias.ts';
import { channelRange, kernelNames, scaleKernel } from '../../model/channels.ts';
import { buildGraph } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import { isWeighted } from '../../model/operation.ts';
import type { Tell } from '../../model/progress.ts';
import type { SkipReason } from '../../model/skip-reason.ts';
import {
  dividedStatistics,
  isNormalizing,
  shiftedStatistics,
  statisticsBehind,
} from '../../model/statistics.ts';
import type { Pass } from '../../primitives/pass.ts';
import { extremesOf, outputLayout } from '../../quantization/kernel-layout.ts';
import { type DType, largestFinite, smallestNormal } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { faultyWeight, findCarriers } from './carrier-search.ts';
import { balanceSeparable } from './separable-balance.ts';

/** How scales are carried. */
export interface CarryOptions {
  /**
   * Whether the grid that kernels will be put on reaches as far below 0 as above it; false where it is left out. For other
   * grids channels are turned around, which their batch norms turn back, so that all reach further up than down.
   */
  readonly symmetricGrid?: boolean;
  /** Called with the number of layers that were looked at, and of all. */
  readonly onProgress?: Tell;
}

/** A layer whose output channels all fit one grid now. Layers by their paths. */
export interface CarriedLayer {
  readonly layer: string;
  /** What carries its scales: one, or several behind the calls of a shared layer. */
  readonly batchNorms: readonly string[];
  /** What each output channel of the kernel was divided by, `[channels]`; negative where it was turned around. */
  readonly factors: Float64Array;
}

/** What {@link carryScales} did. */
export interface CarryRecord {
  readonly carried: readonly CarriedLayer[];
  /** Why each other layer with a kernel keeps its scale. */
  readonly left: readonly SkipReason[];
}

/**
 * Divides each output channel of every kernel by its range and has the batch norm behind multiply it again, which in turn
 * takes the bias: `W' = W / r`, `gamma' = gamma r / sigma`, `beta' = beta + (b - mean) gamma / sigma`, mean 0 and a variance
 * that makes 1 with epsilon. A kernel on one grid then has the precision of one grid a channel, as long as the batch norms
 * stay in float. Edits `model`; its function stays, up to rounding. Crosses no activation.
 *
 * The two kernels of a SeparableConv are balanced as well, along the channels between them.
 */
export function carryScales(model: Model, options: CarryOptions = {}): CarryRecord {
  const graph = buildGraph(model);
  const carried: CarriedLayer[] = [];
  const left: SkipReason[] = [];
  const layers = [...new Set(graph.calls.map((call) => call.layer))];
  for (const [index, layer] of layers.entries()) {
    options.onProgress?.(index, layers.length);
    if (!isWeighted(layer.operation)) continue;
    const fault = faultyWeight(layer);
    const found = fault ? { reason: fault } : findCarriers(graph, layer);
    const done = 'reason' in found ? found : carry(layer, found.batchNorms, options.symmetricGrid === true);
    if ('reason' in done) left.push(done.reason);
    else carried.push(done);
  }
  return { carried, left };
}

/** What stands in for the edits of the pass, which are undone together. */
const WHOLE: readonly string[] = ['all layers'];

/**
 * {@link carryScales} as a pass.
 *
 * ```ts
 * const [{ carried, left }] = await runPasses(model, [carryPass()]);
 * ```
 */
export function carryPass(): Pass<'carry', { readonly carried: readonly CarriedLayer[] }> {
  return {
    name: 'carry',
    keepsFunction: true,
    run(model, { veto, onSkip, onEdit, onProgress }) {
      const reason = veto?.(WHOLE);
      const { carried, left } = reason ? { carried: [], left: [reason] } : carryScales(model, { onProgress });
      if (carried.length > 0) onEdit(WHOLE);
      for (const one of left) onSkip(one);
      return { carried };
    },
  };
}

function carry(
  layer: Layer,
  batchNorms: readonly Layer[],
  isSymmetric: boolean,
): CarriedLayer | { readonly reason: SkipReason } {
  const bias = biasOf(layer);
  const forms = batchNorms.map((bn) => ({ bn, ...combined(bn, bias) }));
  const tooLarge = forms.find(({ bn, a, d }) => {
    const most = largestFinite(bn.requireWeight('movingMean').dtype);
    return [a, d].some((values) => values.some((value) => Math.abs(value) > most));
  });
  if (tooLarge) {
    const { dtype } = tooLarge.bn.requireWeight('movingMean');
    return { reason: { code: 'overflow', edit: 'carry', layers: [layer.path, tooLarge.bn.path], dtype } };
  }
  if (layer.operation.kind === 'separableConv') balanceSeparable(layer);
  const wanted = isSymmetric ? channelRange(layer, 'output') : signedRanges(layer, forms);
  const factors = wanted.map((factor, channel) =>
    forms.every(({ bn, a }) => isExact(factor, a[channel] ?? 1, bn.requireWeight('movingMean').dtype))
      ? factor
      : 1,
  );
  const { statistics } = layer;
  scaleKernel(
    layer,
    'output',
    factors.map((factor) => 1 / factor),
  );
  removeBias(layer);
  layer.statistics = statistics && dividedStatistics(shiftedStatistics(statistics, bias, -1), factors);
  for (const { bn, a, d } of forms) {
    // Gamma and beta will no longer tell it.
    const told = statisticsBehind(bn, undefined);
    rewrite(
      bn,
      a.map((slope, channel) => slope * (factors[channel] ?? 1)),
      d,
    );
    bn.statistics = told;
  }
  return { layer: layer.path, batchNorms: batchNorms.map(({ path }) => path), factors };
}

/** Divisors with signs, by what an error in a channel is to the deviation of what its batch norms write. */
function signedRanges(
  layer: Layer,
  forms: readonly { readonly bn: Layer; readonly a: Float64Array }[],
): Float64Array {
  const name = kernelNames(layer).at(-1) ?? 'kernel';
  const tensor = layer.requireWeight(name);
  const layout = outputLayout(layer, name, tensor);
  const extremes = extremesOf(tensor, layout);
  const importance = new Float64Array(layout.channels);
  for (const { bn, a } of forms) {
    const gamma = isNormalizing(bn) ? gammaOf(bn) : undefined;
    for (const [channel, slope] of a.entries()) {
      const range = Math.max(extremes.max[channel] ?? 0, -(extremes.min[channel] ?? 0));
      // A batch norm that has never seen data tells nothing: all channels count the same.
      const deviation = gamma ? Math.abs(gamma[channel] ?? 1) : Math.abs(slope) * range;
      const share = deviation > 0 ? slope / deviation : 0;
      importance[channel] = Math.hypot(importance[channel] ?? 0, share);
    }
  }
  return carrierFactors(extremes, importance);
}

/** `BN(x + bias) = a x + d`. */
function combined(bn: Layer, bias: Float64Array): { a: Float64Array; d: Float64Array } {
  const { a, d } = affineOf(bn);
  return { a, d: d.map((shift, channel) => shift + (a[channel] ?? 1) * (bias[channel] ?? 0)) };
}

/** Past these a factor or its reciprocal loses digits; weights are never as large or, but for dead channels, as small. */
const LARGEST_FACTOR = 2 ** 100;

/** Whether the kernel can be divided by the factor of a channel, and gamma multiplied, without losing digits. */
function isExact(factor: number, slope: number, dtype: DType): boolean {
  const size = Math.abs(factor);
  const gamma = Math.abs(slope) * size;
  return (
    size >= 1 / LARGEST_FACTOR &&
    size <= LARGEST_FACTOR &&
    gamma <= largestFinite(dtype) &&
    (slope === 0 || gamma >= smallestNormal(dtype))
  );
}

function removeBias(layer: Layer): void {
  layer.weights.delete('bias');
  const { operation } = layer;
  if (isWeighted(operation) && operation.useBias) layer.operation = { ...operation, useBias: false };
}

/** Makes a batch norm compute `factors x + shifts`. */
function rewrite(bn: Layer, factors: Float64Array, shifts: Float64Array): void {
  const { operation } = bn;
  if (operation.kind !== 'batchNorm') throw new TypeError(`${bn.path} is no BatchNormalization`);
  const { dtype, shape, size } = bn.requireWeight('movingMean');
  const tensor = (values: Float64Array): Tensor => Tensor.fromNumbers(dtype, shape, values);
  const variance = unitVariance(operation.epsilon, dtype);
  const sigma = Math.sqrt(variance + operation.epsilon);
  // In float32 it is 1, and what it lacks to it in float64 is not to be made up for.
  const isOne = Math.fround(variance + operation.epsilon) === 1;
  bn.weights = new Map([
    ['gamma', tensor(isOne ? factors : factors.map((factor) => factor * sigma))],
    ['beta', tensor(shifts)],
    ['movingMean', tensor(new Float64Array(size))],
    ['movingVariance', tensor(new Float64Array(size).fill(variance))],
  ]);
  bn.operation = { ...operation, scale: true, center: true };
}

/**
 * The variance of `dtype` that makes 1 with epsilon in the arithmetic of float32; the nearest there is where none does.
 */
function unitVariance(epsilon: number, dtype: DType): number {
  const step = dtype === 'float16' ? 2 ** -11 : dtype === 'bfloat16' ? 2 ** -8 : 2 ** -24;
  const nearest = Math.max(0, Math.round((1 - epsilon) / step) * step);
  const float32 = Math.fround(epsilon);
  return (
    [0, step, -step]
      .map((offset) => Math.max(0, nearest + offset))
      .find((variance) => Math.fround(variance + float32) === 1) ?? nearest
  );
}
