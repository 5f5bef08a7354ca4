import { describe, expect, it } from 'vitest';
import { allocate, bytesPerElement, type DType, isFloat, sizeOf } from '../../src/tensor/dtype.ts';

const IN_MEMORY: readonly (readonly [DType, new (size: number) => ArrayBufferView, number])[] = [
  ['float16', Float32Array, 2],
  ['bfloat16', Float32Array, 2],
  ['float32', Float32Array, 4],
  ['float64', Float64Array, 8],
  ['int8', Int8Array, 1],
  ['uint8', Uint8Array, 1],
  ['bool', Uint8Array, 1],
  ['int16', Int16Array, 2],
  ['uint16', Uint16Array, 2],
  ['int32', Int32Array, 4],
  ['uint32', Uint32Array, 4],
  ['int64', BigInt64Array, 8],
  ['uint64', BigUint64Array, 8],
];

describe('dtypes', () => {
  it.each(IN_MEMORY)('%s has its array and its size on disk', (dtype, array, bytes) => {
    expect(allocate(dtype, 3)).toBeInstanceOf(array);
    expect(allocate(dtype, 3)).toHaveLength(3);
    expect(bytesPerElement(dtype)).toBe(bytes);
    expect(isFloat(dtype)).toBe(dtype.includes('float'));
  });
});

describe('sizeOf', () => {
  it('is the product, 1 for a scalar and 0 with an empty dimension', () => {
    expect([sizeOf([2, 3, 4]), sizeOf([]), sizeOf([3, 0])]).toEqual([24, 1, 0]);
  });
});
