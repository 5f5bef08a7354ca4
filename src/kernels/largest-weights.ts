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
 * of which `largest` has 0 or Infinity. Returns whether they were few enough to be given all.
 *
 * `largest` may have less than is there, and is raised to what was found.
 */
export function nearWeights(
  matrix: ScaledMatrix,
  largest: KnownLargest,
  part: number,
  take: TakeEntry,
): boolean {
  const { rowFactors, columnFactors } = matrix;
  const { rowLargest, columnLargest } = largest;
  const columns = columnFactors.length;
  const counts = { rows: new Int32Array(rowFactors.length), columns: new Int32Array(columns) };
  let isComplete = true;
  for (const candidate of nearCandidates(matrix, largest, part)) {
    const ofRow = candidate % 2 === 0;
    const place = Math.floor(candidate / 2);
    const row = Math.floor(place / columns);
    const column = place % columns;
    const magnitude = Math.abs(matrix.values[matrix.start + row * matrix.stride + column]!);
    const isNear = ofRow
      ? magnitude * columnFactors[column]! >= rowLargest[row]! * part
      : magnitude * rowFactors[row]! >= columnLargest[column]! * part;
    if (!isNear) continue;
    const count = ofRow ? counts.rows[row]!++ : counts.columns[column]!++;
    if (count < MOST_NEAR) take(ofRow, row, column);
    else isComplete = false;
  }
  return isComplete;
}

/** What is known of the largest weights. */
export type KnownLargest = Pick<LargestWeights, 'rowLargest' | 'columnLargest'>;

/**
 * The weights that were near the largest of those before them, as `2 (row * columns + column)` in a row and one more in a
 * column: all that are near the largest, and a few that are not. Raises `largest`.
 */
function nearCandidates(matrix: ScaledMatrix, largest: KnownLargest, part: number): number[] {
  const { values, start, stride, rowFactors, columnFactors } = matrix;
  const { rowLargest, columnLargest } = largest;
  const columns = columnFactors.length;
  const columnLeast = columnLargest.map((one) => one * part || Infinity);
  const candidates: number[] = [];
  for (let row = 0; row < rowFactors.length; row++) {
    const rowFactor = rowFactors[row]!;
    const base = start + row * stride;
    const limits = { rowFactor, rowLeast: rowLargest[row]! * part || Infinity, columnFactors, columnLeast };
    for (let column = nextLarge(values, base, 0, limits); column < columns; ) {
      const magnitude = Math.abs(values[base + column]!);
      const inRow = magnitude * columnFactors[column]!;
      if (inRow >= limits.rowLeast) {
        candidates.push(2 * (row * columns + column));
        rowLargest[row] = Math.max(inRow, rowLargest[row]!);
        limits.rowLeast = rowLargest[row]! * part;
      }
      const inColumn = magnitude * rowFactor;
      if (inColumn >= columnLeast[column]!) {
        candidates.push(2 * (row * columns + column) + 1);
        columnLargest[column] = Math.max(inColumn, columnLargest[column]!);
        columnLeast[column] = columnLargest[column]! * part;
      }
      column = nextLarge(values, base, column + 1, limits);
    }
  }
  return candidates;
}

interface RowLimits {
  readonly rowFactor: number;
  rowLeast: number;
  readonly columnFactors: Float64Array;
  readonly columnLeast: Float64Array;
}

/** The first column from `from` on whose weight is large in the row that starts at `base`, or in the column. */
function nextLarge(
  values: FloatValues,
  base: number,
  from: number,
  { rowFactor, rowLeast, columnFactors, columnLeast }: RowLimits,
): number {
  const columns = columnFactors.length;
  for (let column = from; column < columns; column++) {
    const magnitude = Math.abs(values[base + column]!);
    if (magnitude * columnFactors[column]! >= rowLeast || magnitude * rowFactor >= columnLeast[column]!) {
      return column;
    }
  }
  return columns;
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

/** The largest of `now / before`, 0 / 0 aside. */
export function largestRatio(before: Float64Array, now: Float64Array): number {
  let most = 0;
  for (let index = 0; index < now.length; index++) {
    const ratio = now[index]! / before[index]!;
    if (ratio > most) most = ratio;
  }
  return most;
}
