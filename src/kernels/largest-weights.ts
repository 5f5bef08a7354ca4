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

/** The places of the largest weights of rows and columns. */
export interface LargestWeights {
  readonly columnOfRow: Int32Array;
  readonly rowOfColumn: Int32Array;
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
  const rows = rowFactors.length;
  const columns = columnFactors.length;
  const columnOfRow = new Int32Array(rows);
  const rowOfColumn = new Int32Array(columns);
  const columnLargest = new Float64Array(columns);
  // Two rows at a time, for which what is kept of a column is read once; an odd last one is its own neighbour.
  for (let row = 0; row < rows; row += 2) {
    const next = Math.min(row + 1, rows - 1);
    const [factor, nextFactor] = [rowFactors[row]!, rowFactors[next]!];
    const [base, nextBase] = [start + row * stride, start + next * stride];
    let largest = 0;
    let place = 0;
    let nextLargest = 0;
    let nextPlace = 0;
    for (let column = 0; column < columns; column++) {
      const magnitude = Math.abs(values[base + column]!);
      const nextMagnitude = Math.abs(values[nextBase + column]!);
      const columnFactor = columnFactors[column]!;
      if (magnitude * columnFactor > largest) {
        largest = magnitude * columnFactor;
        place = column;
      }
      if (nextMagnitude * columnFactor > nextLargest) {
        nextLargest = nextMagnitude * columnFactor;
        nextPlace = column;
      }
      if (magnitude * factor > columnLargest[column]!) {
        columnLargest[column] = magnitude * factor;
        rowOfColumn[column] = row;
      }
      if (nextMagnitude * nextFactor > columnLargest[column]!) {
        columnLargest[column] = nextMagnitude * nextFactor;
        rowOfColumn[column] = next;
      }
    }
    columnOfRow[row] = place;
    columnOfRow[next] = nextPlace;
  }
  return { columnOfRow, rowOfColumn };
}

/** The largest of all, passing over NaN; 0 for a matrix of zeros, or without weights. */
export function largestMagnitude({ values, start, stride, rowFactors, columnFactors }: ScaledMatrix): number {
  let largest = 0;
  for (let row = 0; row < rowFactors.length; row++) {
    const base = start + row * stride;
    let ofRow = 0;
    for (let column = 0; column < columnFactors.length; column++) {
      const magnitude = Math.abs(values[base + column]!) * columnFactors[column]!;
      if (magnitude > ofRow) ofRow = magnitude;
    }
    largest = Math.max(largest, ofRow * rowFactors[row]!);
  }
  return largest;
}
