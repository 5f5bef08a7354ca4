/**
 * float16 bits to float32 by table, with the payloads of NaNs, as tfjs-core does.
 *
 * @module
 */

import { float16ToNumber } from '../../tensor/half.ts';

let table: Uint32Array | undefined;

/** The float32 bits of all 65536 float16 values. */
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
export function decodeFloat16(packed: ArrayLike<number>): Float32Array {
  const bits = float32BitsByFloat16();
  const decoded = new Uint32Array(packed.length);
  for (let index = 0; index < packed.length; index++) {
    decoded[index] = bits[packed[index] as number] as number;
  }
  return new Float32Array(decoded.buffer);
}
