/**
 * Element types of tensors, by the names that Keras and TF.js use.
 *
 * @module
 */

/** The element types a weight can have on disk. float16 and bfloat16 are held as float32 values in memory. */
export type DType =
  | 'float16'
  | 'bfloat16'
  | 'float32'
  | 'float64'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool';

/** The values of a tensor in memory. */
export type TensorValues =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** Values that the arithmetic of this package takes. */
export type FloatValues = Float32Array | Float64Array;

const BYTES: Record<DType, number> = {
  float16: 2,
  bfloat16: 2,
  float32: 4,
  float64: 8,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  bool: 1,
};

/** Bytes of one element on disk. */
export function bytesPerElement(dtype: DType): number {
  return BYTES[dtype];
}

/** Whether `dtype` holds real numbers, so that it can be scaled. */
export function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';
}

/** The largest finite number that a real dtype holds. */
export function largestFinite(dtype: DType): number {
  switch (dtype) {
    case 'float16':
      return 65504;
    case 'float64':
      return Number.MAX_VALUE;
    default:
      // float32; bfloat16 has the same exponents.
      return 3.4028234663852886e38;
  }
}

/** The smallest value of `dtype` with all of its digits. */
export function smallestNormal(dtype: DType): number {
  return dtype === 'float16' ? 2 ** -14 : dtype === 'float64' ? 2 ** -1022 : 2 ** -126;
}

/** A zeroed array that holds `size` values of `dtype` in memory. */
export function allocate(dtype: DType, size: number): TensorValues {
  switch (dtype) {
    case 'float16':
    case 'bfloat16':
    case 'float32':
      return new Float32Array(size);
    case 'float64':
      return new Float64Array(size);
    case 'int8':
      return new Int8Array(size);
    case 'uint8':
    case 'bool':
      return new Uint8Array(size);
    case 'int16':
      return new Int16Array(size);
    case 'uint16':
      return new Uint16Array(size);
    case 'int32':
      return new Int32Array(size);
    case 'uint32':
      return new Uint32Array(size);
    case 'int64':
      return new BigInt64Array(size);
    case 'uint64':
      return new BigUint64Array(size);
  }
}

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}
