import {
  type ChannelExtremes,
  type ChannelLayout,
  emptyExtremes,
  takeExtremes,
} from '../kernels/channel-layout.ts';
import { channelsOf } from '../kernels/pair-ranges.ts';
import { kernelNames, outputIndex } from '../model/channels.ts';
import type { Layer } from '../model/layer.ts';
import type { WeightName } from '../model/layer-weights.ts';
import { isWeighted } from '../model/operation.ts';
import type { FloatValues } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Whether `name` is a kernel of the layer, and not its bias or a weight of a layer without kernels. */
export function isKernel(layer: Layer, name: string): boolean {
  return isWeighted(layer.operation) && kernelNames(layer).includes(name as WeightName);
}

/** The output channels of a kernel, which are those of its columns, its rows, or its pairs of the two. */
export function outputLayout(layer: Layer, name: string, tensor: Tensor): ChannelLayout {
  const index = outputIndex(layer, name);
  return { channels: channelsOf(tensor, index), inner: index.kind === 'rows' ? tensor.columns : 1 };
}

/** The whole tensor as one channel. */
export function wholeLayout(tensor: Tensor): ChannelLayout {
  return { channels: 1, inner: Math.max(1, tensor.size) };
}

/** The smallest and the largest value of each channel; 0 where there are no values. */
export function extremesOf(tensor: Tensor, layout: ChannelLayout): ChannelExtremes {
  const extremes = emptyExtremes(layout.channels);
  for (const { start, values } of tensor.blocks())
    takeExtremes(values as FloatValues, start, layout, extremes);
  if (tensor.size > 0) return extremes;
  return { min: new Float64Array(layout.channels), max: new Float64Array(layout.channels) };
}
