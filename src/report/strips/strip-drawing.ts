/**
 * The picture of a strip: a bar for each channel from its least to its largest weight, before and after on one scale. Report and
 * page draw it in their own markup: x counts channels, y counts steps downwards.
 *
 * @module
 */

import { type ScaledRanges, type ScaledStrip, stepDomain } from './strip-scale.ts';

/** What the two sides of a strip are called. */
export interface SideNames {
  readonly before: string;
  readonly after: string;
}

/** A strip as it is drawn. */
export interface StripDrawing {
  readonly channels: number;
  /** The least and the largest step that is seen. */
  readonly lowest: number;
  readonly highest: number;
  /** Of an `svg` whose `preserveAspectRatio` is none, for each panel. */
  readonly viewBox: string;
  /** The width of the stroke of {@link StripPanel.path}. */
  readonly barWidth: number;
  /** The sides that there are. */
  readonly panels: readonly StripPanel[];
}

/** One side of a strip. */
export interface StripPanel {
  readonly side: keyof SideNames;
  readonly name: string;
  readonly ranges: ScaledRanges;
  /** `d` of a path without fill: an upright line for each channel. */
  readonly path: string;
}

/** Thinner bars than this many steps would not be seen. */
const THINNEST = 3;
/** With more channels than this there is no room for gaps between bars. */
const MOST_WITH_GAPS = 100;
/** So many bars can be told apart side by side; where there are more, each is as wide as if there were so many. */
const MOST_APART = 500;

/** How a strip is drawn; undefined where there is nothing to draw. */
export function stripDrawing(strip: ScaledStrip, names: SideNames): StripDrawing | undefined {
  const panels = (['before', 'after'] as const).flatMap((side) => {
    const ranges = strip[side];
    return ranges ? [{ side, name: names[side], ranges, path: stripPath(ranges) }] : [];
  });
  const channels = panels.reduce((most, { ranges }) => Math.max(most, ranges.low.length), 0);
  if (channels === 0) return undefined;
  const [least, most] = stepDomain(strip);
  const [lowest, highest] = [Math.floor(least), Math.ceil(most)];
  // The first channel lies around 0.
  const viewBox = `-0.5 ${-highest} ${channels} ${highest - lowest}`;
  return { channels, lowest, highest, viewBox, barWidth: barWidth(channels), panels };
}

/** A line for each channel, from its largest to its least weight. */
function stripPath({ low, high }: ScaledRanges): string {
  let path = '';
  for (const [channel, min] of low.entries()) {
    const max = high[channel] ?? min;
    const half = Math.max(max - min, THINNEST) / 2;
    const middle = -(min + max) / 2;
    path += `M${channel} ${Math.round(middle - half)}V${Math.round(middle + half)}`;
  }
  return path;
}

function barWidth(channels: number): number {
  if (channels > MOST_WITH_GAPS) return Math.max(1, channels / MOST_APART);
  return 1 - Math.min(0.2, channels / 300);
}

/** The channel below a place, as a share of the width. */
export function channelAt(share: number, channels: number): number {
  return Math.min(channels - 1, Math.max(0, Math.floor(share * channels)));
}
