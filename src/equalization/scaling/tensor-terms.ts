/**
 * What rounding the tensors of a graph does to the outputs of the model, as a function of the factors.
 *
 * @module
 */

import { buildGraph, type Graph, type GraphTensor, tensorKey } from '../../model/graph.ts';
import { type GridGroup, gridGroups } from '../../quantization/integer/grid-groups.ts';
import { integerForm } from '../../quantization/integer/integer-form.ts';
import type { ChannelGraph } from '../channels/channel-graph.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import { channelReach, expectedReaches } from '../moments/expected-range.ts';
import type { OutputSensitivity } from '../noise/output-sensitivity.ts';
import { roundingSensitivity } from '../noise/rounded-tensors.ts';

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

/** A term for each grid of the tensors whose channels and moments are known. */
export function tensorTerms(
  channels: ChannelGraph,
  moments: ActivationMoments,
  sensitivity?: OutputSensitivity,
): TensorTerm[] {
  const { graph } = channels;
  const sensitivityTo = roundingSensitivity(graph, moments, sensitivity);
  const reaches = expectedReaches(graph);
  const termOf = (tensor: GraphTensor): TensorTerm[] => {
    const distribution = moments.of(tensor);
    const classes = channels.channelsOf(tensor);
    const sensitivities = sensitivityTo(tensor);
    if (!distribution || !classes || !sensitivities) return [];
    const count = distribution.mean.length;
    if (classes.length !== count || sensitivities.length !== count) return [];
    const reach = channelReach(distribution, reaches.get(tensor) ?? 0);
    const up = reach.high.map((high) => Math.max(0, high));
    const down = reach.low.map((low) => Math.max(0, -low));
    return [{ classes: classes.map((at) => channels.classes.find(at)), up, down, sensitivities }];
  };
  return groupsIn(graph).flatMap((deciding) => {
    const terms = deciding.flatMap(termOf);
    const [first] = terms;
    if (!first || terms.length === 1) return first ?? [];
    const joined = (of: (term: TensorTerm) => Float64Array): Float64Array =>
      Float64Array.from(terms.flatMap((term) => [...of(term)]));
    return {
      classes: Int32Array.from(terms.flatMap(({ classes }) => [...classes])),
      up: joined(({ up }) => up),
      down: joined(({ down }) => down),
      sensitivities: joined(({ sensitivities }) => sensitivities),
    };
  });
}

/** The tensors of a graph that decide the range of a grid, grid by grid. */
function groupsIn({ model, inputs, calls }: Graph): GraphTensor[][] {
  const tensors = [...inputs, ...calls.flatMap(({ outputs }) => outputs)];
  const byKey = new Map(tensors.map((tensor) => [tensorKey(tensor), tensor]));
  const known = ({ deciding }: GridGroup): GraphTensor[] =>
    deciding.flatMap((tensor) => byKey.get(tensorKey(tensor)) ?? []);
  return gridGroups(buildGraph(integerForm(model))).map(known);
}
