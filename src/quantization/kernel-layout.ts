import type { ChannelLayout } from '../kernels/channel-layout.ts';
import type { Layer } from '../model/layer.ts';
import { isWeighted } from '../model/operation.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Whether `name` is a kernel of the layer, and not its bias or a weight of a layer without kernels. */
export function isKernel(layer: Layer, name: string): boolean {
  return isWeighted(layer.operation) && (name === 'kernel' || /^(depth|point)wiseKernel$/.test(name));
}

/**
 * The output channels of a kernel, after the table in `model/channels.ts`. The depthwise kernel of a SeparableConv has
 * those of the tensor between its two convolutions.
 */
export function outputLayout(layer: Layer, name: string, tensor: Tensor): ChannelLayout {
  const { rows, columns } = tensor;
  if (name === 'depthwiseKernel') return { channels: rows * columns, inner: 1 };
  if (layer.operation.kind === 'convTranspose') return { channels: rows, inner: columns };
  return { channels: columns, inner: 1 };
}

/** The whole tensor as one channel. */
export function wholeLayout(tensor: Tensor): ChannelLayout {
  return { channels: 1, inner: Math.max(1, tensor.size) };
}
