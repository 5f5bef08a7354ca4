/**
 * The ranges of a kernel's channels for whatever factors, without reading the kernel again.
 *
 * @module
 */

import {
  type KnownLargest,
  type LargestWeights,
  largestRatio,
  largestWeights,
  nearWeights,
  type ScaledMatrix,
  spreadOfRatios,
  type TakeEntry,
} from '../../kernels/largest-weights.ts';
import { powerSums } from '../../kernels/power-sums.ts';
import type { FloatValues } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** Which class each part of a kernel belongs to, on either side. */
export type KernelSides =
  /** A class for each row and each column of `[..., rows, columns]`, or of some of its columns. */
  | {
      readonly kind: 'matrix';
      readonly rows: Int32Array;
      readonly columns: Int32Array;
      readonly inputs: 'rows' | 'columns';
      /** The first of the columns; 0 where it is left out. */
      readonly firstColumn?: number;
    }
  /** Two classes for each pair. */
  | { readonly kind: 'pairs'; readonly inputs: Int32Array; readonly outputs: Int32Array };

/** Which side of a kernel a class stands on: `written` by it, or `read`. */
export type KernelSide = 'written' | 'read';

/** Takes a large weight of a channel: its class, the class on the other side of the kernel, and `|w|` without factors. */
export type TakeWeight = (side: KernelSide, at: number, other: number, magnitude: number) => void;

/** What is known of the ranges of the classes at some factors, but for the factor of the class itself; Infinity: not wanted. */
export type KnownRanges = Readonly<Record<KernelSide, Float64Array>>;

/** `max over positions of |W|` of a kernel. */
export interface KernelRanges {
  /** The classes that the kernel writes, some perhaps more than once. */
  readonly outputs: Int32Array;
  /** The classes that the kernel reads. */
  readonly inputs: Int32Array;
  /**
   * Gives the largest weights of each channel on either side, where tensors of class c are divided by `scales[c]`
   * (`W' = W s_in / s_out`): the largest of all, and, where there are few, those that are less by no more than `near` in
   * logarithms. With `known`, none that is less than that by more than `near`. A look that could find nothing which is
   * larger, by more than `slack`, than what was given before or is known is left out.
   */
  look(scales: Float64Array, near: number, slack: number, take: TakeWeight, known?: KnownRanges): void;
  /** The range of the whole kernel at these factors, as a smooth function of them. */
  softRange(scales: Float64Array, squarings: number): SoftRange;
}

/** `(sum of |w|^p)^(1/p)` with `p = 2^squarings`, a little more than `max |w|`. */
export interface SoftRange {
  readonly square: number;
  /** What each of {@link KernelRanges.inputs} and {@link KernelRanges.outputs} has in the sum of powers, and that sum. */
  readonly read: Float64Array;
  readonly written: Float64Array;
  readonly sum: number;
}

/** Reads a kernel once. */
export function kernelRanges(kernel: Tensor, sides: KernelSides): KernelRanges {
  return sides.kind === 'pairs' ? new PairRanges(kernel, sides) : new MatrixRanges(kernel, sides);
}

/** A weight for each pair of classes, which are few: all of them are given at once. */
class PairRanges implements KernelRanges {
  readonly outputs: Int32Array;
  readonly inputs: Int32Array;
  readonly #values: Float64Array;
  #isGiven = false;

  constructor(kernel: Tensor, { inputs, outputs }: Extract<KernelSides, { kind: 'pairs' }>) {
    this.inputs = inputs;
    this.outputs = outputs;
    this.#values = new Float64Array(kernel.rows * kernel.columns);
    takeRows(kernel, 0, kernel.columns, (row) => row, this.#values);
  }

  look(_scales: Float64Array, _near: number, _slack: number, take: TakeWeight): void {
    if (this.#isGiven) return;
    this.#isGiven = true;
    for (let pair = 0; pair < this.#values.length; pair++) {
      const input = this.inputs[pair] as number;
      const output = this.outputs[pair] as number;
      const magnitude = this.#values[pair] as number;
      take('written', output, input, magnitude);
      take('read', input, output, magnitude);
    }
  }

  softRange(scales: Float64Array, squarings: number): SoftRange {
    const largest = this.#values.reduce((most, value) => Math.max(most, value), 0);
    const shares = this.#values.map((value, pair) => {
      const ratio =
        (scales[this.inputs[pair] as number] as number) / (scales[this.outputs[pair] as number] as number);
      let power = (value / largest) * ratio;
      for (let squaring = 0; squaring < squarings; squaring++) power *= power;
      return power;
    });
    return softRangeOf(largest, squarings, shares, shares);
  }
}

function softRangeOf(
  largest: number,
  squarings: number,
  read: Float64Array,
  written: Float64Array,
): SoftRange {
  const sum = largest === 0 ? 0 : read.reduce((total, one) => total + one, 0);
  return { square: largest ** 2 * sum ** (2 / 2 ** squarings), read, written, sum };
}

