/**
 * Extremes of lists whose length a file decides: `Math.max(...list)` overflows the stack where they are long.
 *
 * @module
 */

/** The largest of `values` and `least`; NaN where one is NaN. */
export function largestOf(values: Iterable<number>, least: number = Number.NEGATIVE_INFINITY): number {
  let largest = least;
  for (const value of values) largest = Math.max(largest, value);
  return largest;
}

/** The smallest of `values`; NaN where one is NaN, Infinity where there are none. */
export function smallestOf(values: Iterable<number>): number {
  let smallest = Number.POSITIVE_INFINITY;
  for (const value of values) smallest = Math.min(smallest, value);
  return smallest;
}
