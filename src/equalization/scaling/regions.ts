import { biasOf } from '../../model/bias.ts';
import type { WeightName } from '../../model/layer-weights.ts';
import { ChannelClasses } from '../channels/channel-classes.ts';
import type { ChannelGraph, ScalableLayer } from '../channels/channel-graph.ts';
import { type KernelRanges, type KernelSides, kernelRanges } from './kernel-ranges.ts';
import { sidedKernels } from './kernel-sides.ts';

/** What writes into a region or reads from it. */
export interface RegionKernel {
  readonly path: string;
  readonly ranges: KernelRanges;
}

/** One with the layer that it belongs to, which of its kernels it is, and the classes of that. */
export interface LayerKernel extends RegionKernel {
  readonly entry: ScalableLayer;
  readonly name: WeightName;
  readonly sides: KernelSides;
}

/** A bias whose channels belong to a region. */
export interface RegionBias {
  readonly classes: Int32Array;
  /** `|b|` by channel. */
  readonly magnitudes: Float64Array;
}

/** Channels that are scaled together: those that layers write or read side by side. */
export interface Region<Kernel extends RegionKernel = RegionKernel> {
  /** The classes that are open; the others keep the factor 1. */
  readonly classes: readonly number[];
  readonly sources: readonly Kernel[];
  readonly sinks: readonly Kernel[];
  readonly biases: readonly RegionBias[];
}

/** The layers with the root of each class. */
export function rootedLayers({ layers, classes }: ChannelGraph): ScalableLayer[] {
  const rooted = (channels: Int32Array): Int32Array => channels.map((channel) => classes.find(channel));
  return layers.map(({ layer, path, inputs, between, outputs }) => ({
    layer,
    path,
    inputs: rooted(inputs),
    between: between && rooted(between),
    outputs: rooted(outputs),
  }));
}

/**
 * The regions of a graph: open classes that kernels write and kernels read, in the order of the first layer that writes.
 * Reads every kernel that takes part once.
 */
export function findRegions(
  { classes }: ChannelGraph,
  layers: readonly ScalableLayer[],
): Region<LayerKernel>[] {
  const isOpen = openClasses(classes, layers);
  const kernels: LayerKernel[] = [];
  const biases: RegionBias[] = [];
  for (const entry of layers) {
    const taking = sidedKernels(entry).filter(({ sides }) =>
      bothSides(sides).some((side) => side.some((at) => isOpen[at] === 1)),
    );
    for (const { name, sides } of taking) {
      const ranges = kernelRanges(entry.layer.requireWeight(name), sides);
      kernels.push({ path: entry.path, entry, name, sides, ranges });
    }
    if (taking.length > 0 && entry.layer.weight('bias')) {
      biases.push({ classes: entry.outputs, magnitudes: biasOf(entry.layer).map(Math.abs) });
    }
  }
  const written = marked(
    classes.size,
    kernels.map(({ ranges }) => ranges.outputs),
  );
  const read = marked(
    classes.size,
    kernels.map(({ ranges }) => ranges.inputs),
  );
  const isMember = isOpen.map((open, at) => open & (written[at] as number) & (read[at] as number));
  const groups = groupsOf(classes.size, isMember, kernels);
  const groupOf = (side: Int32Array): number | undefined => {
    const first = side.find((at) => isMember[at] === 1);
    return first === undefined ? undefined : groups.find(first);
  };
  const regions = new Map<number, MutableRegion>();
  for (const kernel of kernels) {
    const group = groupOf(kernel.ranges.outputs);
    if (group === undefined) continue;
    const region = regions.get(group) ?? { classes: new Set(), sources: [], sinks: [], biases: [] };
    regions.set(group, region);
    region.sources.push(kernel);
    for (const at of kernel.ranges.outputs) if (isMember[at] === 1) region.classes.add(at);
  }
  for (const kernel of kernels) regions.get(groupOf(kernel.ranges.inputs) ?? -1)?.sinks.push(kernel);
  for (const bias of biases) regions.get(groupOf(bias.classes) ?? -1)?.biases.push(bias);
  return [...regions.values()].map((region) => ({ ...region, classes: [...region.classes] }));
}

interface MutableRegion {
  readonly classes: Set<number>;
  readonly sources: LayerKernel[];
  readonly sinks: LayerKernel[];
  readonly biases: RegionBias[];
}

function openClasses(classes: ChannelClasses<unknown>, layers: readonly ScalableLayer[]): Uint8Array {
  const isOpen = new Uint8Array(classes.size);
  for (const { inputs, between, outputs } of layers) {
    for (const side of between ? [inputs, between, outputs] : [inputs, outputs]) {
      for (const at of side) if (classes.causeOf(at) === undefined) isOpen[at] = 1;
    }
  }
  return isOpen;
}

function bothSides(sides: KernelSides): readonly Int32Array[] {
  return sides.kind === 'pairs' ? [sides.inputs, sides.outputs] : [sides.rows, sides.columns];
}

function marked(size: number, lists: readonly Int32Array[]): Uint8Array {
  const marks = new Uint8Array(size);
  for (const list of lists) for (const at of list) marks[at] = 1;
  return marks;
}

/** Puts the classes together that a kernel writes or reads side by side. */
function groupsOf(
  size: number,
  isMember: Uint8Array,
  kernels: readonly RegionKernel[],
): ChannelClasses<never> {
  const groups = new ChannelClasses<never>();
  groups.add(size);
  for (const { ranges } of kernels) {
    for (const side of [ranges.outputs, ranges.inputs]) {
      const first = side.find((at) => isMember[at] === 1);
      for (const at of side) if (first !== undefined && isMember[at] === 1) groups.join(first, at);
    }
  }
  return groups;
}