/** Every row meets every column. Rows of the same class (the positions of a channel before a Dense) are taken together. */
class MatrixRanges implements KernelRanges {
  readonly #values: FloatValues;
  readonly #start: number;
  readonly #stride: number;
  readonly #rows: Int32Array;
  readonly #columns: Int32Array;
  /** The kernel's own factors where they are not in the values. */
  readonly #rowWeights: Float64Array | undefined;
  readonly #columnWeights: Float64Array | undefined;
  readonly #readsRows: boolean;
  #seen: Seen | undefined;
  #largestWeight: number | undefined;

  constructor(kernel: Tensor, sides: Extract<KernelSides, { kind: 'matrix' }>) {
    const { firstColumn = 0, columns } = sides;
    this.#readsRows = sides.inputs === 'rows';
    this.#columns = columns;
    const { unique, indexOf } = distinct(sides.rows);
    this.#rows = unique;
    const whole = unique.length === sides.rows.length ? wholeReduction(kernel) : undefined;
    if (whole) {
      this.#values = whole;
      this.#start = firstColumn;
      this.#stride = kernel.columns;
      this.#rowWeights = kernel.factors.rows;
      this.#columnWeights = kernel.factors.columns?.subarray(firstColumn, firstColumn + columns.length);
      return;
    }
    const size = unique.length * columns.length;
    this.#values = kernel.dtype === 'float64' ? new Float64Array(size) : new Float32Array(size);
    this.#start = 0;
    this.#stride = columns.length;
    takeRows(kernel, firstColumn, columns.length, (row) => indexOf[row] as number, this.#values);
  }

  get outputs(): Int32Array {
    return this.#readsRows ? this.#columns : this.#rows;
  }

  get inputs(): Int32Array {
    return this.#readsRows ? this.#rows : this.#columns;
  }

  look(scales: Float64Array, near: number, slack: number, take: TakeWeight, known?: KnownRanges): void {
    const [ofRows, ofColumns] = this.#readsRows
      ? (['read', 'written'] as const)
      : (['written', 'read'] as const);
    const give: TakeEntry = (ofRow, row, column) => {
      const [at, other] = [this.#rows[row] as number, this.#columns[column] as number];
      const magnitude = this.#magnitude(row, column);
      if (ofRow) take(ofRows, at, other, magnitude);
      else take(ofColumns, other, at, magnitude);
    };
    const matrix = {
      values: this.#values,
      start: this.#start,
      stride: this.#stride,
      rowFactors: factorsOf(this.#rows, this.#rowWeights, scales, this.#readsRows),
      columnFactors: factorsOf(this.#columns, this.#columnWeights, scales, !this.#readsRows),
    };
    this.#seen =
      known && this.#seen
        ? lookFurther(
            matrix,
            this.#seen,
            { near, slack, give },
            {
              rowLargest: rangesIn(known[ofRows], this.#rows, this.#rowWeights),
              columnLargest: rangesIn(known[ofColumns], this.#columns, this.#columnWeights),
            },
          )
        : lookAfresh(matrix, this.#seen, { near, slack, give });
  }

  softRange(scales: Float64Array, squarings: number): SoftRange {
    const largest = this.#largest();
    const { rows, columns } = powerSums(
      {
        values: this.#values,
        start: this.#start,
        stride: this.#stride,
        rowFactors: factorsOf(this.#rows, this.#rowWeights, scales, this.#readsRows),
        columnFactors: factorsOf(this.#columns, this.#columnWeights, scales, !this.#readsRows).map(
          (factor) => factor / (largest || 1),
        ),
      },
      squarings,
    );
    return this.#readsRows
      ? softRangeOf(largest, squarings, rows, columns)
      : softRangeOf(largest, squarings, columns, rows);
  }

  /** The largest weight at factors of 1. */
  #largest(): number {
    if (this.#largestWeight === undefined) {
      const { rowLargest } = largestWeights({
        values: this.#values,
        start: this.#start,
        stride: this.#stride,
        rowFactors: this.#rowWeights?.map(Math.abs) ?? new Float64Array(this.#rows.length).fill(1),
        columnFactors: this.#columnWeights?.map(Math.abs) ?? new Float64Array(this.#columns.length).fill(1),
      });
      this.#largestWeight = rowLargest.reduce(
        (most, one, row) => Math.max(most, one * Math.abs(this.#rowWeights?.[row] ?? 1)),
        0,
      );
    }
    return this.#largestWeight;
  }

  #magnitude(row: number, column: number): number {
    const value = this.#values[this.#start + row * this.#stride + column] as number;
    return Math.abs(value * (this.#rowWeights?.[row] ?? 1) * (this.#columnWeights?.[column] ?? 1));
  }
}

/** A matrix as it was looked at. */
interface Seen {
  readonly rowFactors: Float64Array;
  readonly columnFactors: Float64Array;
  /** More than any weight has that was not given, without the factor of the row or column itself. */
  readonly rowBounds: Float64Array;
  readonly columnBounds: Float64Array;
  /** By how much, in logarithms, they are less than the largest that were given. */
  readonly near: number;
}

interface Look {
  readonly near: number;
  readonly slack: number;
  readonly give: TakeEntry;
}

/** Gives the largest weights of all rows and columns, if others than those that were given can be the largest now. */
function lookAfresh(matrix: ScaledMatrix, seen: Seen | undefined, { near, slack, give }: Look): Seen {
  const { rowFactors, columnFactors } = matrix;
  // What was not given was less than the largest by `near`, and has gained no more on it than these have on each other.
  const gain = Math.max(
    spreadOfRatios(seen?.rowFactors, rowFactors),
    spreadOfRatios(seen?.columnFactors, columnFactors),
  );
  if (seen && gain <= Math.exp(seen.near + slack)) return seen;
  const largest = giveLargest(matrix, give);
  const isComplete = near === 0 || nearWeights(matrix, largest, Math.exp(-near), give);
  return seenAt(matrix, largest, isComplete ? near : 0);
}

/** Gives the weights that are nearly the largest known, or larger, if there can be any that were not given. */
function lookFurther(
  matrix: ScaledMatrix,
  seen: Seen,
  { near, slack, give }: Look,
  largest: KnownLargest,
): Seen {
  const { rowFactors, columnFactors } = matrix;
  const { rowLargest, columnLargest } = largest;
  const enough = Math.exp(slack);
  // The weights of a row grow with the factors of the columns, and the other way round.
  const gainOfRows = largestRatio(seen.columnFactors, columnFactors) / enough;
  const gainOfColumns = largestRatio(seen.rowFactors, rowFactors) / enough;
  const mayFind =
    seen.rowBounds.some((bound, row) => bound * gainOfRows > (rowLargest[row] as number)) ||
    seen.columnBounds.some((bound, column) => bound * gainOfColumns > (columnLargest[column] as number));
  if (!mayFind) return seen;
  const isComplete = nearWeights(matrix, largest, Math.exp(-near), give);
  return seenAt(matrix, largest, isComplete ? near : 0);
}

function seenAt({ rowFactors, columnFactors }: ScaledMatrix, largest: KnownLargest, near: number): Seen {
  const part = Math.exp(-near);
  return {
    rowFactors,
    columnFactors,
    rowBounds: largest.rowLargest.map((one) => one * part),
    columnBounds: largest.columnLargest.map((one) => one * part),
    near,
  };
}

function giveLargest(matrix: ScaledMatrix, give: TakeEntry): LargestWeights {
  const largest = largestWeights(matrix);
  for (let row = 0; row < matrix.rowFactors.length; row++)
    give(true, row, largest.columnOfRow[row] as number);
  for (let column = 0; column < matrix.columnFactors.length; column++) {
    give(false, largest.rowOfColumn[column] as number, column);
  }
  return largest;
}

/** The ranges of classes without the weights that the kernel has for them. */
function rangesIn(
  ranges: Float64Array,
  classes: Int32Array,
  weights: Float64Array | undefined,
): Float64Array {
  const found = new Float64Array(classes.length);
  for (let index = 0; index < found.length; index++) {
    found[index] = (ranges[classes[index] as number] as number) / Math.abs(weights?.[index] ?? 1);
  }
  return found;
}

function factorsOf(
  classes: Int32Array,
  weights: Float64Array | undefined,
  scales: Float64Array,
  isRead: boolean,
): Float64Array {
  const factors = new Float64Array(classes.length);
  for (let index = 0; index < factors.length; index++) {
    const scale = scales[classes[index] as number] as number;
    const weight = Math.abs(weights?.[index] ?? 1);
    factors[index] = isRead ? weight * scale : weight / scale;
  }
  return factors;
}

/** The maxima of all pairs without the kernel's factors, where they lie in one piece and no factor is a pair's. */
function wholeReduction(kernel: Tensor): FloatValues | undefined {
  // One row may be a view into a file, which holds until the next read.
  if (kernel.factors.pairs !== undefined || kernel.rows === 1) return undefined;
  const [first] = kernel.reduced('maxAbs');
  return first?.values.length === kernel.rows * kernel.columns ? first.values : undefined;
}

/** Takes the magnitudes of some columns, after the kernel's factors, into rows of `target`. */
function takeRows(
  kernel: Tensor,
  firstColumn: number,
  count: number,
  rowOf: (row: number) => number,
  target: FloatValues,
): void {
  const { columns, factors } = kernel;
  for (const { firstRow, values } of kernel.reduced('maxAbs')) {
    for (let base = 0, row = firstRow; base < values.length; base += columns, row++) {
      const to = rowOf(row) * count;
      const rowFactor = factors.rows?.[row] ?? 1;
      for (let index = 0, column = firstColumn; index < count; index++, column++) {
        const factor =
          rowFactor * (factors.columns?.[column] ?? 1) * (factors.pairs?.[row * columns + column] ?? 1);
        const magnitude = Math.abs((values[base + column] as number) * factor);
        if (magnitude > (target[to + index] as number)) target[to + index] = magnitude;
      }
    }
  }
}

function distinct(classes: Int32Array): { unique: Int32Array; indexOf: Int32Array } {
  const places = new Map<number, number>();
  const indexOf = classes.map((channel) => {
    const known = places.get(channel);
    if (known !== undefined) return known;
    places.set(channel, places.size);
    return places.size - 1;
  });
  return { unique: Int32Array.from(places.keys()), indexOf };
}
