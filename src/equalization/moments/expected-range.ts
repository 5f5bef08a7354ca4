/**
 * The range that an activation quantizer has to cover, as far as statistics tell it.
 *
 * @module
 */

import type { LayerStatistics } from '../../model/layer.ts';

/** Smallest and largest value of a tensor that are expected, 0 included, as it has to be on the grid. */
export type ExpectedRange = readonly [min: number, max: number];

/** How far from its mean, in deviations, an output is expected to reach. */
const REACH = 6;

/** What the channels of an output are expected to reach at most, `[channels]`: mean + 6 deviations. */
export function expectedMaxima({ mean, variance }: LayerStatistics): Float64Array {
  return mean.map((value, channel) => value + REACH * Math.sqrt(variance[channel] ?? NaN));
}

/**
 * The expected range of a whole tensor: mean +- 6 deviations over all its channels (Nagel et al. 2019, section 4.1.3), from 0
 * behind a ReLU.
 */
export function expectedRange(statistics: LayerStatistics, isRelu: boolean): ExpectedRange {
  const { mean, variance } = statistics;
  const minima = mean.map((value, channel) => value - REACH * Math.sqrt(variance[channel] ?? NaN));
  return [isRelu ? 0 : extreme(minima, Math.min), extreme(expectedMaxima(statistics), Math.max)];
}

/** What a quantizer with one range a tensor makes of that range: its width, twice the farther end if it is symmetric. */
export function quantizedWidth([min, max]: ExpectedRange, isSymmetric: boolean): number {
  return isSymmetric ? 2 * Math.max(max, -min) : max - min;
}

function extreme(values: Float64Array, pick: (one: number, other: number) => number): number {
  return values.reduce((most, value) => pick(most, value), 0);
}
