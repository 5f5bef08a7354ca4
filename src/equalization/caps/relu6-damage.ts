/**
 * What replacing ReLU6 by ReLU is expected to change, from the statistics of batch norms.
 *
 * @module
 */

import { normalCdf, normalDensity } from '../../kernels/normal-distribution.ts';
import { buildGraph, type GraphCall } from '../../model/graph.ts';
import type { LayerStatistics } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import { activationOf } from '../../model/operation.ts';
import { statisticsBehind } from '../../model/statistics.ts';
import { changesNothing } from '../../model/training.ts';
import { replaceRelu6WithRelu } from '../../primitives/replace-relu6.ts';

/** What a normal distribution loses above a maximum, and what is left of it. Means over all positions. */
export interface ClippedNormal {
  /** `P(x > m) = Φ(-t)`. */
  readonly share: number;
  /** `E[max(x - m, 0)] = σ (φ(t) - t Φ(-t))`. */
  readonly lost: number;
  /** `E[min(max(x, 0), m)]`. */
  readonly kept: number;
}

/**
 * `x ~ N(mean, deviation²)` between 0 and `maximum`, `t = (maximum - mean) / deviation`. A deviation of 0 is a constant.
 */
export function clippedNormal(mean: number, deviation: number, maximum: number): ClippedNormal {
  const lost = meanAbove(maximum, mean, deviation);
  const share = deviation === 0 ? Number(mean > maximum) : normalCdf((mean - maximum) / deviation);
  return { share, lost, kept: Math.max(0, meanAbove(0, mean, deviation) - lost) };
}

/** `E[max(x - limit, 0)]`. */
function meanAbove(limit: number, mean: number, deviation: number): number {
  if (deviation === 0) return Math.max(0, mean - limit);
  const t = (limit - mean) / deviation;
  // Far above the mean the two terms cancel to a rounding error of either sign.
  return Math.max(0, deviation * (normalDensity(t) - t * normalCdf(-t)));
}

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

function damageTo({ mean: means, variance }: LayerStatistics): NonNullable<Relu6Damage['expected']> {
  const channels = means.length;
  const total = { share: 0, worst: 0, lost: 0, kept: 0 };
  for (const [channel, mean] of means.entries()) {
    const { share, lost, kept } = clippedNormal(mean, Math.sqrt(variance[channel] ?? 0), MAXIMUM);
    total.share += share;
    total.worst = Math.max(total.worst, share);
    total.lost += lost;
    total.kept += kept;
  }
  return {
    channels,
    clippedShare: total.share / channels,
    worstShare: total.worst,
    meanLost: total.lost / channels,
    relativeLost: total.lost === 0 ? 0 : total.lost / total.kept,
  };
}
