import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LARGEST_SCALE, rangeGrid, SMALLEST_SCALE } from '../../../src/quantization/integer/range-grid.ts';

/** Largest and smallest value of a grid. */
function ends({ scale, zeroPoint }: ReturnType<typeof rangeGrid>): [number, number] {
  return [scale * (-128 - zeroPoint), scale * (127 - zeroPoint)];
}

describe('rangeGrid', () => {
  test('ranges with one sign use all codes', () => {
    expect(rangeGrid({ min: 0, max: 255 })).toEqual({ scale: 1, zeroPoint: -128 });
    expect(rangeGrid({ min: 51, max: 255 })).toEqual({ scale: 1, zeroPoint: -128 });
    expect(rangeGrid({ min: -510, max: -1 })).toEqual({ scale: 2, zeroPoint: 127 });
  });

  test('images between -1 and 1 have both 0 and -1 on the grid', () => {
    const { scale, zeroPoint } = rangeGrid({ min: -1, max: 1 });
    expect({ scale, zeroPoint }).toEqual({ scale: Math.fround(1 / 127), zeroPoint: -1 });
  });

  test('both ends are inside, by the finer of the two zero points around', () => {
    // Of 85 steps of 3.0118 below 0 and 86 of 3 the finer: -258 is on the grid with 86.
    expect(rangeGrid({ min: -258, max: 507 })).toEqual({ scale: 3, zeroPoint: -42 });
    expect(rangeGrid({ min: -1, max: 254 })).toEqual({ scale: 1, zeroPoint: -127 });
    expect(rangeGrid({ min: -1e-9, max: 1 })).toEqual({ scale: Math.fround(1 / 254), zeroPoint: -127 });
    expect(rangeGrid({ min: -1, max: 1e-30 })).toEqual({ scale: Math.fround(1 / 254), zeroPoint: 126 });
  });

  test('values that are all 0, and ranges that are next to nothing', () => {
    expect(rangeGrid({ min: 0, max: 0 })).toEqual({ scale: Math.fround(1e-5 / 255), zeroPoint: -128 });
    expect(rangeGrid({ min: 0, max: 1e-300 })).toEqual({ scale: SMALLEST_SCALE, zeroPoint: -128 });
    expect(rangeGrid({ min: -1e-300, max: 1e-300 })).toEqual({ scale: SMALLEST_SCALE, zeroPoint: -128 });
    expect(Math.fround(SMALLEST_SCALE * SMALLEST_SCALE)).toBeGreaterThan(2 ** -126);
    expect(Math.fround(LARGEST_SCALE * LARGEST_SCALE)).toBeLessThan(2 ** 127);
  });

  test('a scale that must not be finer', () => {
    expect(rangeGrid({ min: -1, max: 1 }, 0.5)).toEqual({ scale: 0.5, zeroPoint: -126 });
    expect(rangeGrid({ min: -1, max: 1 }, 1e-3)).toEqual(rangeGrid({ min: -1, max: 1 }));
    expect(rangeGrid({ min: -10, max: 0 }, 1)).toEqual({ scale: 1, zeroPoint: -118 });
  });

  test('a grid holds its range to half a step and is finer than any other', () => {
    const end = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(end, end, fc.double({ min: 0, max: 100, noNaN: true }), (one, other, least) => {
        const range = { min: Math.min(one, other), max: Math.max(one, other) };
        const [low, high] = [Math.min(0, range.min), Math.max(0, range.max)];
        const grid = rangeGrid(range, least);
        expect(Number.isInteger(grid.zeroPoint)).toBe(true);
        expect(Math.abs(grid.zeroPoint + 0.5)).toBeLessThanOrEqual(127.5);
        expect(grid.scale).toBe(Math.fround(grid.scale));
        const [first, last] = ends(grid);
        const isRaised = grid.scale === Math.fround(Math.max(least, SMALLEST_SCALE));
        // Float32 rounds a scale by 2^-24 of it.
        const slack = isRaised ? grid.scale * 0.5001 : 1e-7 * (high - low);
        expect(first).toBeLessThanOrEqual(low + slack);
        expect(last).toBeGreaterThanOrEqual(high - slack);
        // One step of 255 may be lost to have 0 on the grid.
        const finest = (high - low) / 254 || 1e-5 / 255;
        if (!isRaised) expect(grid.scale).toBeLessThanOrEqual(Math.max(finest * 1.0000001, SMALLEST_SCALE));
      }),
    );
  });
});
