import type { ChannelExtremes } from './channel-layout.ts';

/** How far below 0 channels may reach, as a part of what they reach above it. */
const LOWEST_STEPS = 100;

/**
 * Divisors `f[o]` of channels, negative ones among them, after which all lie between `-m` and 1: the smaller side of every
 * channel is turned down, and m chosen such that one grid from -m to 1 makes the smallest error,
 * `sum of (importance[o] f[o] (1 + m))^2`.
 *
 * Where all channels reach as far down as up, m is 1 and the divisors are the ranges. A grid of that width is at most as
 * coarse as the one from -1 to 1 of plain ranges. The divisor of a channel of zeros is 0; extremes are finite.
 *
 * @param importance what an error in the channel counts, `[channels]`
 * @returns `[channels]`.
 */
export function carrierFactors({ min, max }: ChannelExtremes, importance: ArrayLike<number>): Float64Array {
  let best = 1;
  let least = Infinity;
  for (let step = LOWEST_STEPS; step > 0; step--) {
    const lowest = step / LOWEST_STEPS;
    let cost = 0;
    for (let channel = 0; channel < max.length; channel++) {
      const share = importance[channel]! * factorOf(-min[channel]!, max[channel]!, lowest) * (1 + lowest);
      cost += share * share;
    }
    if (cost < least) {
      least = cost;
      best = lowest;
    }
  }
  return max.map((above, channel) => factorOf(-min[channel]!, above, best));
}

/** The divisor of the smaller size that brings a channel between -lowest and 1, as it is or turned around. */
function factorOf(below: number, above: number, lowest: number): number {
  const upright = Math.max(above, below / lowest);
  const turned = Math.max(below, above / lowest);
  return upright <= turned ? upright : -turned;
}
