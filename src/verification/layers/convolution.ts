/**
 * Convolutions of one, two and three spatial axes over the kernels of TF.js, channels last.
 *
 * @module
 */

import type { Tensor, Tensor4D, Tensor5D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { dilatedSize, paddingOf, padSpatial, type Sides, spread } from './spatial-layout.ts';

/** How a kernel goes over its input; a number for each spatial axis. */
export interface Walk {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padding: string;
}

/** `x [b, ...n, groups * i]` with `kernel [...k, i, o]`: `[b, ...m, o]`. */
export function convolve(x: Tensor, kernel: Tensor, walk: Walk, groups: number): Tensor {
  const [padded, spreadKernel, dilations] = prepared(x, kernel, walk);
  if (groups === 1) return convolveValid(padded, spreadKernel, walk.strides, dilations);
  const inputs = tf.split(padded, groups, padded.rank - 1);
  const kernels = tf.split(spreadKernel, groups, kernel.rank - 1);
  const outputs = inputs.map((input, group) =>
    convolveValid(input, kernels[group] as Tensor, walk.strides, dilations),
  );
  return tf.concat(outputs, x.rank - 1);
}

/** `x [b, ...n, i]` with `kernel [...k, i, m]`, of one or two spatial axes: `[b, ...l, i m]`. */
export function convolveDepthwise(x: Tensor, kernel: Tensor, walk: Walk): Tensor {
  const [padded, spreadKernel, dilations] = prepared(x, kernel, walk);
  const [height = 1, width = 1] = walk.strides;
  const [p = 1, q = 1] = dilations;
  if (x.rank === 4) {
    const rates: [number, number] = [p, q];
    const strides: [number, number] = [height, width];
    return tf.depthwiseConv2d(padded as Tensor4D, spreadKernel as Tensor4D, strides, 'valid', 'NHWC', rates);
  }
  const lifted = tf.expandDims(padded, 1) as Tensor4D;
  const kernel4 = tf.expandDims(spreadKernel, 0) as Tensor4D;
  return tf.squeeze(tf.depthwiseConv2d(lifted, kernel4, [1, height], 'valid', 'NHWC', [1, p]), [1]);
}

/**
 * `x [b, ...n, i]` with `kernel [...k, o, i]`, the gradient of a convolution with `padding` from an input of `sizes`.
 *
 * Computed as a convolution of the spread input with the mirrored kernel: the wasm backend computes TF.js' own operation
 * of three axes wrongly, and it has no dilation.
 */
export function convolveTransposed(x: Tensor, kernel: Tensor, walk: Walk, sizes: readonly number[]): Tensor {
  let input = x;
  let mirrored = kernel;
  const sides: Sides[] = sizes.map((size, index): Sides => {
    const stride = walk.strides[index] ?? 1;
    const length = x.shape[index + 1] ?? 1;
    const reach = dilatedSize(kernel.shape[index] ?? 1, walk.dilations[index] ?? 1);
    const total = walk.padding === 'same' ? Math.max((length - 1) * stride + reach - size, 0) : 0;
    const before = reach - 1 - Math.floor(total / 2);
    input = spread(input, index + 1, stride);
    mirrored = spread(mirrored, index, walk.dilations[index] ?? 1);
    return [before, size + reach - 1 - before - dilatedSize(length, stride)];
  });
  const rank = sizes.length;
  const axes = sizes.map((_, axis) => axis);
  const swapped = tf.transpose(tf.reverse(mirrored, axes), [...axes, rank + 1, rank]);
  const ones = axes.map(() => 1);
  return convolveValid(padSpatial(input, sides), swapped, ones, ones);
}

/** The padded input, the kernel, and the dilation that is left to the kernels of TF.js. */
function prepared(x: Tensor, kernel: Tensor, walk: Walk): [Tensor, Tensor, readonly number[]] {
  const { strides, dilations, padding } = walk;
  const sides = strides.map((stride, axis) => {
    const size = dilatedSize(kernel.shape[axis] ?? 1, dilations[axis] ?? 1);
    return paddingOf(padding, x.shape[axis + 1] ?? 1, size, stride);
  });
  const padded = padSpatial(x, sides);
  if (!strides.some((stride) => stride > 1) || !dilations.some((rate) => rate > 1)) {
    return [padded, kernel, dilations];
  }
  // TF.js takes strides or dilations, not both.
  const apart = dilations.reduce((result, rate, axis) => spread(result, axis, rate), kernel);
  return [padded, apart, dilations.map(() => 1)];
}

function convolveValid(
  x: Tensor,
  kernel: Tensor,
  strides: readonly number[],
  dilations: readonly number[],
): Tensor {
  const [a = 1, b = 1, c = 1] = strides;
  const [p = 1, q = 1, r = 1] = dilations;
  switch (strides.length) {
    case 1: {
      const lifted = tf.expandDims(x, 1) as Tensor4D;
      const output = tf.conv2d(lifted, tf.expandDims(kernel, 0) as Tensor4D, [1, a], 'valid', 'NHWC', [1, p]);
      return tf.squeeze(output, [1]);
    }
    case 2:
      return tf.conv2d(x as Tensor4D, kernel as Tensor4D, [a, b], 'valid', 'NHWC', [p, q]);
    default:
      return tf.conv3d(x as Tensor5D, kernel as Tensor5D, [a, b, c], 'valid', 'NDHWC', [p, q, r]);
  }
}
