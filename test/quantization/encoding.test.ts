import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { integerEncoding, integerGrids, tfjsGrid } from '../../src/quantization/encoding.ts';

describe('integerEncoding', () => {
  test('asymmetric: the range goes over the whole grid, and 0 is on it', () => {
    // 3 / 3 = 1 a step; -1.25 rounds to -1.
    expect(integerEncoding(-1.25, 1.75, { bits: 2, symmetric: false })).toEqual({
      min: -1,
      max: 2,
      scale: 1,
      offset: -1,
      bitwidth: 2,
      isSymmetric: false,
    });
  });

  test('a range without 0 is extended to it', () => {
    expect(integerEncoding(3, 6, { bits: 2, symmetric: false })).toMatchObject({ min: 0, max: 6, offset: 0 });
    expect(integerEncoding(-6, -3, { bits: 2, symmetric: false })).toMatchObject({
      min: -6,
      max: 0,
      offset: -3,
    });
  });

  test('symmetric: -128 to 127, or -127 to 127 where it is strict', () => {
    const encoding = integerEncoding(-12.7, 3, { bits: 8, symmetric: true });
    expect(encoding.offset).toBe(-128);
    expect(encoding.scale).toBeCloseTo(0.1, 15);
    expect(encoding.min).toBeCloseTo(-12.8, 13);
    expect(encoding.max).toBeCloseTo(12.7, 13);
    const strict = integerEncoding(-3, 12.7, { bits: 8, symmetric: true, strict: true });
    expect(strict.offset).toBe(-127);
    expect(strict.min).toBeCloseTo(-12.7, 13);
    expect(strict.max).toBeCloseTo(12.7, 13);
  });

  test('zeros have a range', () => {
    for (const symmetric of [false, true]) {
      const { scale, min, max } = integerEncoding(0, 0, { bits: 8, symmetric });
      expect(scale).toBeGreaterThan(0);
      expect(max - min).toBeGreaterThan(0);
    }
    expect(integerEncoding(0, 5e-324, { bits: 8, symmetric: false }).scale).toBeGreaterThan(0);
  });

  test('a scale that lost its digits does not lead off the grid', () => {
    // 600 of the smallest numbers over 255 steps is 2 of them a step, and 300 steps would be needed.
    const { offset } = integerEncoding(-600 * 5e-324, 0, { bits: 8, symmetric: false });
    expect(offset).toBe(-255);
  });

  test('min, max, scale and offset agree, and the grid has 2^bits numbers', () => {
    fc.assert(
      fc.property(
        fc.float({ noNaN: true, noDefaultInfinity: true }),
        fc.float({ noNaN: true, noDefaultInfinity: true }),
        fc.integer({ min: 2, max: 16 }),
        fc.boolean(),
        fc.boolean(),
        (a, b, bits, symmetric, isStrict) => {
          const strict = symmetric && isStrict;
          const encoding = integerEncoding(Math.min(a, b), Math.max(a, b), { bits, symmetric, strict });
          const steps = 2 ** bits - (strict ? 2 : 1);
          const { lowest, highest } = integerGrids([encoding]);
          expect(encoding.min).toBe(encoding.scale * encoding.offset);
          expect(encoding.offset).toBeLessThanOrEqual(0);
          expect(encoding.offset).toBeGreaterThanOrEqual(-steps);
          expect([lowest[0], highest[0]]).toEqual([encoding.offset, encoding.offset + steps]);
        },
      ),
    );
  });
});

describe('tfjsGrid', () => {
  test('moves the range so that 0 is on the grid', () => {
    expect(tfjsGrid(-1.25, 1.75, 2)).toEqual({ scale: 1, min: -1, max: 2, steps: 3 });
  });
  test('does not where 0 is outside', () => {
    expect(tfjsGrid(3, 6, 2)).toEqual({ scale: 1, min: 3, max: 6, steps: 3 });
  });
  test('keeps what is constant', () => {
    expect(tfjsGrid(-0.7, -0.7, 8)).toEqual({ scale: 1, min: -0.7, max: -0.7, steps: 255 });
  });
});
