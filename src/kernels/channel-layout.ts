/**
 * Channels of a flat array, and their ranges.
 *
 * @module
 */

import type { FloatValues } from '../tensor/dtype.ts';

/**
 * Which channel each element of a tensor in C order belongs to: `floor(index / inner) % channels`. Every kernel is
 * `[outer, channels, inner]` around one axis; one channel for a whole tensor is `{ channels: 1, inner: size }`.
 */
export interface ChannelLayout {
  readonly channels: number;
  readonly inner: number;
}

/** `min w` and `max w` of each channel, both `[channels]`. */
export interface ChannelExtremes {
  readonly min: Float64Array;
  readonly max: Float64Array;
}

/** Extremes that nothing was taken into: `Infinity` and `-Infinity`. */
export function emptyExtremes(channels: number): ChannelExtremes {
  return {
    min: new Float64Array(channels).fill(Infinity),
    max: new Float64Array(channels).fill(-Infinity),
  };
}

/**
 * Takes `values`, which start at flat index `start` of the tensor, into the extremes of their channels.
 *
 * A NaN makes both extremes of its channel NaN, for good; no values change nothing.
 */
export function takeExtremes(
  values: FloatValues,
  start: number,
  layout: ChannelLayout,
  extremes: ChannelExtremes,
): void {
  const { channels, inner } = layout;
  const { min, max } = extremes;
  let channel = Math.floor(start / inner) % channels;
  if (inner === 1) {
    // The columns of most kernels.
    for (let index = 0; index < values.length; index++) {
      const value = values[index]!;
      if (value < min[channel]!) min[channel] = value;
      if (value > max[channel]!) max[channel] = value;
      // biome-ignore lint/suspicious/noSelfCompare: as below
      else if (value !== value) min[channel] = max[channel] = value;
      channel = channel + 1 === channels ? 0 : channel + 1;
    }
    return;
  }
  for (let index = 0, left = inner - (start % inner); index < values.length; left = inner) {
    const end = Math.min(values.length, index + left);
    let low = min[channel]!;
    let high = max[channel]!;
    for (; index < end; index++) {
      const value = values[index]!;
      if (value < low) low = value;
      if (value > high) high = value;
      // biome-ignore lint/suspicious/noSelfCompare: the fastest test for NaN, past which no comparison is true any more
      else if (value !== value) low = high = value;
    }
    min[channel] = low;
    max[channel] = high;
    channel = channel + 1 === channels ? 0 : channel + 1;
  }
}
