/**
 * What rounding the tensors of a graph does to the outputs of the model, as a function of the factors.
 *
 * @module
 */

import { normalCdf } from '../../kernels/normal-distribution.ts';
import { buildGraph, type Graph, type GraphTensor } from '../../model/graph.ts';
import { isWeighted } from '../../model/operation.ts';
import { tensorKey } from '../../model/tensor-key.ts';
import { type GridGroup, gridGroups } from '../../quantization/integer/grid-groups.ts';
import { integerForm } from '../../quantization/integer/integer-form.ts';
import type { ChannelGraph } from '../channels/channel-graph.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import type { ChannelDistribution } from '../moments/channel-distribution.ts';
import { type ChannelReach, channelReach, expectedReaches } from '../moments/expected-range.ts';
import { outputSensitivity } from '../noise/output-sensitivity.ts';

/**
 * Tensors on one grid over their whole range. Errors are as large in all of their channels, so that they make the noise
 * `width² (sum over i of sensitivity[i] s_i²)`, up to a constant, where the width is what the channels reach above zero and
 * below it, `max over i of up[i] / s_i` and of `down[i] / s_i`.
 */
export interface TensorTerm {
  /** The class of each channel of the tensors, one after the other. */
  readonly classes: Int32Array;
  /** What each channel reaches above zero, and below it, in units of the model as it is; 0 or more. */
  readonly up: Float64Array;
  readonly down: Float64Array;
  /** The sensitivity of the outputs to rounding errors of each channel. */
  readonly sensitivities: Float64Array;
}

/**
 * The sensitivity to rounding errors of a tensor is that to its values, which is what kernels pass of noise that differs from
 * position to position: measured on four networks, tensor by tensor, this is right within a factor of 5. Errors of the first
 * layers weigh more: where a picture is smooth, neighbours are rounded to the same side, and their errors add up. The first
 * layer was measured at 20 to 300 times the others, the second at 6 to 70, the third at 4 to 7.
 */
const SMOOTH = 20;
const SMOOTH_DECAY = 0.3;
/** A channel that is next to never between its ends is rounded in this share of its values all the same. */
const LEAST_SHARE = 1e-4;

/** A term for each grid of the tensors whose channels and moments are known. */
export function tensorTerms(channels: ChannelGraph, moments: ActivationMoments): TensorTerm[] {
  const { graph } = channels;
  const { tensors: sensitivities } = outputSensitivity(graph, moments, { alike: 0 });
  const depths = depthsOf(graph);
  const reaches = expectedReaches(graph);
  const channelsOf = (tensor: GraphTensor): readonly RoundedChannel[] => {
    const distribution = moments.of(tensor);
    const classes = channels.channelsOf(tensor);
    const heard = sensitivities.get(tensor);
    if (!distribution || !classes || !heard) return [];
    if (classes.length !== distribution.mean.length || heard.length !== classes.length) return [];
    const reach = channelReach(distribution, reaches.get(tensor) ?? 0);
    const weight = 1 + SMOOTH * SMOOTH_DECAY ** ((depths.get(tensor) ?? Infinity) - 1);
    return [...classes].map((at, channel) => ({
      at: channels.classes.find(at),
      ...endsOf(reach, channel),
      sensitivity: weight * (heard[channel] ?? 0) * roundedShare(distribution, channel),
    }));
  };
  return groupsIn(graph).flatMap((deciding) => {
    const list = deciding.flatMap(channelsOf);
    if (list.length === 0) return [];
    return {
      classes: Int32Array.from(list, ({ at }) => at),
      up: Float64Array.from(list, ({ up }) => up),
      down: Float64Array.from(list, ({ down }) => down),
      sensitivities: Float64Array.from(list, ({ sensitivity }) => sensitivity),
    };
  });
}

interface RoundedChannel {
  readonly at: number;
  readonly up: number;
  readonly down: number;
  readonly sensitivity: number;
}

/** The tensors of a graph that decide the range of a grid, grid by grid. */
function groupsIn({ model, inputs, calls }: Graph): GraphTensor[][] {
  const tensors = [...inputs, ...calls.flatMap(({ outputs }) => outputs)];
  const byKey = new Map(tensors.map((tensor) => [tensorKey(tensor), tensor]));
  const known = ({ deciding }: GridGroup): GraphTensor[] =>
    deciding.flatMap((tensor) => byKey.get(tensorKey(tensor)) ?? []);
  return gridGroups(buildGraph(integerForm(model))).map(known);
}

function endsOf({ low, high }: ChannelReach, channel: number): { up: number; down: number } {
  return { up: Math.max(0, high[channel] ?? 0), down: Math.max(0, -(low[channel] ?? 0)) };
}

/** The share of the values that are at no end, where they are exact. */
function roundedShare({ normal }: ChannelDistribution, channel: number): number {
  const [mean, variance] = [normal.mean[channel] ?? 0, normal.variance[channel] ?? 0];
  if (variance === 0) return 1;
  const below = (end: number | undefined): number => normalCdf(((end ?? NaN) - mean) / Math.sqrt(variance));
  return Math.max(LEAST_SHARE, below(normal.high[channel]) - below(normal.low[channel]));
}

/** How many kernels lie between the inputs of the model and each tensor, on the shortest way. */
function depthsOf({ inputs, calls }: Graph): Map<GraphTensor, number> {
  const depths = new Map(inputs.map((tensor) => [tensor, 0]));
  for (const { layer, inputs: read, outputs } of calls) {
    const before = read.reduce((least, tensor) => Math.min(least, depths.get(tensor) ?? Infinity), Infinity);
    const own = isWeighted(layer.operation) ? 1 : 0;
    for (const tensor of outputs) if (!depths.has(tensor)) depths.set(tensor, before + own);
  }
  return depths;
}
