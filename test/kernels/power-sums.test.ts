import { describe, expect, it } from 'vitest';
import { powerSums, weightsAbove } from '../../src/kernels/power-sums.ts';

const matrix = {
  values: Float32Array.of(1, -2, 0, 0.5, 1, -1),
  start: 0,
  stride: 3,
  rowFactors: Float64Array.of(1, 1),
  columnFactors: Float64Array.of(1, 1, 1),
};

describe('powerSums', () => {
  it('sums eighth powers of rows and columns', () => {
    const { rows, columns } = powerSums(matrix, 3);
    // 1 + 256 + 0 and 1/256 + 1 + 1; 1 + 1/256, 256 + 1, 0 + 1: all of them exact.
    expect([...rows]).toEqual([257, 2 + 1 / 256]);
    expect([...columns]).toEqual([1 + 1 / 256, 257, 1]);
  });

  it('squares as often as it is told', () => {
    expect([...powerSums(matrix, 4).rows]).toEqual([1 + 2 ** 16, 2 ** -16 + 2]);
    expect([...powerSums(matrix, 5).columns]).toEqual([1 + 2 ** -32, 2 ** 32 + 1, 1]);
  });

  it('takes the factors of rows and columns in', () => {
    const factors = { rowFactors: Float64Array.of(0.5, 2), columnFactors: Float64Array.of(2, 1, 0) };
    const { rows, columns } = powerSums({ ...matrix, ...factors }, 3);
    // 1, -1, 0 and 2, 2, 0.
    expect([...rows]).toEqual([2, 512]);
    expect([...columns]).toEqual([257, 257, 0]);
  });

  it('takes an odd number of rows, of which the last has no neighbour', () => {
    const values = Float32Array.of(1, -2, 0, 0.5, 1, -1, 2, 1, 1);
    const { rows, columns } = powerSums({ ...matrix, values, rowFactors: Float64Array.of(1, 1, 1) }, 3);
    expect([...rows]).toEqual([257, 2 + 1 / 256, 258]);
    expect([...columns]).toEqual([257 + 1 / 256, 258, 2]);
  });

  it('reads a part of a matrix', () => {
    const part = { ...matrix, start: 1, columnFactors: Float64Array.of(1, 1) };
    const { rows, columns } = powerSums(part, 3);
    // -2, 0 and 1, -1.
    expect([...rows]).toEqual([256, 2]);
    expect([...columns]).toEqual([257, 1]);
  });

  it('keeps NaN, and has nothing for nothing', () => {
    const { rows, columns } = powerSums({ ...matrix, values: Float32Array.of(1, NaN, 0, 1, 1, 1) }, 3);
    expect([...rows]).toEqual([NaN, 3]);
    expect([...columns]).toEqual([2, NaN, 1]);
    const empty = { ...matrix, rowFactors: new Float64Array(0) };
    expect(powerSums(empty, 3)).toEqual({ rows: new Float64Array(0), columns: new Float64Array(3) });
  });
});

describe('weightsAbove', () => {
  it('gives the places of weights that are larger, with their factors', () => {
    expect(weightsAbove(matrix, 0.75)).toEqual({
      rows: Int32Array.of(0, 0, 1, 1),
      columns: Int32Array.of(0, 1, 1, 2),
    });
    const factors = { rowFactors: Float64Array.of(0.5, 2), columnFactors: Float64Array.of(2, 1, 0) };
    // 1, 1, 0 and 2, 2, 0.
    expect(weightsAbove({ ...matrix, ...factors }, 1)).toEqual({
      rows: Int32Array.of(1, 1),
      columns: Int32Array.of(0, 1),
    });
  });
});
