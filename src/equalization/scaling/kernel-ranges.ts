/**
 * The ranges of a kernel's channels for whatever factors, without reading the kernel again.
 *
 * @module
 */

import { sumOf } from '../../kernels/gathered.ts';
import { largestMagnitude, largestWeights, type ScaledMatrix } from '../../kernels/largest-weights.ts';
import { powerOf, powerSums, weightsAbove } from '../../kernels/power-sums.ts';
import { type LightWeights, WeightPowers } from '../../kernels/weight-powers.ts';
import type { FloatValues } from '../../tensor/dtype.ts';
import { largestOf } from '../../tensor/extremes.ts';
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

/** `max over positions of |W|` of a kernel. */
export interface KernelRanges {
  /** The classes that the kernel writes, some perhaps more than once. */
  readonly outputs: Int32Array;
  /** The classes that the kernel reads. */
  readonly inputs: Int32Array;
  /**
   * Gives the largest weight of each channel on either side, where tensors of class c are divided by `scales[c]` (`W' = W s_in
   * / s_out`); perhaps others too.
   */
  look(scales: Float64Array, take: TakeWeight): void;
  /** What the range of the whole kernel is near these factors, as a smooth function of them. */
  powers(scales: Float64Array, smoothness: Smoothness): WeightPowers;
  /** The square of that range at the factors, of all weights. */
  square(scales: Float64Array, squarings: number): number;
}

/** How a maximum is smoothed. */
export interface Smoothness {
  /** It stands for `(sum of |w|^p)^(1/p)` with `p = 2^squarings`. */
  readonly squarings: number;
  /** Weights whose power is below this part of the average are light: their sums over inputs and outputs stand for them. */
  readonly light: number;
  /** Where light weights have more than this part of the sum, they are weighed again. */
  readonly mostLight: number;
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

