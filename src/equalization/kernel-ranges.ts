/**
 * The ranges of a kernel's channels for whatever factors, without reading the kernel again.
 *
 * @module
 */

import { largestWeights, nearWeights, spreadOfRatios, type TakeEntry } from '../kernels/largest-weights.ts';
import type { FloatValues } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';

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

/** `max over positions of |W|` of a kernel. */
export interface KernelRanges {
  /** The classes that the kernel writes, some perhaps more than once. */
  readonly outputs: Int32Array;
  /** The classes that the kernel reads. */
  readonly inputs: Int32Array;
  /**
   * Gives the largest weights of each channel on either side, where tensors of class c are divided by `scales[c]`
   * (`W' = W s_in / s_out`): the largest of all, and, where there are few, those that are less by no more than `near` in
   * logarithms. A look that could find nothing which is larger, by more than `slack`, than what was given before is left out.
   */
  look(scales: Float64Array, near: number, slack: number, take: TakeWeight): void;
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
  /** The factors at the last look, and how near to the largest the weights came that it gave. */
  #seen: { rows: Float64Array; columns: Float64Array; near: number } | undefined;

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

  look(scales: Float64Array, near: number, slack: number, take: TakeWeight): void {
    const rowFactors = factorsOf(this.#rows, this.#rowWeights, scales, this.#readsRows);
    const columnFactors = factorsOf(this.#columns, this.#columnWeights, scales, !this.#readsRows);
    // What was not given was less than the largest by `near`, and has gained no more on it than these have on each other.
    const gain = Math.max(
      spreadOfRatios(this.#seen?.rows, rowFactors),
      spreadOfRatios(this.#seen?.columns, columnFactors),
    );
    if (gain <= Math.exp((this.#seen?.near ?? 0) + slack)) return;
    const matrix = {
      values: this.#values,
      start: this.#start,
      stride: this.#stride,
      rowFactors,
      columnFactors,
    };
    const largest = largestWeights(matrix);
    const give: TakeEntry = (ofRow, row, column) => {
      const [at, other] = [this.#rows[row] as number, this.#columns[column] as number];
      const magnitude = this.#magnitude(row, column);
      if (ofRow) take(this.#readsRows ? 'read' : 'written', at, other, magnitude);
      else take(this.#readsRows ? 'written' : 'read', other, at, magnitude);
    };
    largest.columnOfRow.forEach((column, row) => {
      give(true, row, column);
    });
    largest.rowOfColumn.forEach((row, column) => {
      give(false, row, column);
    });
    const isComplete = near === 0 || nearWeights(matrix, largest, Math.exp(-near), give);
    this.#seen = { rows: rowFactors, columns: columnFactors, near: isComplete ? near : 0 };
  }

  #magnitude(row: number, column: number): number {
    const value = this.#values[this.#start + row * this.#stride + column] as number;
    return Math.abs(value * (this.#rowWeights?.[row] ?? 1) * (this.#columnWeights?.[column] ?? 1));
  }
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
