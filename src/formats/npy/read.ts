import { FormatError, LimitError } from '../../errors.ts';
import { allocate, bytesPerElement, sizeOf, type TensorValues } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { ByteSource } from '../bytes.ts';
import { valuesOfBytes } from '../hdf5/element-values.ts';
import { MAX_ARRAY_BYTES } from '../limits.ts';
import { readNpyHeader } from './header.ts';

/** How much of an array is read. */
export interface NpyOptions {
  /** How many entries along the first dimension; all where it is left out. */
  readonly first?: number | undefined;
}

/**
 * Reads a numpy array (`.npy`, format 1.0 to 3.0): booleans, integers of 1 to 8 bytes and floats of 2 to 8, in either
 * byte order, in C or Fortran order. The result is in C order and in memory; float16 is held as float32.
 *
 * @throws FormatError where it is damaged; UnsupportedModelError for text, objects and the like; LimitError where it is
 * too large for memory.
 */
export function readNpy(source: ByteSource, options: NpyOptions = {}): Tensor {
  const { type, shape, isFortranOrder, dataOffset } = readNpyHeader(source);
  const taken =
    shape.length === 0 ? [] : [Math.min(shape[0] ?? 0, options.first ?? Infinity), ...shape.slice(1)];
  const stored = isFortranOrder ? shape : taken;
  const bytes = readElements(source, dataOffset, sizeOf(stored) * bytesPerElement(type.dtype));
  if (type.isBigEndian) swapBytes(bytes, bytesPerElement(type.dtype));
  const values = valuesOfBytes(type.dtype, bytes);
  if (!isFortranOrder) return Tensor.of(type.dtype, taken, values);
  const ordered = allocate(type.dtype, sizeOf(taken));
  toCOrder(values, shape, taken, ordered);
  return Tensor.of(type.dtype, taken, ordered);
}

function readElements(source: ByteSource, byteOffset: number, length: number): Uint8Array<ArrayBuffer> {
  if (length > MAX_ARRAY_BYTES) {
    const advice = 'read fewer samples of it (--samples), or save a part of it: array[:1000]';
    throw new LimitError(`${source.name}: bytes of the array`, length, MAX_ARRAY_BYTES, advice);
  }
  const bytes = new Uint8Array(length);
  const got = source.read(byteOffset, bytes);
  if (got < length) {
    const reason = `the file ended ${length - got} bytes early; it changed since it was opened`;
    throw new FormatError(source.name, `offset ${byteOffset}`, reason);
  }
  return bytes;
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let start = 0; width > 1 && start < bytes.length; start += width) {
    bytes.subarray(start, start + width).reverse();
  }
}

/** Values whose first index runs fastest, `[shape]`, into `target`, whose last does: its `taken` first entries. */
function toCOrder(
  values: TensorValues,
  shape: readonly number[],
  taken: readonly number[],
  target: TensorValues,
): void {
  const strides: number[] = [];
  for (let axis = 0, stride = 1; axis < shape.length; stride *= shape[axis] ?? 1, axis++)
    strides.push(stride);
  const index = new Array<number>(shape.length).fill(0);
  for (let at = 0, from = 0; at < target.length; at++) {
    target[at] = values[from] as never;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      const stride = strides[axis] ?? 0;
      if (next < (taken[axis] ?? 0)) {
        index[axis] = next;
        from += stride;
        break;
      }
      from -= (next - 1) * stride;
      index[axis] = 0;
    }
  }
}
