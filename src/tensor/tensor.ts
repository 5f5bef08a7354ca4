/**
 * An immutable weight: dtype, shape, and a way to read its values.
 *
 * A tensor may be lazy (backed by an open file) and may remember factors that are multiplied in while it is read, so
 * that scaling a model costs no memory and rounds once, however many steps scale it.
 *
 * @module
 */

import { accumulateMaxAbs, accumulateMaxAbsBits, accumulateSums } from './accumulate.ts';
import { allocate, type DType, type FloatValues, isFloat, sizeOf, type TensorValues } from './dtype.ts';
import type { PackedValues } from './packed-values.ts';
import { givePieceMemoryBack, PIECE_ELEMENTS, takePieceMemory } from './piece-memory.ts';
import { multiplyTrailing, type TrailingFactors } from './trailing-scale.ts';

/** Where the values of a tensor come from. */
export interface TensorSource {
  /** Whether what {@link read} gave stays as it is, because it lies in memory. */
  readonly isStable?: boolean;
  /**
   * `count` values in C order from flat index `start`. The caller does not change them; unless they are stable they hold until
   * the next call.
   *
   * @throws `FormatError` where the file behind the source cannot be read.
   */
  read(start: number, count: number): TensorValues;
  /** The same into an array of the caller's, filling it. */
  readInto?(start: number, values: TensorValues): void;
}

/** Which entries of the last two dimensions `[..., rows, columns]` a factor belongs to. */
export type ScaleAxis = 'rows' | 'columns' | 'pairs';

/** What is reduced over all leading dimensions to one value for each pair of the last two. */
export type Reduction = 'maxAbs' | 'sum';

/** Some rows of a reduction `[rows, columns]`: `values[0]` belongs to row `firstRow`, column 0. */
export interface ReducedRows {
  readonly firstRow: number;
  readonly values: FloatValues;
}

interface KnownOfSource {
  maxAbs?: FloatValues;
  sum?: FloatValues;
  /** `max |w|` of each column over all that stands before it, `[columns]`; NaN or Infinity where a weight is. */
  columnMaxAbs?: Float64Array;
  /** Index of the first pair with a NaN or an infinite weight; -1 where all are finite. */
  nonFinitePair?: number;
}

/** Tensors up to this size keep their values once read. */
const KEPT_ELEMENTS = 1 << 14;
/** Kernels of one position up to this size are given whole; past it (the Dense layers of old networks) in pieces alone. */
const WHOLE_PAIRS = 1 << 22;

