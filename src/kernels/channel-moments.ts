import type { FloatValues } from '../tensor/dtype.ts';
import type { ChannelLayout } from './channel-layout.ts';
import type { MomentSums } from './normal-pieces.ts';

/**
 * Adds `sum x` and `sum x²` of each channel, in float64, of `values` that start at flat index `start` of a tensor. NaN and
 * Inf follow IEEE rules; no values add nothing.
 */
export function addMomentSums(
  values: FloatValues,
  start: number,
  { channels, inner }: ChannelLayout,
  { first, second }: MomentSums,
): void {
  let channel = Math.floor(start / inner) % channels;
  for (let index = 0, left = inner - (start % inner); index < values.length; left = inner) {
    const end = Math.min(values.length, index + left);
    let sum = first[channel]!;
    let squares = second[channel]!;
    for (; index < end; index++) {
      const value = values[index]!;
      sum += value;
      squares += value * value;
    }
    first[channel] = sum;
    second[channel] = squares;
    channel = channel + 1 === channels ? 0 : channel + 1;
  }
}
