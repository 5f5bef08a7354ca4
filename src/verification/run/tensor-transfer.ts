import type * as TfjsCore from '@tensorflow/tfjs-core';
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
