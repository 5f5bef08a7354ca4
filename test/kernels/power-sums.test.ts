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
    expect(powerSums(empty, 3)).toMatchObject({ rows: new Float64Array(0), columns: new Float64Array(3) });
  });
});

describe('weightsAbove', () => {
  it('gives the places of weights that are larger, with their factors', () => {
    const above = (of: typeof matrix, limit: number) => weightsAbove(of, powerSums(of, 3), limit ** 8, 3);
    expect(above(matrix, 0.75)).toEqual({
      rows: Int32Array.of(0, 0, 1, 1),
      columns: Int32Array.of(0, 1, 1, 2),
    });
    const factors = { rowFactors: Float64Array.of(0.5, 2), columnFactors: Float64Array.of(2, 1, 0) };
    // 1, 1, 0 and 2, 2, 0.
    expect(above({ ...matrix, ...factors }, 1)).toEqual({
      rows: Int32Array.of(1, 1),
      columns: Int32Array.of(0, 1),
    });
  });

  it('passes over runs that are light, and finds each heavy weight of wide rows', () => {
    const [rows, columns] = [3, 150];
    const values = new Float32Array(rows * columns).fill(0.5);
    const heavy = [0, 63, 64, 149, 150 + 128, 300 + 70];
    for (const at of heavy) values[at] = -1;
    const wide = {
      values,
      start: 0,
      stride: columns,
      rowFactors: new Float64Array(rows).fill(1),
      columnFactors: new Float64Array(columns).fill(1),
    };
    for (const squarings of [3, 4, 5]) {
      const found = weightsAbove(wide, powerSums(wide, squarings), 0.9 ** (2 ** squarings), squarings);
      expect([...found.rows.map((row, at) => row * columns + (found.columns[at] ?? NaN))]).toEqual(heavy);
    }
  });
});
