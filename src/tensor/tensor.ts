/**
 * An immutable weight: dtype, shape, and a way to read its values.
 *
 * A tensor may be lazy (backed by an open file) and may remember factors that are multiplied in while it is read, so
 * that scaling a model costs no memory and rounds once, however many steps scale it.
 *
 * @module
 */

import { allocate, type DType, type FloatValues, isFloat, sizeOf, type TensorValues } from './dtype.ts';
import type { PackedValues } from './packed-values.ts';
import { multiplyTrailing, type TrailingFactors } from './trailing-scale.ts';

/** Where the values of a tensor come from. */
export interface TensorSource {
  /** Whether what {@link read} gave stays as it is, because it lies in memory. */
  readonly isStable?: boolean;
  /** Whether what {@link read} gives is the caller's own. */
  readonly isGiven?: boolean;
  /**
   * `count` values in C order from flat index `start`. Unless they are given the caller does not change them; unless they are
   * given or stable they hold until the next call.
   *
   * @throws `FormatError` where the file behind the source cannot be read.
   */
  read(start: number, count: number): TensorValues;
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

/** Elements read at a time, about: 2 MB of float32 stay in a processor's cache from the read to the multiplication. */
const BLOCK_ELEMENTS = 1 << 19;
/** Tensors up to this size keep their values once read. */
const KEPT_ELEMENTS = 1 << 14;
/** Reductions up to this size are kept; past it (the Dense layers of old networks) they are read again. */
const KEPT_PAIRS = 1 << 22;

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
    let values: TensorValues | undefined;
    for (const { start, count } of this.#pieces()) {
      const read = this.#source.read(start, count);
      values ??= this.#source.isGiven && count === this.size ? read : allocate(this.dtype, this.size);
      if (this.#isScaled())
        this.#multiply(read as FloatValues, start, values.subarray(start, start + count) as FloatValues);
      else if (values !== read) values.set(read as never, start);
    }
    values ??= allocate(this.dtype, 0);
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
  *blocks(blockElements: number = BLOCK_ELEMENTS): Generator<{ start: number; values: TensorValues }> {
    const isScaled = this.#isScaled();
    let scratch = allocate(this.dtype, 0);
    for (const large of this.#pieces(Math.max(blockElements, BLOCK_ELEMENTS))) {
      const read = this.#source.read(large.start, large.count);
      for (const { start, count } of this.#pieces(blockElements, large.start, large.start + large.count)) {
        const from = start - large.start;
        const values = count < large.count ? read.subarray(from, from + count) : read;
        if (isScaled && !this.#source.isGiven && scratch.length < count)
          scratch = allocate(this.dtype, count);
        const target = this.#source.isGiven ? values : scratch.subarray(0, count);
        if (isScaled) this.#multiply(values as FloatValues, start, target as FloatValues);
        yield { start, values: isScaled ? target : values };
      }
    }
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
   * Read once and kept for this tensor and all its scaled forms, because `|s w| = |s||w|`. A NaN stays a NaN.
   */
  *reduced(reduction: Reduction): Generator<ReducedRows> {
    const pairs = this.rows * this.columns;
    const single = this.size === pairs;
    if (single && pairs > KEPT_PAIRS) {
      const rowsPerBlock = Math.max(1, Math.floor(BLOCK_ELEMENTS / this.columns));
      for (let firstRow = 0; firstRow < this.rows; firstRow += rowsPerBlock) {
        const rows = Math.min(rowsPerBlock, this.rows - firstRow);
        const values = this.#source.read(firstRow * this.columns, rows * this.columns) as FloatValues;
        yield { firstRow, values };
      }
      return;
    }
    // One position: the kernel is its own maximum (but for the sign) and its own sum.
    const key = single ? 'sum' : reduction;
    this.#known[key] ??= single ? this.#copy(pairs) : this.#reduce(reduction, pairs);
    yield { firstRow: 0, values: this.#known[key] };
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

  #copy(size: number): FloatValues {
    const values = this.#source.read(0, size) as FloatValues;
    return this.#source.isStable || this.#source.isGiven ? values : values.slice();
  }

  #reduce(reduction: Reduction, pairs: number): FloatValues {
    // A maximum is one of the weights, so float32 holds it exactly; a sum needs more.
    const values =
      reduction === 'maxAbs' && this.dtype !== 'float64' ? new Float32Array(pairs) : new Float64Array(pairs);
    for (const { start, count } of this.#pieces()) {
      const block = this.#source.read(start, count) as FloatValues;
      // A piece is whole positions, or lies in one.
      const first = start % pairs;
      const part = values.subarray(first, first + Math.min(count, pairs - first));
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
    most: number = BLOCK_ELEMENTS,
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

/** Takes whole positions `[n, pairs]` into the maxima, of which a NaN stays one. */
function accumulateMaxAbs(values: FloatValues, maxAbs: FloatValues): void {
  const pairs = maxAbs.length;
  for (let base = 0; base < values.length; base += pairs) {
    for (let pair = 0; pair < pairs; pair++) {
      const magnitude = Math.abs(values[base + pair]!);
      // The second test is true for NaN alone, which nothing is larger than once it is there.
      // biome-ignore lint/suspicious/noSelfCompare: the fastest test for NaN
      if (magnitude > maxAbs[pair]! || magnitude !== magnitude) maxAbs[pair] = magnitude;
    }
  }
}

/**
 * {@link accumulateMaxAbs} for float32, on the bits: without their sign they order as the magnitudes do, and those of a
 * NaN are the largest. No branch depends on the weights, which makes it three times as fast.
 */
function accumulateMaxAbsBits(values: Float32Array, maxAbs: Float32Array): void {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const largest = new Int32Array(maxAbs.buffer, maxAbs.byteOffset, maxAbs.length);
  const pairs = largest.length;
  for (let base = 0; base < bits.length; base += pairs) {
    for (let pair = 0; pair < pairs; pair++) {
      const magnitude = bits[base + pair]! & 0x7fffffff;
      // Both are positive, so the difference does not overflow; its sign bit selects the larger.
      const excess = magnitude - largest[pair]!;
      largest[pair] = magnitude - (excess & (excess >> 31));
    }
  }
}

/** Adds whole positions `[n, pairs]` to the sums. */
function accumulateSums(values: FloatValues, sums: FloatValues): void {
  const pairs = sums.length;
  for (let base = 0; base < values.length; base += pairs) {
    for (let pair = 0; pair < pairs; pair++) sums[pair] = sums[pair]! + values[base + pair]!;
  }
}
