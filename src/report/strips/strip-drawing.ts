/**
 * The ranges of all channels of a kernel as one path.
 *
 * @module
 */

import type { ChannelRanges } from '../../../src/report/channel-strips.ts';

/** Where a strip is drawn: x from 0 to `width`, y from `highest` at `top` to `lowest` at `top + height`. */
export interface StripFrame {
  readonly width: number;
  readonly top: number;
  readonly height: number;
  readonly lowest: number;
  readonly highest: number;
}

/** Narrower bars than this, in units of the picture, stand without a gap. */
const GAPLESS = 4;
/** A channel of one value is drawn as a line of this height, and one of very many in this width. */
const THINNEST = 1;
const NARROWEST = 2;

/** Where a value lies. */
export function stripY(value: number, { top, height, lowest, highest }: StripFrame): number {
  const span = highest - lowest;
  return span > 0 ? top + ((highest - value) / span) * height : top + height / 2;
}

/** A bar for each channel, from its least to its largest weight; channels that are not finite are left out. */
export function stripPath({ low, high }: Pick<ChannelRanges, 'low' | 'high'>, frame: StripFrame): string {
  const slot = frame.width / Math.max(1, low.length);
  const gap = slot < GAPLESS ? 0 : Math.min(2, slot * 0.2);
  const wide = rounded(Math.max(NARROWEST, slot - gap), 2);
  const digits = slot < 1 ? 3 : 2;
  let path = '';
  for (const [channel, min] of low.entries()) {
    const max = high[channel] ?? min;
    if (!Number.isFinite(min) || !Number.isFinite(max)) continue;
    const upper = stripY(max, frame);
    const height = Math.max(THINNEST, stripY(min, frame) - upper);
    const left = rounded(channel * slot + gap / 2, digits);
    path += `M${left} ${rounded(upper, 2)}h${wide}v${rounded(height, 2)}h-${wide}z`;
  }
  return path;
}

/** The channel below a place, as a share of the width. */
export function channelAt(share: number, channels: number): number {
  return Math.min(channels - 1, Math.max(0, Math.floor(share * channels)));
}

function rounded(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}
