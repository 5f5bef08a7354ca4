/**
 * The factor that all channels of a region have in common. The noise of kernels does not depend on it, so that the maxima of
 * ReLUs can choose it.
 *
 * @module
 */

import { largestOf, smallestOf } from '../../tensor/extremes.ts';
import type { ChannelGraph } from '../channels/channel-graph.ts';
import type { EqualRanges } from './equal-ranges.ts';
import type { LayerKernel, Region } from './regions.ts';

/** A region with ReLUs that have a maximum, all of whose channels may be scaled by one more factor. */
export interface BoundedRegion {
  readonly classes: readonly number[];
  /** Those of them that a ReLU with a maximum bounds. */
  readonly bounded: readonly number[];
}

/** The regions of that kind: what is written or read beside their channels by the same kernel belongs to them too. */
export function boundedRegions(
  { bounded, classes: all }: ChannelGraph,
  regions: readonly Region<LayerKernel>[],
): BoundedRegion[] {
  const atMaxima = new Set(bounded.flatMap(({ channels }) => [...channels.map((at) => all.find(at))]));
  return regions.flatMap(({ classes, sources, sinks }) => {
    const members = new Set(classes);
    const isWhole = (side: Int32Array): boolean => side.every((at) => members.has(at));
    const isFree =
      sources.every(({ ranges }) => isWhole(ranges.outputs)) &&
      sinks.every(({ ranges }) => isWhole(ranges.inputs));
    const found = classes.filter((at) => atMaxima.has(at));
    return isFree && found.length > 0 ? [{ classes, bounded: found }] : [];
  });
}

/**
 * Factors whose middle is 1 in each of the regions, dead channels not counted: the same for a model and for that once its
 * factors were divided by something.
 */
export function centredFactors(
  regions: readonly BoundedRegion[],
  { scales, dead }: EqualRanges,
): Float64Array {
  const centred = scales.slice();
  divideEach(regions, centred, ({ classes }) => {
    const alive = classes.filter((at) => !dead.has(at)).map((at) => scales[at] ?? 1);
    return alive.length === 0 ? 1 : Math.sqrt(smallestOf(alive) * largestOf(alive));
  });
  return centred;
}

/**
 * Divides the factors of each region by the smallest of those at its ReLUs with a maximum: no new maximum is larger than the
 * ReLU's own, and the largest is that, so that the ReLU can stay as it is.
 */
export function keepLargestMaxima(regions: readonly BoundedRegion[], scales: Float64Array): void {
  divideEach(regions, scales, ({ bounded }) => smallestOf(bounded.map((at) => scales[at] ?? 1)));
}

function divideEach(
  regions: readonly BoundedRegion[],
  scales: Float64Array,
  divisorOf: (region: BoundedRegion) => number,
): void {
  for (const region of regions) {
    const divisor = divisorOf(region);
    for (const at of region.classes) scales[at] = (scales[at] ?? 1) / divisor;
  }
}
