/**
 * The ranges of all output channels of kernels, before and after: what the strips of a report are drawn from.
 *
 * @module
 */

import { kernelNames } from '../../model/channels.ts';
import type { Layer } from '../../model/layer.ts';
import type { WeightName } from '../../model/layer-weights.ts';
import type { Model } from '../../model/model.ts';
import { isWeighted } from '../../model/operation.ts';
import { extremesOf, outputLayout } from '../../quantization/kernel-layout.ts';
import { isFloat } from '../../tensor/dtype.ts';

/**
 * `min w` and `max w` of each output channel of a kernel, NaN where a weight is, or the least and the largest value that each channel
 * of a tensor is expected to reach; both `[channels]`.
 */
export interface ChannelRanges {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** A kernel or a tensor before and after; one of the two is undefined where the other model has none such. */
export interface ChannelStrip {
  /** {@link Layer.path}. */
  readonly layer: string;
  /** The name of the weight, such as `kernel`, of which a SeparableConv has two; `output` of a tensor. */
  readonly weight: string;
  /** What tensor it is, in words; undefined for a kernel. */
  readonly tensor?: string;
  readonly before: ChannelRanges | undefined;
  readonly after: ChannelRanges | undefined;
}

/**
 * The strip of every float kernel of two models, in the order of the first; what only the second has comes last.
 *
 * Reads each kernel of both once, in pieces, and keeps two numbers a channel.
 */
export function channelStrips(before: Model, after: Model): ChannelStrip[] {
  const old = rangesByKernel(before);
  const now = rangesByKernel(after);
  const added = [...now].filter(([key]) => !old.has(key)).map(([, one]) => one);
  return [
    ...[...old].map(([key, { layer, weight, ranges }]) => ({
      layer,
      weight,
      before: ranges,
      after: now.get(key)?.ranges,
    })),
    ...added.map(({ layer, weight, ranges }) => ({ layer, weight, before: undefined, after: ranges })),
  ];
}

/** The largest `|w|` of each channel. */
export function maxAbsOf({ low, high }: ChannelRanges): Float64Array {
  return low.map((min, channel) => Math.max(-min, high[channel] ?? NaN));
}

interface KernelRanges {
  readonly layer: string;
  readonly weight: string;
  readonly ranges: ChannelRanges;
}

function rangesByKernel(model: Model): Map<string, KernelRanges> {
  const found = new Map<string, KernelRanges>();
  for (const { path, layer } of model.allLayers()) {
    if (!isWeighted(layer.operation)) continue;
    for (const weight of kernelNames(layer)) {
      if (!isFloat(layer.requireWeight(weight).dtype)) continue;
      found.set(JSON.stringify([path, weight]), { layer: path, weight, ranges: rangesOf(layer, weight) });
    }
  }
  return found;
}

function rangesOf(layer: Layer, weight: WeightName): ChannelRanges {
  const tensor = layer.requireWeight(weight);
  const { min, max } = extremesOf(tensor, outputLayout(layer, weight, tensor));
  return { low: min, high: max };
}
