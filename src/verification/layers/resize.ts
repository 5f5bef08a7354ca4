import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { UnsupportedModelError } from '../../errors.ts';

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
    default:
      throw new UnsupportedModelError('interpolation', `${interpolation} interpolation cannot be run`);
  }
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
