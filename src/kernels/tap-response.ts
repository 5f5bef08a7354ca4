/**
 * What the means of a layer's inputs make of the means of its outputs.
 *
 * @module
 */

import type { FloatValues } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type ChannelIndex, channelsOf } from './pair-ranges.ts';

/** A value for each kernel position and each input channel, `[positions, channels]`. */
export interface TapMeans {
  readonly positions: number;
  readonly channels: number;
  readonly values: Float64Array;
}

/** `taps[k, i] = shares[k] * means[i]`. */
export function outerTaps(shares: Float64Array, means: ArrayLike<number>): TapMeans {
  const channels = means.length;
  const values = new Float64Array(shares.length * channels);
  for (let position = 0, at = 0; position < shares.length; position++) {
    for (let channel = 0; channel < channels; channel++, at++) {
      values[at] = shares[position]! * means[channel]!;
    }
  }
  return { positions: shares.length, channels, values };
}

/** Where the channels of a kernel lie. */
export interface KernelIndices {
  readonly input: ChannelIndex;
  readonly output: ChannelIndex;
}

/** Pieces of this size stay in the nearest cache from one loop over them to the next. */
export const CACHED_ELEMENTS: number = 1 << 13;

/**
 * `response[o] = sum over k, i of W[k, i, o]^power * taps[k, i]`, `[output channels]` in float64. Reads the kernel
 * `[...k, rows, columns]` once, in pieces. NaN and Inf follow IEEE rules.
 */
export function tapResponse(
  kernel: Tensor,
  indices: KernelIndices,
  taps: TapMeans,
  power: 1 | 2,
): Float64Array {
  const response = new Float64Array(channelsOf(kernel, indices.output));
  const layout = tapLayout(kernel, indices);
  for (const { start, values } of kernel.blocks(CACHED_ELEMENTS)) {
    addTapResponse(values as FloatValues, start, layout, taps, power, response);
  }
  return response;
}

/** Where the channels of weights lie in a kernel `[...k, rows, columns]`, for loops over it in C order. */
export interface TapLayout {
  readonly rows: number;
  readonly columns: number;
  readonly from: PairChannels;
  readonly to: PairChannels;
}

/** The layout of a kernel. */
export function tapLayout(kernel: Tensor, { input, output }: KernelIndices): TapLayout {
  const { rows, columns } = kernel;
  return { rows, columns, from: channelsOfPairs(kernel, input), to: channelsOfPairs(kernel, output) };
}

/** Adds to {@link tapResponse} what `values` have in it, which start at flat index `start` of the kernel. */
export function addTapResponse(
  values: FloatValues,
  start: number,
  layout: TapLayout,
  taps: TapMeans,
  power: 1 | 2,
  response: Float64Array,
): void {
  const { rows, columns, from, to } = layout;
  let column = start % columns;
  let row = Math.floor(start / columns) % rows;
  let base = Math.floor(start / (rows * columns)) * taps.channels;
  for (let index = 0; index < values.length; ) {
    // As far as the channel before stays the same, or steps with the column.
    const left = Math.min(from.run - (column % from.run), to.run - (column % to.run));
    const count = Math.min(left, values.length - index);
    const mean =
      base + row * from.rowStep + column * from.columnStep + Math.floor(column / from.run) * from.runStep;
    const out = row * to.rowStep + column * to.columnStep + Math.floor(column / to.run) * to.runStep;
    const run = { index, count, mean, out };
    if (from.columnStep === 0 && to.columnStep === 1)
      addRun(values, run, taps.values[mean]!, power, response);
    else if (from.columnStep === 1 && to.columnStep === 0)
      response[out] = response[out]! + runSum(values, run, taps.values, power);
    else addStepping(values, run, { from, to, taps, power }, response);
    index += count;
    column += count;
    if (column < columns) continue;
    column = 0;
    row = row + 1 === rows ? 0 : row + 1;
    if (row === 0) base += taps.channels;
  }
}

/** The channel of a pair is `row * rowStep + column * columnStep + floor(column / run) * runStep`. */
interface PairChannels {
  readonly rowStep: number;
  readonly columnStep: number;
  readonly run: number;
  readonly runStep: number;
}

function channelsOfPairs({ rows, columns }: Tensor, index: ChannelIndex): PairChannels {
  switch (index.kind) {
    case 'rows':
      return { rowStep: 1, columnStep: 0, run: columns, runStep: 0 };
    case 'columns':
      return { rowStep: 0, columnStep: 1, run: columns, runStep: 0 };
    case 'pairs':
      return { rowStep: columns, columnStep: 1, run: columns, runStep: 0 };
    case 'groups':
      return { rowStep: 1, columnStep: 0, run: columns / index.groups, runStep: rows };
  }
}

/** `count` weights from `index` on, the entry of the taps that the first meets, and the channel that it goes to. */
interface TapRun {
  readonly index: number;
  readonly count: number;
  readonly mean: number;
  readonly out: number;
}

/** Weights that all meet one mean and go to one channel after the other: most kernels have no others. */
function addRun(
  values: FloatValues,
  { index, count, out }: TapRun,
  mean: number,
  power: 1 | 2,
  response: Float64Array,
): void {
  // A loop for each power, because the test would be made for each weight.
  if (power === 1) {
    for (let offset = 0; offset < count; offset++) {
      response[out + offset] = response[out + offset]! + values[index + offset]! * mean;
    }
    return;
  }
  for (let offset = 0; offset < count; offset++) {
    const weight = values[index + offset]!;
    response[out + offset] = response[out + offset]! + weight * weight * mean;
  }
}

/** What weights that meet one mean after the other bring to one channel: kernels read from their outputs to their inputs. */
function runSum(
  values: FloatValues,
  { index, count, mean }: TapRun,
  means: Float64Array,
  power: 1 | 2,
): number {
  // Two sums at a time, because each addition waits for the one before it.
  let [sum, other] = [0, 0];
  const even = count - (count % 2);
  for (let offset = 0; offset < even; offset += 2) {
    const weight = values[index + offset]!;
    const next = values[index + offset + 1]!;
    sum += (power === 1 ? weight : weight * weight) * means[mean + offset]!;
    other += (power === 1 ? next : next * next) * means[mean + offset + 1]!;
  }
  if (even < count) sum += values[index + even]! ** power * means[mean + even]!;
  return sum + other;
}

function addStepping(
  values: FloatValues,
  { index, count, mean, out }: TapRun,
  layout: { from: PairChannels; to: PairChannels; taps: TapMeans; power: 1 | 2 },
  response: Float64Array,
): void {
  const { from, to, taps, power } = layout;
  for (let offset = 0; offset < count; offset++) {
    const weight = values[index + offset]!;
    const channel = out + offset * to.columnStep;
    const factor = taps.values[mean + offset * from.columnStep]!;
    response[channel] = response[channel]! + (power === 1 ? weight : weight * weight) * factor;
  }
}
