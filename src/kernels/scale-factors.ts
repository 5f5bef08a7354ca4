/**
 * Scale factors that make the ranges of consecutive layers equal.
 *
 * @module
 */

/**
 * Pair: `s = r1 / sqrt(r1 r2)`, which makes both ranges `sqrt(r1 r2)`; 1 where the product is 0. All `[channels]`.
 *
 * DFQ (Nagel et al. 2019), equation 11. Ranges are finite: callers leave out layers with NaN or Inf.
 */
export function pairScaleFactors(r1: Float64Array, r2: Float64Array): Float64Array {
  return r1.map((first, channel) => {
    // Two roots instead of one of the product, which can overflow.
    const equal = Math.sqrt(first) * Math.sqrt(r2[channel]!);
    return equal > 0 ? first / equal : 1;
  });
}

/**
 * Triple through a depthwise layer: `c = cbrt(r1 r2 r3)`, `s12 = r1 / c`, `s23 = c / r3`, which makes all three ranges
 * `c`; both 1 where a range is 0. All `[channels]`.
 */
export function tripleScaleFactors(
  r1: Float64Array,
  r2: Float64Array,
  r3: Float64Array,
): [s12: Float64Array, s23: Float64Array] {
  const s12 = new Float64Array(r1.length).fill(1);
  const s23 = new Float64Array(r1.length).fill(1);
  for (let channel = 0; channel < r1.length; channel++) {
    const equal = Math.cbrt(r1[channel]!) * Math.cbrt(r2[channel]!) * Math.cbrt(r3[channel]!);
    if (equal === 0) continue;
    s12[channel] = r1[channel]! / equal;
    s23[channel] = equal / r3[channel]!;
  }
  return [s12, s23];
}
