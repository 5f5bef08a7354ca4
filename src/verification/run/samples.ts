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

/** Given samples by which settings are chosen and means are measured: so many, or fewer where they are large. */
const CHOOSING = { samples: 512, values: 2 ** 23 } as const;

/** The first samples of each tensor, as many as settings are chosen by: they go through the model all at once. */
export function forChoosing(tensors: readonly Tensor[]): Tensor[] {
  const values = tensors.reduce((sum, { size, shape: [samples = 1] }) => sum + size / samples, 0);
  return firstSamples(tensors, Math.max(1, Math.min(CHOOSING.samples, Math.floor(CHOOSING.values / values))));
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
