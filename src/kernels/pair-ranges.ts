/**
 * Channel ranges and sums from the per-pair summary of a kernel.
 *
 * @module
 */

import type { FloatValues } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** To which channel the pairs (row, column) of a kernel `[..., rows, columns]` belong. */
export type ChannelIndex =
  /** Channel = row. */
  | { readonly kind: 'rows' }
  /** Channel = column. */
  | { readonly kind: 'columns' }
  /** Channel = row * columns + column. */
  | { readonly kind: 'pairs' }
  /** Inputs of a grouped convolution: channel = group of the column * rows + row. */
  | { readonly kind: 'groups'; readonly groups: number };

/** Number of channels that `index` tells apart in `tensor`. */
export function channelsOf(tensor: Tensor, index: ChannelIndex): number {
  const { rows, columns } = tensor;
  switch (index.kind) {
    case 'rows':
      return rows;
    case 'columns':
      return columns;
    case 'pairs':
      return rows * columns;
    case 'groups':
      return rows * index.groups;
  }
}

/**
 * The channel of every column of a row: `first + floor(column / run)`. All four kinds have this form, which keeps the
 * loops below free of branches and calls.
 */
function rowChannels(
  index: ChannelIndex,
  row: number,
  rows: number,
  columns: number,
): { first: number; step: number; run: number } {
  switch (index.kind) {
    case 'rows':
      return { first: row, step: 0, run: columns };
    case 'columns':
      return { first: 0, step: 1, run: 1 };
    case 'pairs':
      return { first: row * columns, step: 1, run: 1 };
    case 'groups':
      return { first: row, step: rows, run: columns / index.groups };
  }
}

/** The channel of one pair. */
export function channelOfPair(tensor: Tensor, index: ChannelIndex, row: number, column: number): number {
  const { first, step, run } = rowChannels(index, row, tensor.rows, tensor.columns);
  return first + step * Math.floor(column / run);
}

/** The channel of every pair, `[rows * columns]`. */
export function channelOfPairs(tensor: Tensor, index: ChannelIndex): Int32Array {
  const { rows, columns } = tensor;
  const channels = new Int32Array(rows * columns);
  for (let row = 0, pair = 0; row < rows; row++) {
    const { first, step, run } = rowChannels(index, row, rows, columns);
    for (let end = pair + columns, channel = first; pair < end; channel += step) {
      for (const last = pair + run; pair < last; pair++) channels[pair] = channel;
    }
  }
  return channels;
}

/** Pairs of channels in even steps: the n-th of channel c is `c * channel + n * next` */
export interface PairSteps {
  readonly channel: number;
  readonly next: number;
  /** Pairs of each channel. */
  readonly count: number;
}

/** @throws TypeError where inputs belong to groups, whose pairs are not in even steps. */
export function pairSteps({ rows, columns }: Tensor, { kind }: ChannelIndex): PairSteps {
  switch (kind) {
    case 'rows':
      return { channel: columns, next: 1, count: columns };
    case 'columns':
      return { channel: 1, next: columns, count: rows };
    case 'pairs':
      return { channel: 1, next: 0, count: 1 };
    case 'groups':
      throw new TypeError('the pairs of a channel of a group are not in even steps');
  }
}

/**
 * `range[channel] = max |w|` over all kernel positions and all pairs of the channel, after the tensor's factors.
 *
 * NaN or Infinity where a weight of the channel is; 0 for a channel without pairs.
 */
export function channelMaxAbs(tensor: Tensor, index: ChannelIndex): Float64Array {
  const { rows, columns, pairs } = tensor.factors;
  if (index.kind === 'columns' && pairs === undefined && rows === undefined) {
    return timesMagnitudes(tensor.columnMaxAbs(), columns);
  }
  const range = new Float64Array(channelsOf(tensor, index));
  const isPlain = pairs === undefined && (index.kind === 'rows' || index.kind === 'columns');
  for (const { firstRow, values } of tensor.reduced('maxAbs')) {
    if (isPlain) takePlainRows(tensor, index.kind, firstRow, values, range);
    else takeRows(tensor, index, firstRow, values, range);
  }
  return isPlain && index.kind === 'columns' ? timesMagnitudes(range, columns) : range;
}

function timesMagnitudes(range: Float64Array, factors: Float64Array | undefined): Float64Array {
  return range.map((largest, channel) => largest * Math.abs(factors?.[channel] ?? 1));
}

