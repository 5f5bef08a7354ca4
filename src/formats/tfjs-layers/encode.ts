/**
 * Weights in the element types that TF.js reads: float32, int32, bool.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import type { DType, TensorValues } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { WeightDType } from './manifest.ts';

/** The dtype that a weight of `dtype` has in TF.js. */
export function tfjsDType(dtype: DType): WeightDType {
  switch (dtype) {
    case 'float16':
    case 'bfloat16':
    case 'float32':
    case 'float64':
      return 'float32';
    case 'bool':
      return 'bool';
    default:
      return 'int32';
  }
}

/** Bytes of a weight of `dtype` with `size` elements. */
export function encodedLength(dtype: DType, size: number): number {
  return size * (tfjsDType(dtype) === 'bool' ? 1 : 4);
}

/**
 * The bytes of a weight in pieces of bounded size, in order.
 *
 * @throws UnsupportedModelError where a whole number does not fit int32.
 */
export function* encodeWeight(tensor: Tensor, name: string): Generator<Uint8Array> {
  const dtype = tfjsDType(tensor.dtype);
  for (const { values } of tensor.blocks()) {
    const encoded =
      dtype === 'float32'
        ? values instanceof Float32Array
          ? values
          : Float32Array.from(values as Float64Array)
        : dtype === 'bool'
          ? (values as Uint8Array)
          : toInt32(values, name);
    yield new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  }
}

function toInt32(values: TensorValues, name: string): Int32Array {
  if (values instanceof Int32Array) return values;
  const result = new Int32Array(values.length);
  for (let index = 0; index < values.length; index++) {
    const value = Number(values[index]);
    if (value > 0x7fffffff || value < -0x80000000) {
      throw new UnsupportedModelError(
        'int64 weights',
        `${name}: the value ${value} does not fit int32, the only whole numbers that TF.js has; write the model as .keras or .h5`,
      );
    }
    result[index] = value;
  }
  return result;
}
