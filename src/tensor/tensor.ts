/**
 * An immutable weight: dtype, shape, and a way to read its values.
 *
 * A tensor may be lazy (backed by an open file) and may remember factors that are multiplied in while it is read, so
 * that scaling a model costs no memory and rounds once, however many steps scale it.
 *
 * @module
 */

import { allocate, type DType, type FloatValues, isFloat, sizeOf, type TensorValues } from './dtype.ts';
import { multiplyTrailing, type TrailingFactors } from './trailing-scale.ts';

/** Where the values of a tensor come from. */
export interface TensorSource {
  /**
   * `count` values in C order from flat index `start`. The caller does not change them; they hold until the next call.
   *
   * @throws {@link FormatError} where the file behind the source cannot be read.
   */
  read(start: number, count: number): TensorValues;
}

/** Which entries of the last two dimensions `[..., rows, columns]` a factor belongs to. */
export type ScaleAxis = 'rows' | 'columns' | 'pairs';

/** Sums and maxima over all leading dimensions, one for each pair of the last two: `[rows * columns]`, row-major. */
export interface PairSummary {
  /** `max |w|`; NaN or Inf where the kernel holds one. */
  readonly maxAbs: Float32Array | Float64Array;
  /** `sum w`. */
  readonly sum: Float32Array | Float64Array;
}

/** Elements read at a time: 8 MB of float32. */
const BLOCK_ELEMENTS = 1 << 21;
/** Tensors up to this size keep their values once read. */
const KEPT_ELEMENTS = 1 << 14;

/** A weight of a layer. Never changed in place: an edit points the layer at a new tensor. */
export class Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly size: number;
  readonly #source: TensorSource;
  readonly #factors: TrailingFactors;
  /** Shared between a tensor and its scaled forms: the summary of the values as they lie in the source. */
  readonly #shared: { summary?: PairSummary };
  #kept: TensorValues | undefined;

  private constructor(
    dtype: DType,
    shape: readonly number[],
    source: TensorSource,
    factors: TrailingFactors = {},
    shared: { summary?: PairSummary } = {},
  ) {
    this.dtype = dtype;
    this.shape = shape;
    this.size = sizeOf(shape);
    this.#source = source;
    this.#factors = factors;
    this.#shared = shared;
  }

  /** A tensor whose values are read when they are needed. */
  static lazy(dtype: DType, shape: readonly number[], source: TensorSource): Tensor {
    return new Tensor(dtype, [...shape], source);
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
    return new Tensor(dtype, [...shape], { read: (start, count) => values.subarray(start, start + count) });
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
    const values = allocate(this.dtype, this.size);
    for (const block of this.blocks()) values.set(block.values as never, block.start);
    if (this.size <= KEPT_ELEMENTS) this.#kept = values;
    return values;
  }

  /** All values as float64. */
  toFloat64(): Float64Array {
    return Float64Array.from(this.values() as FloatValues);
  }

  /** The values in pieces of bounded size, in order; each holds until the next is asked for. */
  *blocks(blockElements: number = BLOCK_ELEMENTS): Generator<{ start: number; values: TensorValues }> {
    for (let start = 0; start < this.size; start += blockElements) {
      const count = Math.min(blockElements, this.size - start);
      const values = this.#source.read(start, count);
      yield { start, values: this.#isScaled() ? this.#scaledBlock(values as FloatValues, start) : values };
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
    return new Tensor(
      this.dtype,
      this.shape,
      this.#source,
      { ...this.#factors, [axis]: product },
      this.#shared,
    );
  }

  /**
   * Maxima and sums over the leading dimensions, as the values lie in the source: {@link factors} are not in them.
   * Read once and kept for this tensor and all its scaled forms, because `|s w| = |s||w|`.
   */
  pairSummary(): PairSummary {
    this.#shared.summary ??= summarize(this.#source, this.rows * this.columns, this.size);
    return this.#shared.summary;
  }

  #isScaled(): boolean {
    const { rows, columns, pairs } = this.#factors;
    return rows !== undefined || columns !== undefined || pairs !== undefined;
  }

  #scaledBlock(values: FloatValues, start: number): FloatValues {
    const target = allocate(this.dtype, values.length) as FloatValues;
    multiplyTrailing(values, start, this.rows, this.columns, this.#factors, target);
    return target;
  }
}

function summarize(source: TensorSource, pairs: number, size: number): PairSummary {
  if (size === pairs) {
    // One position: the sum is the kernel itself, and its magnitude is taken where it is used.
    const only = source.read(0, size) as FloatValues;
    const sum = only.slice();
    return { maxAbs: sum, sum };
  }
  const maxAbs = new Float64Array(pairs);
  const sum = new Float64Array(pairs);
  const positionsPerBlock = Math.max(1, Math.floor(BLOCK_ELEMENTS / Math.max(1, pairs)));
  for (let start = 0; start < size; start += positionsPerBlock * pairs) {
    const count = Math.min(positionsPerBlock * pairs, size - start);
    accumulatePairs(source.read(start, count) as FloatValues, maxAbs, sum);
  }
  return { maxAbs, sum };
}

/** Adds whole positions `[n, pairs]` to the maxima and sums; a NaN makes the sum NaN, an Inf the maximum Inf. */
function accumulatePairs(values: FloatValues, maxAbs: Float64Array, sum: Float64Array): void {
  const pairs = maxAbs.length;
  for (let base = 0; base < values.length; base += pairs) {
    for (let pair = 0; pair < pairs; pair++) {
      const value = values[base + pair]!;
      const magnitude = Math.abs(value);
      if (magnitude > maxAbs[pair]!) maxAbs[pair] = magnitude;
      sum[pair] = sum[pair]! + value;
    }
  }
}
