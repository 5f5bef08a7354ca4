import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import type * as TfjsCore from '@tensorflow/tfjs-core';
import { type FloatValues, isFloat } from '../../tensor/dtype.ts';
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

/**
 * Writes a float tensor over one of TF.js that nobody else has, a piece at a time, so that its values are in memory once: a
 * kernel of old networks has 400 MB, and memory of WebAssembly that was taken is never given back.
 *
 * @returns whether it did: the CPU backend has no such memory, whole numbers are converted, and shapes may differ.
 */
export function fillOnHeap(core: typeof TfjsCore, target: TfjsCore.Tensor, tensor: Tensor): boolean {
  const { shape, dtype } = target;
  const isSame =
    shape.length === tensor.shape.length && shape.every((size, axis) => size === tensor.shape[axis]);
  if (core.getBackend() !== 'wasm' || dtype !== 'float32' || !isFloat(tensor.dtype) || !isSame) return false;
  const { dataId } = target;
  const backend = core.backend() as BackendWasm;
  for (const { start, values } of tensor.blocks()) {
    // A view of its own for each: what reads the file may make the memory larger, which ends views of it.
    backend.typedArrayFromHeap({ shape, dtype, dataId }).set(values as FloatValues, start);
  }
  return true;
}

/** A tensor of TF.js as one of ours. */
export function fromTfjs(tensor: TfjsCore.Tensor): Tensor {
  const values = tensor.dataSync();
  if (values instanceof Float32Array) return Tensor.of('float32', tensor.shape, values);
  return tensor.dtype === 'bool'
    ? Tensor.of('bool', tensor.shape, Uint8Array.from(values))
    : Tensor.of('int32', tensor.shape, Int32Array.from(values));
}
