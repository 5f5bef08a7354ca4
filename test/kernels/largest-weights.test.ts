import { describe, expect, it } from 'vitest';
import {
  largestRatio,
  largestWeights,
  nearWeights,
  spreadOfRatios,
} from '../../src/kernels/largest-weights.ts';

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

describe('nearWeights', () => {
  it('gives all of at least that part of the largest', () => {
    const given: string[] = [];
    const isComplete = nearWeights(matrix, largestWeights(matrix), 0.75, (ofRow, row, column) => {
      given.push(`${ofRow ? 'row' : 'column'} ${row} ${column}`);
    });
    expect(isComplete).toBe(true);
    // 4 is 0.8 of 5.
    expect(given).toEqual(['row 0 0', 'row 0 1', 'column 0 1', 'column 0 2', 'row 1 0', 'column 1 0']);
  });

  it('gives none of zeros, and says so where there are too many', () => {
    const factors = new Float64Array(100).fill(1);
    const all = (value: number): Parameters<typeof largestWeights>[0] => ({
      values: new Float64Array(10_000).fill(value),
      start: 0,
      stride: 100,
      rowFactors: factors,
      columnFactors: factors,
    });
    let count = 0;
    const take = (): void => {
      count++;
    };
    expect(nearWeights(all(0), largestWeights(all(0)), 0.9, take)).toBe(true);
    expect(count).toBe(0);
    expect(nearWeights(all(1), largestWeights(all(1)), 0.9, take)).toBe(false);
    expect(count).toBeLessThan(10_000);
  });
});

describe('spreadOfRatios', () => {
  it('is the largest ratio over the smallest, zeros aside', () => {
    expect(spreadOfRatios(Float64Array.of(1, 2, 0), Float64Array.of(3, 1, 0))).toBe(6);
    expect(spreadOfRatios(Float64Array.of(1, 2), Float64Array.of(4, 8))).toBe(1);
  });

  it('is infinite where there is nothing before', () => {
    expect(spreadOfRatios(undefined, Float64Array.of(1))).toBe(Infinity);
  });
});

describe('nearWeights from less than the largest', () => {
  it('gives what is near the largest that it finds, and raises what was known', () => {
    const known = { rowLargest: Float64Array.of(1, Infinity), columnLargest: Float64Array.of(1, 3.9, 2) };
    const given: string[] = [];
    nearWeights(matrix, known, 0.75, (ofRow, row, column) => {
      given.push(`${ofRow ? 'row' : 'column'} ${row} ${column}`);
    });
    // The second row is not wanted; 1 in the first column is less than 0.75 of the 6 behind it.
    expect(given).toEqual(['row 0 0', 'row 0 1', 'column 0 1', 'column 0 2', 'column 1 0']);
    expect([...known.rowLargest, ...known.columnLargest]).toEqual([5, Infinity, 6, 4, 2]);
  });
});

describe('largestRatio', () => {
  it('is the largest, zeros aside', () => {
    expect(largestRatio(Float64Array.of(1, 2, 0), Float64Array.of(3, 1, 0))).toBe(3);
  });
});
