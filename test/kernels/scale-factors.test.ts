import { describe, expect, it } from 'vitest';
import { pairScaleFactors, tripleScaleFactors } from '../../src/kernels/scale-factors.ts';

const of = (...values: number[]): Float64Array => Float64Array.from(values);

describe('pairScaleFactors', () => {
  it('is r1 / sqrt(r1 r2)', () => {
    // Two square roots are taken, so that the last digit may differ.
    const expected = [2, 0.25, 1].map((factor) => expect.closeTo(factor, 14));
    expect([...pairScaleFactors(of(8, 1, 3), of(2, 16, 3))]).toEqual(expected);
  });

  it('is 1 where a range is zero: there is nothing to make equal', () => {
    expect([...pairScaleFactors(of(0, 5, 0), of(5, 0, 0))]).toEqual([1, 1, 1]);
  });

  it.each([
    [1e300, 1e300, 1],
    [1e300, 1e-300, 1e300],
    [1e-300, 1e-300, 1],
    [1e-200, 1e200, 1e-200],
    [5e-324, 5e-324, 1],
  ])('neither overflows nor underflows (%d and %d)', (r1, r2, expected) => {
    const [s = NaN] = pairScaleFactors(of(r1), of(r2));
    expect(s / expected).toBeCloseTo(1, 12);
  });

  it('does not spread a NaN to other channels, nor turn it into a factor', () => {
    expect([...pairScaleFactors(of(NaN, 4), of(1, 1))]).toEqual([1, 2]);
  });

  it('has no factors for no channels', () => {
    expect(pairScaleFactors(of(), of())).toHaveLength(0);
  });
});

describe('tripleScaleFactors', () => {
  it('is r1 / c and c / r3 with c = cbrt(r1 r2 r3)', () => {
    // c = cbrt(2 * 4 * 27) = 6
    const [[s12 = NaN], [s23 = NaN]] = tripleScaleFactors(of(2), of(4), of(27));
    expect(s12).toBeCloseTo(1 / 3, 14);
    expect(s23).toBeCloseTo(6 / 27, 14);
    // All three ranges are then c: r1 / s12, r2 s12 / s23 and r3 s23.
    for (const range of [2 / s12, (4 * s12) / s23, 27 * s23]) expect(range).toBeCloseTo(6, 13);
  });

  it('is 1 twice where any of the three ranges is zero', () => {
    const [s12, s23] = tripleScaleFactors(of(0, 1, 1, 8), of(1, 0, 1, 8), of(1, 1, 0, 8));
    expect([...s12]).toEqual([1, 1, 1, 1]);
    expect([...s23]).toEqual([1, 1, 1, 1]);
  });

  it.each([
    [1e300, 1e300, 1e300],
    [1e-300, 1e-300, 1e-300],
    [1e300, 1e-300, 1],
  ])('neither overflows nor underflows (%d, %d, %d)', (r1, r2, r3) => {
    const [[s12 = NaN], [s23 = NaN]] = tripleScaleFactors(of(r1), of(r2), of(r3));
    const [first, middle, last] = [r1 / s12, (r2 * s12) / s23, r3 * s23];
    expect(middle / first).toBeCloseTo(1, 12);
    expect(last / first).toBeCloseTo(1, 12);
  });
});
