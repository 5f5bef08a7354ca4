/**
 * Bytes of tensor elements, little-endian as on disk, to the values of tensors and back.
 *
 * @module
 */

import { allocate, bytesPerElement, type DType, type TensorValues } from '../../tensor/dtype.ts';
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from '../../tensor/half.ts';

/** The values that `bytes` hold. The result may share memory with `bytes`. */
export function valuesOfBytes(dtype: DType, bytes: Uint8Array<ArrayBuffer>): TensorValues {
  const count = bytes.length / bytesPerElement(dtype);
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  switch (dtype) {
    case 'float16':
      return fromHalf(new Uint16Array(aligned.buffer, aligned.byteOffset, count), float16ToNumber);
    case 'bfloat16':
      return fromHalf(new Uint16Array(aligned.buffer, aligned.byteOffset, count), bfloat16ToNumber);
    default: {
      const View = allocate(dtype, 0).constructor as new (
        buffer: ArrayBuffer,
        byteOffset: number,
        length: number,
      ) => TensorValues;
      return new View(aligned.buffer, aligned.byteOffset, count);
    }
  }
}

/** The bytes of `values`. The result may share memory with `values`. */
export function bytesOfValues(dtype: DType, values: TensorValues): Uint8Array {
  switch (dtype) {
    case 'float16':
      return toHalf(values, numberToFloat16);
    case 'bfloat16':
      return toHalf(values, numberToBfloat16);
    default:
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
}

function fromHalf(bits: Uint16Array, toNumber: (bits: number) => number): Float32Array {
  const values = new Float32Array(bits.length);
  for (let n = 0; n < bits.length; n++) values[n] = toNumber(bits[n] ?? 0);
  return values;
}

function toHalf(values: TensorValues, toBits: (value: number) => number): Uint8Array {
  const bits = new Uint16Array(values.length);
  for (let n = 0; n < values.length; n++) bits[n] = toBits(Number(values[n]));
  return new Uint8Array(bits.buffer);
}

/** Copies of the C strings that an array of 32-bit pointers leads to; a null pointer is the empty string. */
export function readStringsAt(heap: Uint8Array, pointer: number, count: number): Uint8Array[] {
  const view = new DataView(heap.buffer, heap.byteOffset);
  return Array.from({ length: count }, (_, index) => {
    const start = view.getUint32(pointer + 4 * index, true);
    return start === 0 ? new Uint8Array() : heap.slice(start, heap.indexOf(0, start));
  });
}
