import { describe, expect, it } from 'vitest';
import { largestWeights, raiseLargest, spreadOfRatios } from '../../src/kernels/largest-weights.ts';

/** `[2, 3]` in the last columns of rows of four. */
const matrix = {
  values: Float32Array.of(9, 1, -4, 2, 9, -3, 1, NaN),
  start: 1,
  stride: 4,
  rowFactors: Float64Array.of(1, 2),
  columnFactors: Float64Array.of(5, 1, 1),
};

describe('largestWeights', () => {
  it('finds the largest of each row and column after the factors of the other side', () => {
    const found = largestWeights(matrix);
    // Rows: |1| 5 = 5, 4, 2 and |-3| 5 = 15, 1, NaN. Columns: 1 and 3 * 2, 4 and 1 * 2, 2 and NaN.
    expect([...found.columnOfRow]).toEqual([0, 0]);
    expect([...found.rowLargest]).toEqual([5, 15]);
    expect([...found.rowOfColumn]).toEqual([1, 0, 0]);
    expect([...found.columnLargest]).toEqual([6, 4, 2]);
  });

  it('gives 0 at place 0 for zeros', () => {
    const zeros = { ...matrix, values: new Float32Array(8) };
    const found = largestWeights(zeros);
    expect([...found.rowLargest, ...found.columnLargest]).toEqual([0, 0, 0, 0, 0]);
    expect([...found.columnOfRow, ...found.rowOfColumn]).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('raiseLargest', () => {
  const known = (
    rows: readonly number[],
    columns: readonly number[],
  ): Parameters<typeof raiseLargest>[1] => ({
    rowLargest: Float64Array.from(rows),
    columnLargest: Float64Array.from(columns),
  });

  it('gives what is larger than known, and what is nearly as large', () => {
    const given: string[] = [];
    const largest = known([4.5, 20], [6, Infinity, 1]);
    const isComplete = raiseLargest(matrix, largest, 0.75, (ofRow, row, column) => {
      given.push(`${ofRow ? 'row' : 'column'} ${row} ${column}`);
    });
    expect(isComplete).toBe(true);
    // 5 is above 4.5, and 4 is 0.8 of 5; 15 is three quarters of 20; 2 is above 1; 6 is as large as known.
    expect(given).toEqual(['row 0 0', 'row 0 1', 'column 0 2', 'row 1 0', 'column 1 0']);
    expect([...largest.rowLargest, ...largest.columnLargest]).toEqual([5, 20, 6, Infinity, 2]);
  });

  it('gives a part of those that are all as large, and says so, but still the largest of all', () => {
    const factors = new Float64Array(100).fill(1);
    const values = new Float64Array(10_000).fill(1);
    values[9_999] = 1.5;
    const equal = { values, start: 0, stride: 100, rowFactors: factors, columnFactors: factors };
    const given: number[] = [];
    const ones = [...factors];
    expect(
      raiseLargest(equal, known(ones, ones), 0.9, (_, row, column) => given.push(100 * row + column)),
    ).toBe(false);
    expect(given.length).toBeLessThan(7_000);
    expect(given.filter((place) => place === 9_999)).toHaveLength(2);
  });
});

describe('spreadOfRatios', () => {
  it('is the largest ratio over the smallest, zeros aside', () => {
    expect(spreadOfRatios(Float64Array.of(1, 2, 0), Float64Array.of(3, 1, 0))).toBe(6);
    expect(spreadOfRatios(Float64Array.of(1, 2), Float64Array.of(4, 8))).toBe(1);
  });
});
