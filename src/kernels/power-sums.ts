/**
 * Sums of high powers of weights, a smooth stand-in for their maximum, and the weights that make most of such a sum.
 *
 * @module
 */

import type { ScaledMatrix } from './largest-weights.ts';

/** `sum of |w|^p` of each row and each column, and of {@link RUN} columns of a row after the other, `[rows, runs]`. */
export interface PowerSums {
  readonly rows: Float64Array;
  readonly columns: Float64Array;
  readonly runs: Float64Array;
}

/** Few weights are heavy: where a run of this many is light, none of them has to be looked at. */
const RUN = 64;

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
  const perRow = Math.ceil(count / RUN);
  const runs = new Float64Array(rows.length * perRow);
  // Two rows at a time, for which the sum of a column is read and written once; an odd last one goes with zeros.
  for (let row = 0; row < rows.length; row += 2) {
    const next = row + 1 < rows.length ? row + 1 : row;
    const [factor, nextFactor] = [rowFactors[row]!, next === row ? 0 : rowFactors[next]!];
    const [base, nextBase] = [start + row * stride, start + next * stride];
    for (let run = 0; run < perRow; run++) {
      const end = Math.min(count, (run + 1) * RUN);
      let sum = 0;
      let nextSum = 0;
      for (let column = run * RUN; column < end; column++) {
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
      runs[next * perRow + run] = nextSum;
      runs[row * perRow + run] = sum;
      if (next !== row) rows[next] = rows[next]! + nextSum;
      rows[row] = rows[row]! + sum;
    }
  }
  return { rows, columns, runs };
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

/** The places of the weights of which the powers that were summed up are larger than `limit`; row by row. */
export function weightsAbove(
  { values, start, stride, rowFactors, columnFactors }: ScaledMatrix,
  { runs }: PowerSums,
  limit: number,
  squarings: number,
): WeightPlaces {
  const rows: number[] = [];
  const columns: number[] = [];
  const count = columnFactors.length;
  const perRow = Math.ceil(count / RUN);
  const root = limit ** (1 / 2 ** squarings);
  for (let at = 0; at < runs.length; at++) {
    if (!(runs[at]! > limit)) continue;
    const row = Math.floor(at / perRow);
    const first = (at % perRow) * RUN;
    const base = start + row * stride;
    const least = root / rowFactors[row]!;
    for (let column = first; column < Math.min(count, first + RUN); column++) {
      if (Math.abs(values[base + column]!) * columnFactors[column]! > least) {
        rows.push(row);
        columns.push(column);
      }
    }
  }
  return { rows: Int32Array.from(rows), columns: Int32Array.from(columns) };
}
