import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { UnsupportedModelError } from '../../errors.ts';
import { type Interpolation, resamplingMatrix } from '../../tensor/resampling.ts';

/**
 * Images `[b, h, w, c]` in another size, sampled at the middles of pixels as Keras does it.
 *
 * @throws UnsupportedModelError for an interpolation that TF.js lacks.
 */
export function resize(x: Tensor, size: [height: number, width: number], interpolation: string): Tensor {
  const images = x as Tensor4D;
  switch (interpolation) {
    case 'bilinear':
      return tf.image.resizeBilinear(images, size, false, true);
    case 'nearest':
      return tf.image.resizeNearestNeighbor(images, size, false, true);
    case 'bicubic':
      return resampled(resampled(x, 1, size[0], interpolation), 2, size[1], interpolation);
    default:
      throw new UnsupportedModelError('interpolation', `${interpolation} interpolation cannot be run`);
  }
}

/** The images with another number of samples along an axis. */
function resampled(x: Tensor, axis: number, samples: number, interpolation: Interpolation): Tensor {
  const size = x.shape[axis] ?? 1;
  const matrix = resamplingMatrix({ size, first: 0, part: size, samples }, interpolation);
  const order = x.shape.map((_, at) => at).filter((at) => at !== axis);
  const last = tf.transpose(x, [...order, axis]);
  const flat = tf.reshape(last, [-1, size]);
  const made = tf.matMul(flat, tf.tensor2d(matrix, [size, samples]));
  const shaped = tf.reshape(made, [...order.map((at) => x.shape[at] ?? 1), samples]);
  const back = [...order, axis];
  return tf.transpose(
    shaped,
    x.shape.map((_, at) => back.indexOf(at)),
  );
}

/** The images cut around their middle to `size`. */
export function centerCrop(x: Tensor, [height, width]: readonly [number, number]): Tensor {
  const [batch = 1, rows = 1, columns = 1, channels = 1] = x.shape;
  const begin = [0, Math.floor((rows - height) / 2), Math.floor((columns - width) / 2), 0];
  return tf.slice(x, begin, [batch, height, width, channels]);
}

/** The largest part around the middle that has the proportions of `size`, in that size. */
export function resizeCropped(
  x: Tensor,
  size: [height: number, width: number],
  interpolation: string,
): Tensor {
  const [, rows = 1, columns = 1] = x.shape;
  const [height, width] = size;
  const bounded = (most: number, wanted: number): number => Math.max(1, Math.min(most, Math.floor(wanted)));
  const part = [
    bounded(rows, (columns * height) / width),
    bounded(columns, (rows * width) / height),
  ] as const;
  return resize(centerCrop(x, part), size, interpolation);
}
