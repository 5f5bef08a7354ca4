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

/**
 * `response[o] = sum over k, i of W[k, i, o]^power * taps[k, i]`, `[output channels]` in float64. Reads the kernel
 * `[...k, rows, columns]` once, in pieces. NaN and Inf follow IEEE rules.
 */
export function tapResponse(
  kernel: Tensor,
  { input, output }: KernelIndices,
  taps: TapMeans,
  power: 1 | 2,
): Float64Array {
  const response = new Float64Array(channelsOf(kernel, output));
  const { columns, rows } = kernel;
  const from = channelsOfPairs(kernel, input);
  const to = channelsOfPairs(kernel, output);
  const pairs = rows * columns;
  for (const { start, values } of kernel.blocks()) {
    for (let index = 0; index < values.length; ) {
      const flat = start + index;
      const row = Math.floor((flat % pairs) / columns);
      const column = flat % columns;
      const count = Math.min(columns - column, values.length - index);
      const base = Math.floor(flat / pairs) * taps.channels;
      addRow(values as FloatValues, { index, count, column, row, base }, { from, to, taps, power }, response);
      index += count;
    }
  }
  return response;
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
      return { rowStep: 1, columnStep: 0, run: 1, runStep: 0 };
    case 'columns':
      return { rowStep: 0, columnStep: 1, run: 1, runStep: 0 };
    case 'pairs':
      return { rowStep: columns, columnStep: 1, run: 1, runStep: 0 };
    case 'groups':
      return { rowStep: 1, columnStep: 0, run: columns / index.groups, runStep: rows };
  }
}

/** Takes `count` weights of one row from `index` on into the response. */
function addRow(
  values: FloatValues,
  place: { index: number; count: number; column: number; row: number; base: number },
  layout: { from: PairChannels; to: PairChannels; taps: TapMeans; power: 1 | 2 },
  response: Float64Array,
): void {
  const { index, count, column, row, base } = place;
  const { from, to, taps, power } = layout;
  const means = taps.values;
  const first = base + row * from.rowStep;
  const target = row * to.rowStep;
  for (let offset = 0; offset < count; offset++) {
    const at = column + offset;
    const weight = values[index + offset]!;
    const mean = means[first + at * from.columnStep + Math.floor(at / from.run) * from.runStep]!;
    const out = target + at * to.columnStep;
    response[out] = response[out]! + (power === 1 ? weight : weight * weight) * mean;
  }
}
