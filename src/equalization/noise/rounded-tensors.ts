/**
 * What rounding each tensor of a whole-integer model does to its outputs.
 *
 * @module
 */

import { normalCdf } from '../../kernels/normal-distribution.ts';
import { buildGraph, type Graph, type GraphTensor, tensorKey } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import { isWeighted } from '../../model/operation.ts';
import { gridGroups } from '../../quantization/integer/grid-groups.ts';
import { integerForm } from '../../quantization/integer/integer-form.ts';
import { rangeGrid, type TensorRange } from '../../quantization/integer/range-grid.ts';
import { largestOf, smallestOf } from '../../tensor/extremes.ts';
import { type ActivationMoments, activationMoments } from '../moments/activation-moments.ts';
import type { ChannelDistribution } from '../moments/channel-distribution.ts';
import { expectedRanges, type SourcedRange, type TensorRangeOptions } from '../ranges/tensor-ranges.ts';
import { type OutputSensitivity, outputSensitivity, type SensitivityOptions } from './output-sensitivity.ts';

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

/** By how much less the rounding of tensors was measured to count on four networks, beside that of kernels, than is computed. */
export const TENSOR_COUNT = 0.4;

/** Rounding errors of neighbouring positions have nothing to do with each other. */
export const ROUNDING: Required<SensitivityOptions> = { alike: 0 };

/** The sensitivity of the outputs to rounding errors of each channel of a tensor; undefined where an output hears nothing of it. */
export function roundingSensitivity(
  graph: Graph,
  moments: ActivationMoments,
  { tensors }: Pick<OutputSensitivity, 'tensors'> = outputSensitivity(graph, moments, ROUNDING),
): (tensor: GraphTensor) => Float64Array | undefined {
  const depths = depthsOf(graph);
  return (tensor) => {
    const distribution = moments.of(tensor);
    const weight = 1 + SMOOTH * SMOOTH_DECAY ** ((depths.get(tensor) ?? Infinity) - 1);
    return tensors
      .get(tensor)
      ?.map((heard, channel) => weight * heard * (distribution ? roundedShare(distribution, channel) : 1));
  };
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

/** What rounding one tensor to 8 bits and no other is expected to do. */
export interface TensorNoise {
  /** A tensor of the {@link integerForm} that decides a grid. */
  readonly tensor: GraphTensor;
  /** Its own range, of which the grid may be a union with others. */
  readonly range: SourcedRange;
  /** As `KernelNoise` has it, so that both compare. */
  readonly damage: number;
  /** The channel without which the grid would be less than half as wide; undefined where there is none. */
  readonly loneChannel: number | undefined;
}

/**
 * What each tensor that decides a grid does to the outputs of `model` when it is rounded: `step²/12` times the sum of the
 * sensitivities of its channels. Values beyond the expected range, which would be cut off, are not counted.
 */
export function tensorNoise(
  model: Model,
  options: { readonly inputRanges?: TensorRangeOptions['inputRanges'] } = {},
): {
  readonly known: readonly TensorNoise[];
  /** The tensors of which the range is not known. */
  readonly unknown: readonly GraphTensor[];
} {
  const form = integerForm(model);
  const graph = buildGraph(form);
  const moments = activationMoments(form);
  const ranges = expectedRanges(form, { ...options, moments });
  const sensitivityTo = roundingSensitivity(graph, moments);
  const [known, unknown]: [TensorNoise[], GraphTensor[]] = [[], []];
  for (const { deciding } of gridGroups(graph)) {
    const own = deciding.flatMap((tensor) => ranges.get(tensorKey(tensor)) ?? []);
    const grid = {
      min: smallestOf([0, ...own.map(({ min }) => min)]),
      max: largestOf([0, ...own.map(({ max }) => max)]),
    };
    const step = rangeGrid(grid).scale;
    for (const tensor of deciding) {
      const range = ranges.get(tensorKey(tensor));
      const heard = sensitivityTo(tensor) ?? new Float64Array();
      const damage = TENSOR_COUNT * (step ** 2 / 12) * heard.reduce((sum, one) => sum + one, 0);
      if (range && damage < Infinity) known.push({ tensor, range, damage, loneChannel: loneOf(range, grid) });
      else unknown.push(tensor);
    }
  }
  return { known, unknown };
}

function loneOf(
  { min, max, widestChannel, widthWithout = Infinity }: SourcedRange,
  grid: TensorRange,
): number | undefined {
  const isWhole = Math.min(0, min) === grid.min && Math.max(0, max) === grid.max;
  return isWhole && widthWithout < (grid.max - grid.min) / 2 ? widestChannel : undefined;
}
