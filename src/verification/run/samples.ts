/**
 * Tensors with the samples as their first dimension.
 *
 * @module
 */

import { allocate, sizeOf, type TensorValues } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';

/** Samples `start … start + count - 1` of a tensor with the samples as its first dimension. */
export function slice(tensor: Tensor, start: number, count: number): Tensor {
  const [samples = 0, ...inner] = tensor.shape;
  if (start === 0 && count === samples) return tensor;
  const size = sizeOf(inner);
  const values = tensor.values().subarray(start * size, (start + count) * size);
  return Tensor.of(tensor.dtype, [count, ...inner], values as TensorValues);
}

/** The first `most` samples of each tensor. */
export function firstSamples(tensors: readonly Tensor[], most: number): Tensor[] {
  return tensors.map((tensor) => slice(tensor, 0, Math.min(most, tensor.shape[0] ?? 0)));
}

/** Batches one behind the other. */
export function joinBatches(batches: readonly Tensor[]): Tensor {
  const [first] = batches;
  if (!first) throw new RangeError('no batch to join');
  if (batches.length === 1) return first;
  const { dtype } = first;
  const samples = batches.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const shape = [samples, ...first.shape.slice(1)];
  const values = allocate(dtype, sizeOf(shape));
  let start = 0;
  for (const batch of batches) {
    values.set(batch.values() as never, start);
    start += batch.size;
  }
  return Tensor.of(dtype, shape, values);
}