/** A weight of a layer. Never changed in place: an edit points the layer at a new tensor. */
export class Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly size: number;
  /** The same values in fewer bits, where they came so or were put on such a grid; a scaled tensor has none. */
  readonly packed: PackedValues | undefined;
  readonly #source: TensorSource;
  readonly #factors: TrailingFactors;
  /** What was found out about the values as they lie in the source; shared by a tensor and its scaled forms. */
  readonly #known: KnownOfSource;
  #kept: TensorValues | undefined;

  private constructor(
    dtype: DType,
    shape: readonly number[],
    source: TensorSource,
    factors: TrailingFactors = {},
    known: KnownOfSource = {},
    packed?: PackedValues,
  ) {
    this.dtype = dtype;
    this.shape = shape;
    this.size = sizeOf(shape);
    this.packed = packed;
    this.#source = source;
    this.#factors = factors;
    this.#known = known;
  }

  /**
   * A tensor whose values are read when they are needed.
   *
   * @param packed the same values in fewer bits, for a file that holds them so.
   */
  static lazy(dtype: DType, shape: readonly number[], source: TensorSource, packed?: PackedValues): Tensor {
    return new Tensor(dtype, [...shape], source, {}, {}, packed);
  }

  /**
   * A tensor over values in memory, which the caller no longer changes.
   *
   * @throws RangeError where the number of values is not the product of the shape.
   */
  static of(dtype: DType, shape: readonly number[], values: TensorValues): Tensor {
    if (values.length !== sizeOf(shape)) {
      throw new RangeError(`${values.length} values do not fill the shape [${shape.join(', ')}]`);
    }
    return new Tensor(dtype, [...shape], {
      isStable: true,
      read: (start, count) => values.subarray(start, start + count),
    });
  }

  /** A tensor of `dtype` from numbers, rounded once. */
  static fromNumbers(dtype: DType, shape: readonly number[], numbers: ArrayLike<number>): Tensor {
    const values = allocate(dtype, numbers.length) as FloatValues;
    values.set(numbers);
    return Tensor.of(dtype, shape, values);
  }

  /** Length of the second last dimension; 1 where there is none. */
  get rows(): number {
    return this.shape.at(-2) ?? 1;
  }

  /** Length of the last dimension; 1 for a scalar. */
  get columns(): number {
    return this.shape.at(-1) ?? 1;
  }

  /** Factors that are multiplied in while reading; empty for a tensor as it was read from its file. */
  get factors(): TrailingFactors {
    return this.#factors;
  }

  /** All values in C order. Do not change them. */
  values(): TensorValues {
    if (this.#kept) return this.#kept;
    if (!this.#isScaled() && this.#source.isStable) return this.#source.read(0, this.size);
    const values = allocate(this.dtype, this.size);
    for (const { start, count } of this.#pieces()) {
      const target = values.subarray(start, start + count);
      const read = this.#readTo(start, target);
      if (this.#isScaled()) this.#multiply(read as FloatValues, start, target as FloatValues);
      else if (target !== read) target.set(read as never);
    }
    if (this.size <= KEPT_ELEMENTS) this.#kept = values;
    return values;
  }

  /** All values as float64, those of int64 and uint64 rounded to it. */
  toFloat64(): Float64Array {
    const values = this.values();
    if (values instanceof BigInt64Array || values instanceof BigUint64Array)
      return Float64Array.from(values, Number);
    return Float64Array.from(values);
  }

  /**
   * The values in pieces of about `blockElements`, in order, the same for all tensors of a shape; each holds until the next
   * is asked for. However small they are, no less than a large piece is read at a time.
   */
  *blocks(blockElements: number = PIECE_ELEMENTS): Generator<{ start: number; values: TensorValues }> {
    const isScaled = this.#isScaled();
    for (const read of this.#read(Math.max(blockElements, PIECE_ELEMENTS))) {
      for (const { start, count } of this.#pieces(
        blockElements,
        read.start,
        read.start + read.values.length,
      )) {
        const from = start - read.start;
        const values = read.values.subarray(from, from + count);
        const target = isScaled ? read.memory.subarray(from, from + count) : values;
        if (isScaled) this.#multiply(values as FloatValues, start, target as FloatValues);
        yield { start, values: target };
      }
    }
  }

  /** The source in pieces, with memory for what is made of each, in which it may lie. Both hold until the next. */
  *#read(most: number = PIECE_ELEMENTS): Generator<{
    start: number;
    values: TensorValues;
    memory: TensorValues;
  }> {
    const whole = takePieceMemory(this.dtype, Math.min(most, this.size));
    try {
      for (const { start, count } of this.#pieces(most)) {
        const memory = whole.subarray(0, count);
        yield { start, values: this.#readTo(start, memory), memory };
      }
    } finally {
      givePieceMemoryBack(whole);
    }
  }

  /** The values from `start` on, as many as fit into `memory`: there, or where the source has them. */
  #readTo(start: number, memory: TensorValues): TensorValues {
    if (!this.#source.readInto) return this.#source.read(start, memory.length);
    this.#source.readInto(start, memory);
    return memory;
  }

  /**
   * This tensor with the entries of its last two dimensions `[..., rows, columns]` multiplied.
   *
   * @param axis `rows`: one factor a row; `columns`: one a column; `pairs`: `rows * columns` factors, row-major.
   * @throws RangeError where the number of factors is not the axis' length; TypeError where the dtype is no float.
   */
  scaled(axis: ScaleAxis, factors: ArrayLike<number>): Tensor {
    if (!isFloat(this.dtype)) throw new TypeError(`a ${this.dtype} tensor cannot be scaled`);
    const length = axis === 'rows' ? this.rows : axis === 'columns' ? this.columns : this.rows * this.columns;
    if (factors.length !== length) {
      throw new RangeError(`${factors.length} factors for ${length} ${axis} of [${this.shape.join(', ')}]`);
    }
    const before = this.#factors[axis];
    const product = Float64Array.from(factors, (factor, index) => factor * (before?.[index] ?? 1));
    return this.#withFactors({ ...this.#factors, [axis]: product });
  }

  /** This tensor without its {@link factors}, for what can take them in later. */
  unscaled(): Tensor {
    return this.#isScaled() ? this.#withFactors({}) : this;
  }

  #withFactors(factors: TrailingFactors): Tensor {
    return new Tensor(this.dtype, this.shape, this.#source, factors, this.#known);
  }

  /**
   * `max |w|` or `sum w` over the leading dimensions for each pair of the last two, as the values lie in the source:
   * {@link factors} are not in them. Where there is one position, `maxAbs` has the weights with their signs.
   *
   * Read once and kept for this tensor and all its scaled forms, because `|s w| = |s||w|`; where there is one position it would
   * be the kernel once more, which is read again. Each piece holds until the next is asked for. A NaN stays a NaN.
   */
  *reduced(reduction: Reduction): Generator<ReducedRows> {
    const isReadAgain = this.#isSingle() && this.size > KEPT_ELEMENTS && !this.#known.sum;
    const whole = isReadAgain ? undefined : this.reducedWhole(reduction);
    if (whole) return yield { firstRow: 0, values: whole };
    for (const { start, values } of this.#read(Math.max(PIECE_ELEMENTS, this.columns)))
      yield { firstRow: start / this.columns, values: values as FloatValues };
  }

  /** {@link reduced} in one piece that stays, for who looks at it often; undefined where that is too large. */
  reducedWhole(reduction: Reduction): FloatValues | undefined {
    if (this.#isSingle() && this.size > WHOLE_PAIRS) return undefined;
    const key = this.#isSingle() ? 'sum' : reduction;
    this.#known[key] ??= this.#isSingle() ? this.#copy() : this.#reduce(reduction);
    return this.#known[key];
  }

  /** With one position a kernel is its own maximum, but for the sign, and its own sum. */
  #isSingle(): boolean {
    return this.size === this.rows * this.columns;
  }

  /**
   * Index of the first pair `row * columns + column` that holds a NaN or an infinite weight; -1 where all are finite.
   * Found once for this tensor and all its scaled forms, whose factors are finite.
   */
  firstNonFinitePair(): number {
    this.#known.nonFinitePair ??= this.#findNonFinite();
    return this.#known.nonFinitePair;
  }

  #findNonFinite(): number {
    if (this.columnMaxAbs().every(Number.isFinite)) return -1;
    for (const { firstRow, values } of this.reduced('maxAbs')) {
      const pair = values.findIndex((value) => !Number.isFinite(value));
      if (pair >= 0) return firstRow * this.columns + pair;
    }
    return -1;
  }

  /**
   * `max |w|` of each column, `[columns]`, as the values lie in the source: {@link factors} are not in it. Found once for
   * this tensor and all its scaled forms; NaN or Infinity where a weight of the column is.
   */
  columnMaxAbs(): Float64Array {
    if (!this.#known.columnMaxAbs) {
      const maxima = new Float64Array(this.columns);
      for (const { values } of this.reduced('maxAbs')) accumulateMaxAbs(values, maxima);
      this.#known.columnMaxAbs = maxima;
    }
    return this.#known.columnMaxAbs;
  }

  #copy(): FloatValues {
    if (this.#source.isStable) return this.#source.read(0, this.size) as FloatValues;
    const values = allocate(this.dtype, this.size) as FloatValues;
    const read = this.#readTo(0, values);
    if (read !== values) values.set(read as FloatValues);
    return values;
  }

  #reduce(reduction: Reduction): FloatValues {
    const pairs = this.rows * this.columns;
    // A maximum is one of the weights, so float32 holds it exactly; a sum needs more.
    const values =
      reduction === 'maxAbs' && this.dtype !== 'float64' ? new Float32Array(pairs) : new Float64Array(pairs);
    for (const read of this.#read()) {
      const { start } = read;
      const block = read.values as FloatValues;
      // A piece is whole positions, or lies in one.
      const first = start % pairs;
      const part = values.subarray(first, first + Math.min(block.length, pairs - first));
      if (reduction === 'sum') accumulateSums(block, part);
      else if (block instanceof Float32Array && part instanceof Float32Array)
        accumulateMaxAbsBits(block, part);
      else accumulateMaxAbs(block, part);
    }
    return values;
  }

  /**
   * Flat ranges that cover the tensor, or what lies from `first` to `end`, of at most `most` elements: whole positions where
   * one fits, else whole rows of one position, so that a range is one box of the file and one of the reduction.
   */
  *#pieces(
    most: number = PIECE_ELEMENTS,
    first = 0,
    end: number = this.size,
  ): Generator<{ start: number; count: number }> {
    const pairs = this.rows * this.columns;
    const unit = pairs <= most ? pairs : this.columns;
    const step = unit <= most ? Math.max(1, Math.floor(most / Math.max(1, unit))) * unit : most;
    const period = unit === pairs ? this.size : pairs;
    for (let start = first; start < end; ) {
      const count = Math.min(step, period - (start % period), end - start);
      yield { start, count };
      start += count;
    }
  }

  #multiply(values: FloatValues, start: number, target: FloatValues): void {
    multiplyTrailing(values, start, this.rows, this.columns, this.#factors, target);
  }

  #isScaled(): boolean {
    const { rows, columns, pairs } = this.#factors;
    return rows !== undefined || columns !== undefined || pairs !== undefined;
  }
}
