/**
 * The values of weights, decoded as tfjs-core 4.22 does (`io_utils.decodeWeights`), bit for bit.
 *
 * @module
 */

import { FormatError } from '../../errors.ts';
import type { TensorValues } from '../../tensor/dtype.ts';
import { float16ToNumber } from '../../tensor/half.ts';
import { type PackedValues, type Packing, packedWidth } from '../../tensor/packed-values.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { ByteSource } from '../bytes.ts';
import type { WeightSpec } from './manifest.ts';

/** Where the bytes of a weight lie. */
export interface WeightBytes {
  readonly spec: WeightSpec;
  readonly source: ByteSource;
  readonly byteOffset: number;
}

/** A tensor over a weight in a file; nothing is read yet. */
export function lazyWeight(weight: WeightBytes): Tensor {
  const { dtype, shape, quantization } = weight.spec;
  const source = { read: (start: number, count: number) => readValues(weight, start, count) };
  const packed = dtype === 'float32' && quantization ? packedIn(weight, quantization) : undefined;
  return Tensor.lazy(dtype, shape, source, packed);
}

/** Packed values read at a time. */
const PACKED_PIECE = 1 << 19;

function packedIn(weight: WeightBytes, packing: Packing): PackedValues {
  return {
    packing,
    *pieces() {
      const width = packedWidth(packing);
      const values = weight.spec.byteLength / width;
      for (let start = 0; start < values; start += PACKED_PIECE) {
        yield readPacked(weight, start, Math.min(PACKED_PIECE, values - start), packing);
      }
    },
  };
}

function readPacked(
  weight: WeightBytes,
  start: number,
  count: number,
  packing: Packing,
): Uint8Array | Uint16Array {
  const width = packedWidth(packing);
  const bytes = readWeightBytes(weight, start * width, count * width);
  return width === 1 ? bytes : new Uint16Array(bytes.buffer);
}

/**
 * `count` bytes of a weight from byte `start` on, as they lie in the file.
 *
 * @throws FormatError where the file ends before.
 */
export function readWeightBytes(weight: WeightBytes, start: number, count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  const got = weight.source.read(weight.byteOffset + start, bytes);
  if (got < count) {
    throw new FormatError(
      weight.source.name,
      weight.spec.name,
      `the file ended ${count - got} bytes early; it changed since it was opened`,
    );
  }
  return bytes;
}

function readValues(weight: WeightBytes, start: number, count: number): TensorValues {
  const { dtype, quantization } = weight.spec;
  if (quantization) {
    return dequantize(readPacked(weight, start, count, quantization), quantization, dtype === 'int32');
  }
  const width = dtype === 'bool' ? 1 : 4;
  const bytes = readWeightBytes(weight, start * width, count * width);
  switch (dtype) {
    case 'float32':
      return new Float32Array(bytes.buffer);
    case 'int32':
      return new Int32Array(bytes.buffer);
    case 'bool':
      return bytes;
  }
}

/** `v * scale + min` in float64, rounded once to float32, or to the nearest whole number for int32 weights. */
function dequantize(packed: Uint8Array | Uint16Array, packing: Packing, toInteger: boolean): TensorValues {
  if (packing.dtype === 'float16') return decodeFloat16(packed);
  const { scale, min } = packing;
  const values = toInteger ? new Int32Array(packed.length) : new Float32Array(packed.length);
  for (let index = 0; index < packed.length; index++) {
    const value = (packed[index] as number) * scale + min;
    values[index] = toInteger ? Math.round(value) : value;
  }
  return values;
}

let table: Uint32Array | undefined;

/** The float32 bits of all 65536 float16 values, with the payloads of NaNs, as tfjs-core has them. */
function float32BitsByFloat16(): Uint32Array {
  if (table) return table;
  const values = new Float32Array(1 << 16);
  const bits = new Uint32Array(values.buffer);
  for (let half = 0; half < values.length; half++) {
    const hasPayload = (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0;
    if (hasPayload) bits[half] = ((half & 0x8000) << 16) | 0x7f800000 | ((half & 0x3ff) << 13);
    else values[half] = float16ToNumber(half);
  }
  table = bits;
  return bits;
}

/** float16 bits as float32 values. */
function decodeFloat16(packed: ArrayLike<number>): Float32Array {
  const bits = float32BitsByFloat16();
  const decoded = new Uint32Array(packed.length);
  for (let index = 0; index < packed.length; index++) {
    decoded[index] = bits[packed[index] as number] as number;
  }
  return new Float32Array(decoded.buffer);
}
