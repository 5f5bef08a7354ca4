/**
 * Sums of high powers of weights, a smooth stand-in for their maximum, and the weights that make most of such a sum.
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
 * The sums of `|w|^p`, `p = 2^squarings` and at least 8, with the factors of rows and columns in `w`. Those should be such
 * that the largest `|w|` is near 1: with p = 32 a double holds what lies between 1e-9 and 1e9.
 */
export function powerSums(
  { values, start, stride, rowFactors, columnFactors }: ScaledMatrix,
  squarings: number,
): PowerSums {
  const count = columnFactors.length;
  const rows = new Float64Array(rowFactors.length);
  const columns = new Float64Array(count);
  // Two rows at a time, for which the sum of a column is read and written once; an odd last one goes with zeros.
  for (let row = 0; row < rows.length; row += 2) {
    const next = row + 1 < rows.length ? row + 1 : row;
    const [factor, nextFactor] = [rowFactors[row]!, next === row ? 0 : rowFactors[next]!];
    const [base, nextBase] = [start + row * stride, start + next * stride];
    let sum = 0;
    let nextSum = 0;
    for (let column = 0; column < count; column++) {
      const columnFactor = columnFactors[column]!;
      let power = values[base + column]! * factor * columnFactor;
      let nextPower = values[nextBase + column]! * nextFactor * columnFactor;
      power *= power;
      nextPower *= nextPower;
      power *= power;
      nextPower *= nextPower;
      power *= power;
      nextPower *= nextPower;
      for (let squaring = 3; squaring < squarings; squaring++) {
        power *= power;
        nextPower *= nextPower;
      }
      sum += power;
      nextSum += nextPower;
      columns[column] = columns[column]! + power + nextPower;
    }
    rows[next] = nextSum;
    rows[row] = sum;
  }
  return { rows, columns };
}

/** `value^(2^squarings)`. */
export function powerOf(value: number, squarings: number): number {
  let power = value;
  for (let squaring = 0; squaring < squarings; squaring++) power *= power;
  return power;
}

/** Places of weights, one after the other. */
export interface WeightPlaces {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
}

/** The places of the weights that are larger than `limit`, with the factors of rows and columns in `|w|`; row by row. */
export function weightsAbove(
  { values, start, stride, rowFactors, columnFactors }: ScaledMatrix,
  limit: number,
): WeightPlaces {
  const rows: number[] = [];
  const columns: number[] = [];
  const count = columnFactors.length;
  for (let row = 0; row < rowFactors.length; row++) {
    const base = start + row * stride;
    const least = limit / rowFactors[row]!;
    for (let column = 0; column < count; column++) {
      if (Math.abs(values[base + column]!) * columnFactors[column]! > least) {
        rows.push(row);
        columns.push(column);
      }
    }
  }
  return { rows: Int32Array.from(rows), columns: Int32Array.from(columns) };
}