/**
 * Channels that are rows or columns, which most are. Factors of a whole channel are left out of the loops: a row's is
 * multiplied in once, a column's by the caller.
 */
function takePlainRows(
  tensor: Tensor,
  kind: ChannelIndex['kind'],
  firstRow: number,
  values: FloatValues,
  range: Float64Array,
): void {
  const { rows: rowFactors, columns: columnFactors } = tensor.factors;
  const { columns } = tensor;
  for (let base = 0, row = firstRow; base < values.length; base += columns, row++) {
    const rowFactor = rowFactors === undefined ? 1 : rowFactors[row]!;
    if (kind === 'columns') takeRowOfColumns(values, base, rowFactor, range);
    else range[row] = Math.abs(maxOfRow(values, base, columns, columnFactors) * rowFactor);
  }
}

// Math.max below keeps a NaN, which a comparison would pass over.

function takeRowOfColumns(values: FloatValues, base: number, factor: number, range: Float64Array): void {
  for (let column = 0; column < range.length; column++) {
    range[column] = Math.max(range[column]!, Math.abs(values[base + column]! * factor));
  }
}

function maxOfRow(
  values: FloatValues,
  base: number,
  columns: number,
  factors: Float64Array | undefined,
): number {
  let largest = 0;
  for (let column = 0; column < columns; column++) {
    const factor = factors === undefined ? 1 : factors[column]!;
    largest = Math.max(largest, Math.abs(values[base + column]! * factor));
  }
  return largest;
}

/** Channels that are pairs or belong to groups, and factors of pairs. */
function takeRows(
  tensor: Tensor,
  index: ChannelIndex,
  firstRow: number,
  values: FloatValues,
  range: Float64Array,
): void {
  const { rows, columns } = tensor;
  const factors = new Float64Array(columns);
  for (let base = 0, row = firstRow; base < values.length; base += columns, row++) {
    fillRowFactors(tensor, row, factors);
    const { first, step, run } = rowChannels(index, row, rows, columns);
    for (let start = 0, channel = first; start < columns; start += run, channel += step) {
      let largest = range[channel]!;
      for (let column = start; column < start + run; column++) {
        largest = Math.max(largest, Math.abs(values[base + column]! * factors[column]!));
      }
      range[channel] = largest;
    }
  }
}

/**
 * `target[output] += sum over kernel positions and pairs of w * input[channel]`, after the tensor's factors: what a
 * constant input adds to each output channel.
 */
export function addConstantResponse(
  tensor: Tensor,
  input: ArrayLike<number>,
  inputIndex: ChannelIndex,
  outputIndex: ChannelIndex,
  target: Float64Array,
): void {
  const { rows, columns } = tensor;
  const factors = new Float64Array(columns);
  for (const { firstRow, values } of tensor.reduced('sum')) {
    for (let base = 0, row = firstRow; base < values.length; base += columns, row++) {
      fillRowFactors(tensor, row, factors);
      const from = rowChannels(inputIndex, row, rows, columns);
      const to = rowChannels(outputIndex, row, rows, columns);
      if (from.step === 0 && to.run === 1 && to.step === 1) {
        // Inputs are rows, outputs columns: most layers. Most rows of high-bias fold have nothing to absorb.
        const constant = input[from.first]!;
        if (constant !== 0) addScaledRow(values, base, factors, constant, target, to.first);
        continue;
      }
      for (let column = 0; column < columns; column++) {
        const output = to.first + to.step * Math.floor(column / to.run);
        const constant = input[from.first + from.step * Math.floor(column / from.run)]!;
        target[output] = target[output]! + values[base + column]! * factors[column]! * constant;
      }
    }
  }
}

function addScaledRow(
  values: FloatValues,
  base: number,
  factors: Float64Array,
  constant: number,
  target: Float64Array,
  first: number,
): void {
  for (let column = 0; column < factors.length; column++) {
    target[first + column] = target[first + column]! + values[base + column]! * factors[column]! * constant;
  }
}

/** The product of the tensor's factors for each column of a row. */
function fillRowFactors(tensor: Tensor, row: number, target: Float64Array): void {
  const { rows, columns, pairs } = tensor.factors;
  target.fill(rows === undefined ? 1 : rows[row]!);
  if (columns !== undefined) {
    for (let column = 0; column < target.length; column++)
      target[column] = target[column]! * columns[column]!;
  }
  if (pairs !== undefined) {
    const base = row * target.length;
    for (let column = 0; column < target.length; column++)
      target[column] = target[column]! * pairs[base + column]!;
  }
}
