/**
 * What replacing ReLU6 by ReLU is expected to change, from the statistics of batch norms.
 *
 * @module
 */

import { normalCdf } from '../../kernels/normal-distribution.ts';
import { buildGraph, type GraphCall } from '../../model/graph.ts';
import type { LayerStatistics } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import { activationOf } from '../../model/operation.ts';
import { statisticsBehind } from '../../model/statistics.ts';
import { changesNothing } from '../../model/training.ts';
import { replaceRelu6WithRelu } from '../../primitives/replace-relu6.ts';
import { clippedDistribution } from '../moments/channel-distribution.ts';

/** What becoming a ReLU is expected to do to one ReLU6. Layers by their paths. */
export interface Relu6Damage {
  readonly layer: string;
  /** The layer whose statistics give the distribution of what it reads; null where none does. */
  readonly source: string | null;
  /** The numbers; null without a source. */
  readonly expected: {
    readonly channels: number;
    /** Part of the activations above 6, the mean over all channels and that of the worst one. */
    readonly clippedShare: number;
    readonly worstShare: number;
    /** By how much the mean activation grows. */
    readonly meanLost: number;
    /** The same as a part of the mean activation as it is. */
    readonly relativeLost: number;
  } | null;
}

/**
 * The expected damage of the step `relu6`, for each call of a ReLU6 that it would replace: what goes into it is taken as
 * normal, `N(beta, gamma²)` in each channel, as the batch norm right before it leaves its channels on the data that the
 * model was trained on (Nagel et al. 2019, section 4.1). Other data may differ.
 *
 * @param model with its batch norms, or with the statistics that layers keep once they are folded; it is not changed.
 */
export function relu6Damage(model: Model): Relu6Damage[] {
  const [, replaced] = replaceRelu6WithRelu(model.clone());
  const paths = new Set(replaced.map(({ path }) => path));
  return buildGraph(model)
    .calls.filter(({ path }) => paths.has(path))
    .map((call) => {
      const found = distributionBefore(call);
      const expected = found ? damageTo(found.statistics) : null;
      return { layer: call.path, source: found?.path ?? null, expected };
    });
}

const MAXIMUM = 6;

/** How what a ReLU reads is distributed: as the layer before writes it, or its own where it is fused. */
function distributionBefore(call: GraphCall): { path: string; statistics: LayerStatistics } | undefined {
  let source: GraphCall | undefined = call;
  if (call.layer.operation.kind === 'activation') {
    source = call.input?.producer;
    while (source && changesNothing(source)) source = source.input?.producer;
    if (source && activationOf(source.layer.operation).kind !== 'linear') return undefined;
  }
  if (!source) return undefined;
  const statistics = source.layer.statistics ?? statisticsBehind(source.layer, undefined);
  return statistics && { path: source.path, statistics };
}

function damageTo({ mean, variance }: LayerStatistics): NonNullable<Relu6Damage['expected']> {
  const channels = mean.length;
  const keptBelow = (maximum: number): Float64Array =>
    clippedDistribution({
      mean,
      variance,
      low: new Float64Array(channels),
      high: new Float64Array(channels).fill(maximum),
    }).mean;
  const kept = keptBelow(MAXIMUM);
  // Far below the maximum the two are equal up to rounding.
  const lost = keptBelow(Infinity).map((value, channel) => Math.max(0, value - (kept[channel] ?? 0)));
  const shares = mean.map((value, channel) => shareAbove(MAXIMUM, value, Math.sqrt(variance[channel] ?? 0)));
  const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
  const lostInAll = total(lost);
  return {
    channels,
    clippedShare: total(shares) / channels,
    worstShare: shares.reduce((most, share) => Math.max(most, share), 0),
    meanLost: lostInAll / channels,
    relativeLost: lostInAll === 0 ? 0 : lostInAll / total(kept),
  };
}

/** `P(x > limit)`; a deviation of 0 is a constant. */
function shareAbove(limit: number, mean: number, deviation: number): number {
  return deviation === 0 ? Number(mean > limit) : normalCdf((mean - limit) / deviation);
}
