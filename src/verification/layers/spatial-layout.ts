/**
 * Tensors with spatial axes in the one layout that the kernels of TF.js take, and the sizes of windows over them.
 *
 * @module
 */

import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { OpenShape } from './layer-config.ts';

/** `[before, after]` of an axis. */
export type Sides = readonly [before: number, after: number];

/** The tensor with its channels last. */
export function channelsLast(x: Tensor, isFirst: boolean): Tensor {
  if (!isFirst) return x;
  return tf.transpose(x, [0, ...x.shape.slice(2).map((_, axis) => axis + 2), 1]);
}

/** A tensor with its channels last as the layer gives it. */
export function inFormat(x: Tensor, isFirst: boolean): Tensor {
  if (!isFirst) return x;
  return tf.transpose(x, [0, x.rank - 1, ...x.shape.slice(2).map((_, axis) => axis + 1)]);
}

/** The spatial sizes of a shape. */
export function spatialSizes(shape: OpenShape, isFirst: boolean): OpenShape {
  return isFirst ? shape.slice(2) : shape.slice(1, -1);
}

/** The number of channels of a shape. */
export function channelCount(shape: OpenShape, isFirst: boolean): number {
  return (isFirst ? shape[1] : shape.at(-1)) ?? 1;
}

/** A shape with other spatial sizes and channels. */
export function withSizes(
  shape: OpenShape,
  isFirst: boolean,
  sizes: readonly (number | null)[],
  channels: number | null = channelCount(shape, isFirst),
): OpenShape {
  const batch = shape[0] ?? null;
  return isFirst ? [batch, channels, ...sizes] : [batch, ...sizes, channels];
}

/** The size of a window whose elements are `dilation` apart. */
export function dilatedSize(size: number, dilation: number): number {
  return (size - 1) * dilation + 1;
}

/** The zeros that a window of `size` with `stride` needs on both sides of an axis of `length`. */
export function paddingOf(padding: string, length: number, size: number, stride: number): Sides {
  if (padding === 'causal') return [size - 1, 0];
  if (padding !== 'same') return [0, 0];
  const total = Math.max((Math.ceil(length / stride) - 1) * stride + size - length, 0);
  const before = Math.floor(total / 2);
  return [before, total - before];
}

/** The number of windows along an axis. */
export function windowCount(padding: string, length: number, size: number, stride: number): number {
  const [before, after] = paddingOf(padding, length, size, stride);
  return Math.floor((length + before + after - size) / stride) + 1;
}

/** Zeros around the spatial axes of a tensor with its channels last. */
export function padSpatial(x: Tensor, sides: readonly Sides[]): Tensor {
  if (sides.every(([before, after]) => before === 0 && after === 0)) return x;
  return tf.pad(x, [[0, 0], ...sides.map(([before, after]): [number, number] => [before, after]), [0, 0]]);
}

/** The tensor with `step - 1` zeros between the elements along an axis. */
export function spread(x: Tensor, axis: number, step: number): Tensor {
  const length = x.shape[axis] ?? 1;
  if (step === 1 || length === 1) return x;
  const before = x.shape.slice(0, axis);
  const after = x.shape.slice(axis + 1);
  const outer = product(before);
  const inner = product(after);
  const apart = tf.pad(tf.reshape(x, [outer, length, 1, inner]), [
    [0, 0],
    [0, 0],
    [0, step - 1],
    [0, 0],
  ]);
  const spreadLength = dilatedSize(length, step);
  const cut = tf.slice(
    tf.reshape(apart, [outer, length * step, inner]),
    [0, 0, 0],
    [outer, spreadLength, inner],
  );
  return tf.reshape(cut, [...before, spreadLength, ...after]);
}

/** The product of sizes. */
export function product(sizes: readonly number[]): number {
  return sizes.reduce((result, size) => result * size, 1);
}
