/**
 * Whole-graph cross-layer scaling.
 *
 * @module
 */

import type { GraphCall } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import { isWeighted } from '../../model/operation.ts';
import { computeDtype } from '../../model/precision.ts';
import type { RegionBorder, SkipReason } from '../../model/skip-reason.ts';
import type { StepOptions } from '../../primitives/pass.ts';
import { largestFinite, smallestNormal } from '../../tensor/dtype.ts';
import { type ChannelGraph, channelGraph, type ScalableLayer } from '../channels/channel-graph.ts';
import { type ActivationMoments, activationMoments } from '../moments/activation-moments.ts';
import { KERNEL_ERRORS, outputSensitivities } from '../noise/output-sensitivity.ts';
import { ROUNDING } from '../noise/rounded-tensors.ts';
import { applyScales } from './apply-scales.ts';
import { boundedRegions, centredFactors, keepLargestMaxima } from './common-factors.ts';
import { type EqualRanges, equalRanges } from './equal-ranges.ts';
import { leastNoise } from './least-noise.ts';
import { noiseTerms } from './noise-terms.ts';
import { findRegions, type LayerKernel, type Region, type RegionKernel, rootedLayers } from './regions.ts';
import { tensorTerms } from './tensor-terms.ts';

/**
 * What factors are looked for:
 * - `equal-ranges`: those with which the ranges of what writes and what reads a channel match (Nagel et al. 2019).
 * - `least-noise`: those with which kernels on grids of one range each disturb the outputs least, biases corrected.
 */
export const OBJECTIVES = ['equal-ranges', 'least-noise'] as const;

/** One of the {@link OBJECTIVES}. */
export type Objective = (typeof OBJECTIVES)[number];

/** How a graph is scaled. `veto` is asked with the paths of what writes a region and then of what reads it. */
export interface ScaleRegionsOptions extends StepOptions {
  /** Whether factors go through ReLUs with a maximum; {@link RegionRecord.bounded} then has what their maxima become. */
  readonly throughBounded?: boolean;
  /** `equal-ranges` where it is left out. */
  readonly objective?: Objective;
  /**
   * For the objective `least-noise`: whether tensors get grids of 8 bits too, as in a whole-integer model, so that factors are
   * looked for with which these disturb the outputs least together with kernels. False where it is left out.
   */
  readonly tensors?: boolean;
  /** Those of `model`, for the objective `least-noise`; from its statistics where they are left out. */
  readonly moments?: ActivationMoments;
  /** Factors rounded to powers of two, with which no value is rounded and the function is bit for bit the same. */
  readonly powersOfTwo?: boolean;
}

/** A region that was scaled. Layers by their paths. */
export interface ScaledRegion {
  readonly sources: readonly string[];
  readonly sinks: readonly string[];
  /** Number of channels with a factor of their own. */
  readonly channels: number;
  /** The smallest and the largest factor. */
  readonly smallest: number;
  readonly largest: number;
}

/** A ReLU with a maximum whose channels were scaled: `min(x, max[c])` is what it has to do now. */
export interface ScaledBound {
  readonly call: GraphCall;
  /** `[channels]`. */
  readonly maxima: Float64Array;
}

/** What {@link scaleRegions} did. */
export interface RegionRecord {
  readonly regions: readonly ScaledRegion[];
  /** Why the others with a kernel keep their scale on both sides, in the order of the graph. */
  readonly left: readonly SkipReason[];
  readonly bounded: readonly ScaledBound[];
  /** For each scaled layer, by its path, what its output was divided by, `[channels]`. */
  readonly outputScales: ReadonlyMap<string, Float64Array>;
  /** Channels that are dead on one side, and those whose factor reached a thousand or a thousandth. */
  readonly deadChannels: number;
  readonly clampedChannels: number;
}

/**
 * Scales the channels of a whole graph so that the ranges of the kernels that write them and of those that read them match:
 * through residual adds, concatenations, poolings, paddings, reshapes, and all that f(s x) = s f(x) holds for. Edits
 * `model`; its function stays, up to rounding, if the maxima in the record are brought into it.
 *
 * Reads every kernel once, whatever the number of rounds, and multiplies it when it is read the next time.
 */
export function scaleRegions(model: Model, options: ScaleRegionsOptions = {}): RegionRecord {
  const graph = channelGraph(model, { throughBounded: options.throughBounded === true });
  const layers = rootedLayers(graph);
  const regions = findRegions(graph, layers).filter((region) => {
    const reason = options.veto?.([...pathsOf(region.sources), ...pathsOf(region.sinks)]);
    if (reason) options.onSkip?.(reason);
    return reason === undefined;
  });
  const isLeastNoise = options.objective === 'least-noise';
  const equal = equalRanges(regions, graph.classes.size, isLeastNoise ? { looks: ROUGH_LOOKS } : {});
  const solution = isLeastNoise ? quietest(graph, regions, equal, options) : equal;
  keepWithinDtypes(regions, solution.scales);
  if (options.powersOfTwo === true) roundToPowersOfTwo(solution.scales);
  for (const entry of layers) applyScales(entry, solution.scales);
  return recordOf(graph, layers, regions, solution);
}

/** Looks at the kernels for ranges that are equal enough to look for the least noise from there. */
const ROUGH_LOOKS = 3;

