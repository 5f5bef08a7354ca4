/**
 * Memory for the pieces in which tensors are read. An array for each would wait for the collector, and hundreds of MB of them do.
 *
 * @module
 */

import { allocate, type DType, type TensorValues } from './dtype.ts';

/** Elements of a piece, about: 2 MB of float32 stay in a processor's cache from the read to the multiplication. */
export const PIECE_ELEMENTS: number = 1 << 19;

/** Arrays that nobody reads a piece in now; as many as are in use at once, which is two or three. */
const spare: Float32Array[] = [];

/** An array of `dtype` for `count` elements or more, with whatever values. */
export function takePieceMemory(dtype: DType, count: number): TensorValues {
  if (count > PIECE_ELEMENTS || !(allocate(dtype, 0) instanceof Float32Array)) return allocate(dtype, count);
  return spare.pop() ?? new Float32Array(PIECE_ELEMENTS);
}

/** Takes an array of {@link takePieceMemory} back, which nobody looks at any more. */
export function givePieceMemoryBack(values: TensorValues): void {
  if (values instanceof Float32Array && values.length === PIECE_ELEMENTS) spare.push(values);
}
