import { describe, expect, test } from 'vitest';
import { normalCdf, normalDensity } from '../../src/kernels/normal-distribution.ts';

/** `erfc(-x / sqrt(2)) / 2` of C's math library. */
const CDF: readonly (readonly [number, number])[] = [
  [-37, 5.725571222525141e-300],
  [-10, 7.619853024160593e-24],
  [-5, 2.866515718791946e-7],
  [-4, 3.1671241833119965e-5],
  [-3.0001, 1.349454913260717e-3],
  [-3, 1.3498980316300957e-3],
  [-2.9999, 1.3503412829549248e-3],
  [-2, 2.275013194817932e-2],
  [-0.5, 0.3085375387259869],
  [-1e-3, 0.49960105778608893],
  [0, 0.5],
  [0.5, 0.6914624612740131],
  [2, 0.9772498680518208],
  [3.5, 0.9997673709209645],
  [8, 0.9999999999999993],
];

describe('normalCdf', () => {
  test.each(CDF)('Φ(%f)', (x, expected) => {
    // What its doc promises; the reference itself has 16 digits.
    expect(Math.abs(normalCdf(x) - expected)).toBeLessThanOrEqual(1e-13 * expected);
  });

  test('goes through the seams at ±3 without a step', () => {
    for (const seam of [-3, 3]) {
      const [before, after] = [normalCdf(seam - 1e-9), normalCdf(seam + 1e-9)];
      // The slope there is 0.0044; 1e-15 is the rounding of numbers near 1.
      expect(after - before).toBeGreaterThan(2e-9 * 0.0044 - 1e-15);
      expect(after - before).toBeLessThan(2e-9 * 0.0045 + 1e-15);
    }
  });

  test('ends and NaN', () => {
    expect(normalCdf(-Infinity)).toBe(0);
    expect(normalCdf(-1e300)).toBe(0);
    expect(normalCdf(Infinity)).toBe(1);
    expect(normalCdf(-40)).toBe(0);
    expect(normalCdf(Number.NaN)).toBeNaN();
  });
});

describe('normalDensity', () => {
  test('values', () => {
    expect(normalDensity(0)).toBeCloseTo(0.3989422804014327, 15);
    expect(normalDensity(-1)).toBeCloseTo(0.24197072451914337, 15);
    expect(normalDensity(Infinity)).toBe(0);
    expect(normalDensity(Number.NaN)).toBeNaN();
  });

  test('is the slope of the distribution', () => {
    for (let x = -6; x <= 6; x += 0.25) {
      const slope = (normalCdf(x + 1e-4) - normalCdf(x - 1e-4)) / 2e-4;
      // The difference quotient errs by h²/6 φ'' and by the rounding of values near 1 over h.
      expect(slope).toBeCloseTo(normalDensity(x), 8);
    }
  });
});