/** The factors of the least noise that leave ReLUs with a maximum as they are, where they can. */
function quietest(
  graph: ChannelGraph,
  regions: readonly Region<LayerKernel>[],
  equal: EqualRanges,
  { moments = activationMoments(graph.graph.model), tensors = false, onProgress }: ScaleRegionsOptions,
): EqualRanges {
  const bounded = boundedRegions(graph, regions);
  const start = { ...equal, scales: centredFactors(bounded, equal) };
  const kinds = tensors ? [KERNEL_ERRORS, ROUNDING] : [KERNEL_ERRORS];
  const [errors, rounding] = outputSensitivities(graph.graph, moments, kinds);
  const terms = {
    kernels: noiseTerms(regions, graph.graph, moments, errors),
    tensors: rounding ? tensorTerms(graph, moments, rounding) : [],
  };
  const scales = leastNoise(regions, terms, start, onProgress);
  keepLargestMaxima(bounded, scales);
  return { ...equal, scales };
}

/** A SeparableConv has two kernels and one path. */
function pathsOf(kernels: readonly RegionKernel[]): string[] {
  return [...new Set(kernels.map(({ path }) => path))];
}

/** Halvings of the logarithms of factors, after which they are 1. */
const MOST_HALVINGS = 12;

/**
 * Draws factors nearer to 1 in regions where a channel would leave the range in which its type has all digits, as half floats
 * soon do.
 */
function keepWithinDtypes(regions: readonly Region<LayerKernel>[], scales: Float64Array): void {
  for (let halvings = 0; halvings <= MOST_HALVINGS; halvings++) {
    const outside = new Set(
      regions
        .flatMap(({ sources, sinks }) => [...sources, ...sinks])
        .filter((one) => leavesDtype(one, scales)),
    );
    const touched = regions.filter(({ sources, sinks }) =>
      [...sources, ...sinks].some((one) => outside.has(one)),
    );
    for (const at of touched.flatMap(({ classes }) => classes)) {
      scales[at] = halvings < MOST_HALVINGS ? Math.sqrt(scales[at] ?? 1) : 1;
    }
    if (touched.length === 0) return;
  }
}

/** Whether the largest weight of a channel, or a bias, no longer fits the type of its layer at these factors. */
function leavesDtype({ entry: { layer, outputs }, ranges }: LayerKernel, scales: Float64Array): boolean {
  const dtype = computeDtype(layer);
  if (dtype !== 'float16') return false;
  const [least, most] = [smallestNormal(dtype), largestFinite(dtype)];
  const leaves = (before: number, after: number): boolean =>
    after > most || (before >= least && after < least);
  const scale = (at: number): number => scales[at] ?? 1;
  let isOutside = false;
  ranges.look(scales, (side, at, other, magnitude) => {
    const factor = side === 'written' ? scale(other) / scale(at) : scale(at) / scale(other);
    isOutside ||= leaves(magnitude, magnitude * factor);
  });
  const bias = layer.weight('bias')?.toFloat64() ?? new Float64Array(0);
  return (
    isOutside || bias.some((value, channel) => leaves(0, Math.abs(value) / scale(outputs[channel] ?? -1)))
  );
}

function roundToPowersOfTwo(scales: Float64Array): void {
  for (const [at, scale] of scales.entries()) scales[at] = 2 ** Math.round(Math.log2(scale));
}

function recordOf(
  graph: ChannelGraph,
  layers: readonly ScalableLayer[],
  regions: readonly Region[],
  { scales, dead, clamped }: EqualRanges,
): RegionRecord {
  const inRegion = new Uint8Array(scales.length);
  for (const { classes } of regions) for (const at of classes) inRegion[at] = 1;
  return {
    regions: regions.map((region) => {
      const factors = region.classes.map((at) => scales[at] ?? 1);
      return {
        sources: pathsOf(region.sources),
        sinks: pathsOf(region.sinks),
        channels: region.classes.length,
        smallest: factors.reduce((one, other) => Math.min(one, other), Infinity),
        largest: factors.reduce((one, other) => Math.max(one, other), 0),
      };
    }),
    left: layers.flatMap((entry) => unscaledReason(graph, entry, inRegion)),
    bounded: graph.bounded.flatMap(({ call, maxValue, channels }) => {
      const factors = Float64Array.from(channels, (channel) => scales[graph.classes.find(channel)] ?? 1);
      if (factors.every((factor) => factor === 1)) return [];
      return [{ call, maxima: factors.map((factor) => maxValue / factor) }];
    }),
    outputScales: new Map(
      layers.map(({ path, outputs }) => [path, Float64Array.from(outputs, (at) => scales[at] ?? 1)]),
    ),
    deadChannels: dead.size,
    clampedChannels: clamped.size,
  };
}

function unscaledReason(
  { classes }: ChannelGraph,
  { layer, path, inputs, between, outputs }: ScalableLayer,
  inRegion: Uint8Array,
): SkipReason[] {
  if (!isWeighted(layer.operation)) return [];
  if ([inputs, between ?? [], outputs].some((side) => side.some((at) => inRegion[at] === 1))) return [];
  const end = (side: Int32Array): RegionBorder => {
    const closed = side.find((channel) => classes.causeOf(channel) !== undefined);
    return (closed === undefined ? undefined : classes.causeOf(closed)) ?? { code: 'no-other-kernel' };
  };
  return [{ code: 'region', layers: [path], before: end(inputs), behind: end(outputs) }];
}
