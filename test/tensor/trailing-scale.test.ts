import { describe, expect, it } from 'vitest';
import { multiplyTrailing } from '../../src/tensor/trailing-scale.ts';

const multiply = (
  values: number[],
  start: number,
  factors: Parameters<typeof multiplyTrailing>[4],
): number[] => {
  const target = new Float64Array(values.length);
  multiplyTrailing(Float64Array.from(values), start, 2, 3, factors, target);
  return [...target];
};

describe('multiplyTrailing over [.., 2 rows, 3 columns]', () => {
  const ones = new Array<number>(12).fill(1);
  const rows = Float64Array.of(2, 3);
  const columns = Float64Array.of(10, 100, 1000);
  const pairs = Float64Array.of(1, 2, 3, 4, 5, 6);

  it('multiplies rows, columns and pairs, over and over for each position', () => {
    expect(multiply(ones, 0, { rows })).toEqual([2, 2, 2, 3, 3, 3, 2, 2, 2, 3, 3, 3]);
    expect(multiply(ones, 0, { columns })).toEqual([
      10, 100, 1000, 10, 100, 1000, 10, 100, 1000, 10, 100, 1000,
    ]);
    expect(multiply(ones, 0, { pairs })).toEqual([1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
  });

  it('multiplies all three together', () => {
    expect(multiply(ones.slice(0, 6), 0, { rows, columns, pairs })).toEqual([
      20, 400, 6000, 120, 1500, 18000,
    ]);
  });

  it('starts in the middle of a row, a position, or beyond the first', () => {
    const whole = multiply(ones, 0, { rows, columns, pairs });
    for (const start of [1, 3, 4, 5, 6, 8, 11]) {
      expect(multiply(ones.slice(start), start, { rows, columns, pairs })).toEqual(whole.slice(start));
    }
  });

  it('copies without factors, and does nothing without values', () => {
    expect(multiply([1, 2, 3], 4, {})).toEqual([1, 2, 3]);
    expect(multiply([], 5, { rows })).toEqual([]);
  });

  it('follows IEEE rules for NaN and infinities', () => {
    expect(multiply([NaN, Infinity, 0], 0, { columns: Float64Array.of(2, -1, Infinity) })).toEqual([
      NaN,
      -Infinity,
      NaN,
    ]);
  });
});
