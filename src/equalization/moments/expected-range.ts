/**
 * The range that an activation quantizer has to cover, as far as statistics tell it.
 *
 * @module
 */

import type { Graph, GraphCall, GraphTensor } from '../../model/graph.ts';
import type { LayerStatistics } from '../../model/layer.ts';
import { isWeighted } from '../../model/operation.ts';
import { largestOf } from '../../tensor/extremes.ts';
import type { ChannelDistribution } from './channel-distribution.ts';

/** Smallest and largest value of a tensor that are expected, 0 included, as it has to be on the grid. */
export type ExpectedRange = readonly [min: number, max: number];

/** How far from its mean, in deviations, an output is expected to reach. */
const REACH = 6;
/**
 * The same for what a kernel makes of a single channel, whose tails it keeps. Of four networks on natural pictures 99 channels
 * of 100 stayed within this, and within {@link REACH} or little more where many channels add up.
 */
const REACH_OF_ONE = 10;
/**
 * Where no statistics tell what a layer writes, its channels are taken for independent, and they are not: in a classifier they
 * agree on a class. The deviation then is as many times larger as the square root of the number of channels at most, and
 * not more than this many times {@link REACH} was seen.
 */
const MOST_AGREEING = 16 / REACH;

/** What the channels of an output are expected to reach at most, `[channels]`: mean + 6 deviations. */
export function expectedMaxima({ mean, variance }: LayerStatistics): Float64Array {
  return mean.map((value, channel) => value + REACH * Math.sqrt(variance[channel] ?? NaN));
}

/**
 * The expected range of a whole tensor: mean +- 6 deviations over all its channels (Nagel et al. 2019, section 4.1.3), from 0
 * behind a ReLU.
 */
export function expectedRange(statistics: LayerStatistics, isRelu: boolean): ExpectedRange {
  const { mean, variance } = statistics;
  const minima = mean.map((value, channel) => value - REACH * Math.sqrt(variance[channel] ?? NaN));
  return [isRelu ? 0 : extreme(minima, Math.min), extreme(expectedMaxima(statistics), Math.max)];
}

/** What a quantizer with one range a tensor makes of that range: its width, twice the farther end if it is symmetric. */
export function quantizedWidth([min, max]: ExpectedRange, isSymmetric: boolean): number {
  return isSymmetric ? 2 * Math.max(max, -min) : max - min;
}

function extreme(values: Float64Array, pick: (one: number, other: number) => number): number {
  return values.reduce((most, value) => pick(most, value), 0);
}

/** What the channels of a tensor are expected to reach, `[channels]` each. */
export interface ChannelReach {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** The mean of each channel and so many deviations below and above it, as far as it is not cut off there. */
export function channelReach({ normal, low, high }: ChannelDistribution, deviations: number): ChannelReach {
  const reach = { low: low.slice(), high: high.slice() };
  for (const [c, mean] of normal.mean.entries()) {
    const spread = deviations * Math.sqrt(normal.variance[c] ?? NaN);
    reach.low[c] = Math.max(mean - spread, normal.low[c] ?? -Infinity, low[c] ?? -Infinity);
    reach.high[c] = Math.min(mean + spread, normal.high[c] ?? Infinity, high[c] ?? Infinity);
  }
  return reach;
}

/** How many deviations from its mean each tensor of a graph is expected to reach. */
export function expectedReaches(graph: Graph): ReadonlyMap<GraphTensor, number> {
  const tails = new Map<GraphTensor, Tail>();
  for (const call of graph.calls) {
    const before = call.inputs.flatMap((tensor) => tails.get(tensor) ?? []);
    const tail = tailBehind(call, {
      isOfOne: before.length === 1 && before[0]?.isOfOne === true,
      agreeing: largestOf([1, ...before.map(({ agreeing }) => agreeing)]),
    });
    for (const tensor of call.outputs) tails.set(tensor, tail);
  }
  return new Map(
    [...tails].map(([tensor, { isOfOne, agreeing }]) => [
      tensor,
      (isOfOne ? REACH_OF_ONE : REACH) * agreeing,
    ]),
  );
}

interface Tail {
  /** Whether it is made of one channel. */
  readonly isOfOne: boolean;
  /** By how much the deviation may be larger than it was computed. */
  readonly agreeing: number;
}

function tailBehind({ layer, input, outputs }: GraphCall, before: Tail): Tail {
  const { operation } = layer;
  if (operation.kind === 'batchNorm') return { ...before, agreeing: 1 };
  if (!isWeighted(operation)) return before;
  const isOfOne = operation.kind === 'depthwiseConv';
  const isTold =
    layer.statistics ?? outputs[0]?.consumers.some((next) => next.layer.operation.kind === 'batchNorm');
  if (isTold) return { isOfOne, agreeing: 1 };
  if (isOfOne) return { isOfOne, agreeing: before.agreeing };
  const most = Math.sqrt(input?.channels ?? 1) / REACH;
  return { isOfOne, agreeing: before.agreeing * Math.min(MOST_AGREEING, Math.max(1, most)) };
}
