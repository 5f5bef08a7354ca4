import type * as TfjsCore from '@tensorflow/tfjs-core';
import { allocate, type DType, sizeOf, type TensorValues } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';

/** A tensor in TF.js: real numbers as float32, whole ones as int32. */
export function toTfjs(core: typeof TfjsCore, tensor: Tensor): TfjsCore.Tensor {
  const { dtype } = tensor;
  const values = tensor.values();
  const shape = [...tensor.shape];
  if (values instanceof Float32Array) return core.tensor(values, shape, 'float32');
  if (values instanceof Float64Array) return core.tensor(Float32Array.from(values), shape, 'float32');
  if (dtype === 'bool') return core.tensor(Uint8Array.from(values as Uint8Array), shape, 'bool');
  return core.tensor(
    Int32Array.from(values as ArrayLike<number | bigint>, (value) => Number(value)),
    shape,
    'int32',
  );
}

/** A tensor of TF.js as one of ours. */
export function fromTfjs(tensor: TfjsCore.Tensor): Tensor {
  const values = tensor.dataSync();
  if (values instanceof Float32Array) return Tensor.of('float32', tensor.shape, values);
  return tensor.dtype === 'bool'
    ? Tensor.of('bool', tensor.shape, Uint8Array.from(values))
    : Tensor.of('int32', tensor.shape, Int32Array.from(values));
}

/** Samples `start … start + count - 1` of a tensor with the samples as its first dimension. */
export function slice(tensor: Tensor, start: number, count: number): Tensor {
  const [samples = 0, ...inner] = tensor.shape;
  if (start === 0 && count === samples) return tensor;
  const size = sizeOf(inner);
  const values = tensor.values().subarray(start * size, (start + count) * size);
  return Tensor.of(tensor.dtype, [count, ...inner], values as TensorValues);
}

/** Batches one behind the other. */
export function joinBatches(batches: readonly Tensor[]): Tensor {
  const [first] = batches;
  if (!first) throw new RangeError('no batch to join');
  if (batches.length === 1) return first;
  const dtype: DType = first.dtype;
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