  constructor(kernel: Tensor, { inputs, outputs }: Extract<KernelSides, { kind: 'pairs' }>) {
    this.inputs = inputs;
    this.outputs = outputs;
    this.#values = new Float64Array(kernel.rows * kernel.columns);
    takeRows(kernel, 0, kernel.columns, (row) => row, this.#values);
  }

  look(_scales: Float64Array, take: TakeWeight): void {
    for (let pair = 0; pair < this.#values.length; pair++) {
      const input = this.inputs[pair] as number;
      const output = this.outputs[pair] as number;
      const magnitude = this.#values[pair] as number;
      take('written', output, input, magnitude);
      take('read', input, output, magnitude);
    }
  }

  powers(_scales: Float64Array, { squarings }: Smoothness): WeightPowers {
    const largest = largestOf(this.#values, 0);
    const places = Int32Array.from(this.#values.keys());
    const powers = this.#values.map((value) => powerOf(value / largest, squarings));
    return new WeightPowers({ largest, squarings, inputs: places, outputs: places, powers });
  }

  square(scales: Float64Array, squarings: number): number {
    const values = this.#values.map(
      (value, pair) =>
        (value * (scales[this.inputs[pair] as number] as number)) /
        (scales[this.outputs[pair] as number] as number),
    );
    const largest = largestOf(values, 0);
    if (largest === 0) return 0;
    const sum = sumOf(values.map((value) => powerOf(value / largest, squarings)));
    return largest ** 2 * sum ** (2 / 2 ** squarings);
  }
}

/** A kernel of no more weights has no light ones. */
const FEW = 1024;

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
  /** A weight that powers are in parts of, near the largest: with p = 32 they would leave the doubles. */
  #unit: number | undefined;

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

  look(scales: Float64Array, take: TakeWeight): void {
    const { columnOfRow, rowOfColumn } = largestWeights(this.#scaled(scales));
    const [ofRow, ofColumn] = this.#readsRows
      ? (['read', 'written'] as const)
      : (['written', 'read'] as const);
    const [rows, columns] = [this.#rows, this.#columns];
    let largest = 0;
    for (let row = 0; row < rows.length; row++) {
      const column = columnOfRow[row] as number;
      const magnitude = this.#magnitude(row, column);
      largest = Math.max(largest, magnitude);
      take(ofRow, rows[row] as number, columns[column] as number, magnitude);
    }
    this.#unit ??= largest;
    for (let column = 0; column < columns.length; column++) {
      const row = rowOfColumn[column] as number;
      take(ofColumn, columns[column] as number, rows[row] as number, this.#magnitude(row, column));
    }
  }

  powers(scales: Float64Array, { squarings, light }: Smoothness): WeightPowers {
    const largest = this.#largest();
    const matrix = this.#inParts(scales, largest);
    const sums = powerSums(matrix, squarings);
    const { rows, columns } = sums;
    const count = rows.length * columns.length;
    const limit = count > FEW ? (light * sumOf(rows)) / count : 0;
    const heavy = weightsAbove(matrix, sums, limit, squarings);
    const powers = new Float64Array(heavy.rows.length);
    for (let index = 0; index < powers.length; index++) {
      const row = heavy.rows[index] as number;
      const column = heavy.columns[index] as number;
      const [rowFactor, columnFactor] = [
        matrix.rowFactors[row] as number,
        matrix.columnFactors[column] as number,
      ];
      const value = this.#values[this.#start + row * this.#stride + column] as number;
      const power = powerOf(value * rowFactor * columnFactor, squarings);
      rows[row] = Math.max(0, (rows[row] as number) - power);
      columns[column] = Math.max(0, (columns[column] as number) - power);
      powers[index] = powerOf(this.#magnitude(row, column) / largest, squarings);
    }
    const [inputs, outputs] = this.#readsRows ? [rows, columns] : [columns, rows];
    return new WeightPowers({
      ...{ largest, squarings, powers },
      inputs: this.#readsRows ? heavy.rows : heavy.columns,
      outputs: this.#readsRows ? heavy.columns : heavy.rows,
      light: this.#unscaled({ inputs, outputs, sum: sumOf(inputs) }, scales, squarings),
    });
  }

  square(scales: Float64Array, squarings: number): number {
    const largest = this.#largest();
    const sum = sumOf(powerSums(this.#inParts(scales, largest), squarings).rows);
    return largest === 0 ? 0 : largest ** 2 * sum ** (2 / 2 ** squarings);
  }

  /** The weights with the factors, in parts of the largest. */
  #inParts(scales: Float64Array, largest: number): ScaledMatrix {
    const matrix = this.#scaled(scales);
    for (let column = 0; column < matrix.columnFactors.length; column++) {
      matrix.columnFactors[column] = (matrix.columnFactors[column] as number) / (largest || 1);
    }
    return matrix;
  }

  #unscaled({ inputs, outputs, sum }: LightWeights, scales: Float64Array, squarings: number): LightWeights {
    const scale = (classes: Int32Array, place: number): number => scales[classes[place] as number] as number;
    return {
      inputs: inputs.map((one, place) => one / powerOf(scale(this.inputs, place), squarings)),
      outputs: outputs.map((one, place) => one * powerOf(scale(this.outputs, place), squarings)),
      sum,
    };
  }

  #scaled(scales: Float64Array | undefined): ScaledMatrix {
    return {
      values: this.#values,
      start: this.#start,
      stride: this.#stride,
      rowFactors: factorsOf(this.#rows, this.#rowWeights, scales, this.#readsRows),
      columnFactors: factorsOf(this.#columns, this.#columnWeights, scales, !this.#readsRows),
    };
  }

  #largest(): number {
    this.#unit ??= largestMagnitude(this.#scaled(undefined));
    return this.#unit;
  }

  #magnitude(row: number, column: number): number {
    const value = this.#values[this.#start + row * this.#stride + column] as number;
    return Math.abs(value * (this.#rowWeights?.[row] ?? 1) * (this.#columnWeights?.[column] ?? 1));
  }
}

/** The factors of rows or columns: their own, with those of their classes where there are any. */
function factorsOf(
  classes: Int32Array,
  weights: Float64Array | undefined,
  scales: Float64Array | undefined,
  isRead: boolean,
): Float64Array {
  const factors = new Float64Array(classes.length);
  for (let index = 0; index < factors.length; index++) {
    const scale = scales ? (scales[classes[index] as number] as number) : 1;
    const weight = Math.abs(weights?.[index] ?? 1);
    factors[index] = isRead ? weight * scale : weight / scale;
  }
  return factors;
}

/** The maxima of all pairs without the kernel's factors, where no factor is a pair's. */
function wholeReduction(kernel: Tensor): FloatValues | undefined {
  return kernel.factors.pairs === undefined ? kernel.reducedWhole('maxAbs') : undefined;
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
