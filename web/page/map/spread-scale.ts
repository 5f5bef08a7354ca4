/**
 * How uneven the channels of a layer are, as a level of the scale, as bits, and in words.
 *
 * @module
 */

import { short } from 'crosslayer/report';

/** Levels of the scale; each is one bit that the usual channel of a layer loses. */
export const SPREAD_LEVELS = 7;

/** The level of a spread: 0 below 2, then one more for each doubling; undefined where it is not a number. */
export function spreadLevel(spread: number): number | undefined {
  if (Number.isNaN(spread)) return undefined;
  return Math.min(SPREAD_LEVELS - 1, Math.max(0, Math.floor(Math.log2(spread))));
}

/** What a level covers: `below 2`, `2 to 4`, `64 and more`. */
export function levelText(level: number): string {
  if (level === 0) return 'below 2';
  return level === SPREAD_LEVELS - 1 ? `${2 ** level} and more` : `${2 ** level} to ${2 ** (level + 1)}`;
}

/** A spread as it stands in the map. */
export function spreadText(spread: number): string {
  return Number.isNaN(spread) ? 'not a number' : `${short(spread)}\u00d7`;
}

/** A spread in a sentence. */
export function spreadSentence(spread: number): string {
  if (Number.isNaN(spread)) return 'a weight is not a number, so nothing can be said of its channels';
  if (!Number.isFinite(spread)) return 'a weight is infinite, so nothing can be said of its channels';
  const times = `its widest channel is ${short(spread)} times as wide as its middle one`;
  const bits = Math.log2(spread);
  return bits < 0.5
    ? `${times}: even`
    : `${times}, so the middle one has about ${short(Math.max(0, 8 - bits))} of 8 bits left`;
}
