/**
 * Sums of high powers of weights: a smooth stand-in for their maximum.
 *
 * @module
 */

import type { ScaledMatrix } from './largest-weights.ts';

/** `sum of |w|^p` of each row and each column. */
export interface PowerSums {
  readonly rows: Float64Array;
  readonly columns: Float64Array;
}

/**
 * The sums of `|w|^p`, `p = 2^squarings` and at least 8, with the factors of rows and columns in `w`. Those should be such that the largest
 * `|w|` is near 1: with p = 32 a double holds what lies between 1e-9 and 1e9.
 */
export function powerSums(
  { values, start, stride, rowFactors, columnFactors }: ScaledMatrix,
  squarings: number,
): PowerSums {
  const count = columnFactors.length;
  const rows = new Float64Array(rowFactors.length);
  const columns = new Float64Array(count);
  for (let row = 0; row < rows.length; row++) {
    const rowFactor = rowFactors[row]!;
    const base = start + row * stride;
    let sum = 0;
    for (let column = 0; column < count; column++) {
      const weight = values[base + column]! * rowFactor * columnFactors[column]!;
      const square = weight * weight;
      const fourth = square * square;
      let power = fourth * fourth;
      for (let squaring = 3; squaring < squarings; squaring++) power *= power;
      sum += power;
      columns[column] = columns[column]! + power;
    }
    rows[row] = sum;
  }
  return { rows, columns };
}
