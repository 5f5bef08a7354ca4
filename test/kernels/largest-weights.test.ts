import { describe, expect, it } from 'vitest';
import { largestWeights } from '../../src/kernels/largest-weights.ts';

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
    expect([...found.rowOfColumn]).toEqual([1, 0, 0]);
  });

  it('takes an odd number of rows, of which the last has no neighbour', () => {
    const three = {
      values: Float32Array.of(1, 5, 3, 2, -7, 4),
      start: 0,
      stride: 2,
      rowFactors: Float64Array.of(1, 1, 1),
      columnFactors: Float64Array.of(1, 1),
    };
    const found = largestWeights(three);
    expect([...found.columnOfRow]).toEqual([1, 0, 0]);
    expect([...found.rowOfColumn]).toEqual([2, 0]);
    // Of equals the first.
    const equal = largestWeights({ ...three, values: new Float32Array(6).fill(2) });
    expect([...equal.columnOfRow, ...equal.rowOfColumn]).toEqual([0, 0, 0, 0, 0]);
  });

  it('gives place 0 for zeros', () => {
    const zeros = { ...matrix, values: new Float32Array(8) };
    const found = largestWeights(zeros);
    expect([...found.columnOfRow, ...found.rowOfColumn]).toEqual([0, 0, 0, 0, 0]);
  });
});
