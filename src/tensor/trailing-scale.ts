/**
 * Multiplying the last two dimensions of a kernel by per-channel factors.
 *
 * Every kernel layout of Keras ends in `[rows, columns]`, and every channel of it is a row, a column or a pair of the
 * two, so one loop serves all layers.
 *
 * @module
 */

import type { FloatValues } from './dtype.ts';

/** Factors for the last two dimensions; a missing one is 1 everywhere. */
export interface TrailingFactors {
  /** `[rows]` */
  readonly rows?: Float64Array;
  /** `[columns]` */
  readonly columns?: Float64Array;
  /** `[rows * columns]`, row-major. */
  readonly pairs?: Float64Array;
}

/**
 * `target[n] = values[n] * rows[r] * columns[c] * pairs[r, c]` in float64, rounded once into the target's type.
 *
 * `values` is the part of a tensor `[..., rows, columns]` in C order that starts at flat index `start`. NaN and Inf
 * follow IEEE rules; an empty part does nothing.
 */
export function multiplyTrailing(
  values: FloatValues,
  start: number,
  rows: number,
  columns: number,
  factors: TrailingFactors,
  target: FloatValues,
): void {
  const { rows: rowFactors, columns: columnFactors, pairs: pairFactors } = factors;
  let row = Math.floor(start / columns) % rows;
  let column = start % columns;
  let index = 0;
  while (index < values.length) {
    const run = Math.min(columns - column, values.length - index);
    const rowFactor = rowFactors === undefined ? 1 : rowFactors[row]!;
    multiplyRun(
      values,
      index,
      run,
      rowFactor,
      columnFactors,
      column,
      pairFactors,
      row * columns + column,
      target,
    );
    index += run;
    column = 0;
    row = row + 1 === rows ? 0 : row + 1;
  }
}

/** One row of {@link multiplyTrailing}; apart from it so that the inner loops stay free of branches. */
function multiplyRun(
  values: FloatValues,
  from: number,
  length: number,
  rowFactor: number,
  columnFactors: Float64Array | undefined,
  column: number,
  pairFactors: Float64Array | undefined,
  pair: number,
  target: FloatValues,
): void {
  if (pairFactors !== undefined) {
    for (let n = 0; n < length; n++) {
      const columnFactor = columnFactors === undefined ? 1 : columnFactors[column + n]!;
      target[from + n] = values[from + n]! * (rowFactor * columnFactor * pairFactors[pair + n]!);
    }
  } else if (columnFactors !== undefined) {
    for (let n = 0; n < length; n++) {
      target[from + n] = values[from + n]! * (rowFactor * columnFactors[column + n]!);
    }
  } else {
    for (let n = 0; n < length; n++) target[from + n] = values[from + n]! * rowFactor;
  }
}
