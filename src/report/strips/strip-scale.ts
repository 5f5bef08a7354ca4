/**
 * Strips in steps of the 8-bit grid that a kernel has as a whole: the one scale on which kernels of any size compare, before and
 * after and layer by layer.
 *
 * @module
 */

import { spreadOf } from '../range-spread.ts';
import { type ChannelRanges, type ChannelStrip, maxAbsOf } from './channel-strips.ts';

/** Levels of 8 bits, less one. */
export const GRID_STEPS = 255;
/** A channel that stays in so many steps has at most 4 of its 8 bits left. */
export const NARROW_STEPS = 16;

/** One side of a strip, in steps. */
export interface ScaledRanges {
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** What a step is in the unit of the weights. */
  readonly step: number;
  /** Channels that span no more than {@link NARROW_STEPS}, dead ones left out. */
  readonly narrow: number;
  /** The largest channel range over the median one. */
  readonly spread: number;
}

/** Both sides, where a kernel has a grid. */
export interface ScaledStrip {
  readonly before: ScaledRanges | undefined;
  readonly after: ScaledRanges | undefined;
}

/** A strip in steps; a side is undefined where the kernel is zero, or a weight is not finite. */
export function scaledStrip({ before, after }: ChannelStrip): ScaledStrip {
  return { before: before && scaled(before), after: after && scaled(after) };
}

/** The least and the largest step of both sides. */
export function stepDomain({ before, after }: ScaledStrip): readonly [number, number] {
  const sides = [before, after].flatMap((side) => side ?? []);
  const lows = sides.map(({ low }) => low.reduce((least, value) => Math.min(least, value), 0));
  const highs = sides.map(({ high }) => high.reduce((most, value) => Math.max(most, value), 0));
  return [Math.min(0, ...lows), Math.max(0, ...highs)];
}

function scaled(ranges: ChannelRanges): ScaledRanges | undefined {
  const least = ranges.low.reduce((one, other) => Math.min(one, other), 0);
  const most = ranges.high.reduce((one, other) => Math.max(one, other), 0);
  const step = (most - least) / GRID_STEPS;
  if (!Number.isFinite(step) || step === 0) return undefined;
  const low = ranges.low.map((value) => value / step);
  const high = ranges.high.map((value) => value / step);
  const isNarrow = (min: number, channel: number): boolean => {
    const max = high[channel] ?? 0;
    return (min !== 0 || max !== 0) && Math.max(max, 0) - Math.min(min, 0) <= NARROW_STEPS;
  };
  return { low, high, step, narrow: low.filter(isNarrow).length, spread: spreadOf(maxAbsOf(ranges)) };
}
