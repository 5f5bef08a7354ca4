/**
 * The weights of a matrix that decide the ranges of its rows and columns.
 *
 * @module
 */

import type { FloatValues } from '../tensor/dtype.ts';

/** `|values[start + row * stride + column]| * rowFactors[row] * columnFactors[column]`, `[rows, columns]`. */
export interface ScaledMatrix {
  readonly values: FloatValues;
  readonly start: number;
  readonly stride: number;
  readonly rowFactors: Float64Array;
  readonly columnFactors: Float64Array;
}

/** The places of the largest weights, and their sizes without the factor of the row or column itself. */
export interface LargestWeights {
  readonly columnOfRow: Int32Array;
  readonly rowOfColumn: Int32Array;
  readonly rowLargest: Float64Array;
  readonly columnLargest: Float64Array;
}

/**
 * `columnOfRow[r] = argmax over c of |w[r, c]| columnFactors[c]`, and the same for columns; the first of equals. A NaN is
 * passed over; 0 and place 0 for a row or column of zeros.
 */
export function largestWeights({
  values,
  start,
  stride,
  rowFactors,
  columnFactors,
}: ScaledMatrix): LargestWeights {
  const columns = columnFactors.length;
  const columnOfRow = new Int32Array(rowFactors.length);
  const rowOfColumn = new Int32Array(columns);
  const rowLargest = new Float64Array(rowFactors.length);
  const columnLargest = new Float64Array(columns);
  for (let row = 0; row < rowFactors.length; row++) {
    const rowFactor = rowFactors[row]!;
    const base = start + row * stride;
    let largest = 0;
    let place = 0;
    for (let column = 0; column < columns; column++) {
      const magnitude = Math.abs(values[base + column]!);
      const inRow = magnitude * columnFactors[column]!;
      if (inRow > largest) {
        largest = inRow;
        place = column;
      }
      const inColumn = magnitude * rowFactor;
      if (inColumn > columnLargest[column]!) {
        columnLargest[column] = inColumn;
        rowOfColumn[column] = row;
      }
    }
    columnOfRow[row] = place;
    rowLargest[row] = largest;
  }
  return { columnOfRow, rowOfColumn, rowLargest, columnLargest };
}

/** Takes an entry that is large in its row (`ofRow`) or in its column. */
export type TakeEntry = (ofRow: boolean, row: number, column: number) => void;

/** More weights than this near the largest are not taken: where most weights are equal, there would be no end to them. */
const MOST_NEAR = 32;

/**
 * Gives all weights of at least `part` of the largest of their row, or of their column, to `take`; none for rows and columns
 * of zeros. Returns whether they were few enough to be given all.
 */
export function nearWeights(
  { values, start, stride, rowFactors, columnFactors }: ScaledMatrix,
  { rowLargest, columnLargest }: LargestWeights,
  part: number,
  take: TakeEntry,
): boolean {
  const columns = columnFactors.length;
  const columnLeast = columnLargest.map((largest) => largest * part || Infinity);
  const counts = new Int32Array(columns);
  let isComplete = true;
  for (let row = 0; row < rowFactors.length; row++) {
    const rowFactor = rowFactors[row]!;
    const rowLeast = rowLargest[row]! * part || Infinity;
    const base = start + row * stride;
    let count = 0;
    for (let column = 0; column < columns; column++) {
      const magnitude = Math.abs(values[base + column]!);
      if (magnitude * columnFactors[column]! >= rowLeast) {
        if (count++ < MOST_NEAR) take(true, row, column);
        else isComplete = false;
      }
      if (magnitude * rowFactor >= columnLeast[column]!) {
        if (counts[column]!++ < MOST_NEAR) take(false, row, column);
        else isComplete = false;
      }
    }
  }
  return isComplete;
}

/**
 * The largest of `now / before` over the smallest, 0 and NaN aside: by how much one entry can have gained on another.
 * Infinite where there is nothing before.
 */
export function spreadOfRatios(before: Float64Array | undefined, now: Float64Array): number {
  if (before === undefined) return Infinity;
  let least = Infinity;
  let most = 0;
  for (let index = 0; index < now.length; index++) {
    const ratio = now[index]! / before[index]!;
    if (ratio < least) least = ratio;
    if (ratio > most) most = ratio;
  }
  return most / least;
}
