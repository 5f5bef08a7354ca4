/**
 * The values of a tensor in fewer bits than its dtype has, as TF.js files hold them.
 *
 * @module
 */

/**
 * What the bits of packed values mean, by the names of TF.js: whole numbers from 0 on that stand for `number * scale + min`
 * (in float64, rounded once to float32), or half floats.
 */
export type Packing =
  | { readonly dtype: 'uint8' | 'uint16'; readonly scale: number; readonly min: number }
  | { readonly dtype: 'float16' };

/** Values that a tensor has exactly, packed. */
export interface PackedValues {
  readonly packing: Packing;
  /** The whole numbers, or the bits of half floats, in C order; a piece holds until the next is asked for. */
  pieces(): Iterable<Uint8Array | Uint16Array>;
}

/** Bytes that a packed value takes. */
export function packedWidth({ dtype }: Packing): 1 | 2 {
  return dtype === 'uint8' ? 1 : 2;
}
