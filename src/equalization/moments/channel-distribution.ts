/**
 * What is known of the values of a tensor, channel by channel; {@link GraphTensor.channelAxis} has where these lie.
 *
 * @module
 */

import { addPiece, type ClippedNormals, type MomentSums } from '../../kernels/normal-pieces.ts';
import { largestOf, smallestOf } from '../../tensor/extremes.ts';

/** Moments of the values of each channel over samples and positions, `[channels]` each. */
export interface ChannelMoments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/**
 * The distribution of each channel, over samples and positions; all `[channels]`.
 *
 * {@link normal} is the normal variable behind it, cut off at both ends, where it is one: clipping it again is exact then.
 * Of other variables it is the normal one with the same mean and variance.
 */
export interface ChannelDistribution extends ChannelMoments {
  readonly normal: ClippedNormals;
  /** No value lies outside. */
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** Bounds of values. */
export type Bounds = Pick<ChannelDistribution, 'low' | 'high'>;

/** Bounds that say nothing. */
export function unbounded(channels: number): Bounds {
  return {
    low: new Float64Array(channels).fill(-Infinity),
    high: new Float64Array(channels).fill(Infinity),
  };
}

/** Variables with that mean and variance, normal as far as anybody knows. */
export function matchedDistribution(
  mean: Float64Array,
  variance: Float64Array,
  bounds: Bounds = unbounded(mean.length),
): ChannelDistribution {
  const nonNegative = variance.map((value) => Math.max(0, value));
  return {
    mean,
    variance: nonNegative,
    normal: { mean, variance: nonNegative, ...unbounded(mean.length) },
    ...bounds,
  };
}

/** Normal variables cut off at both ends. */
export function clippedDistribution(normal: ClippedNormals): ChannelDistribution {
  const channels = normal.mean.length;
  const sums: MomentSums = { first: new Float64Array(channels), second: new Float64Array(channels) };
  const piece = { slope: new Float64Array(channels).fill(1), offset: new Float64Array(channels) };
  addPiece(normal, { from: -Infinity, to: Infinity, ...piece }, sums);
  return {
    mean: sums.first,
    variance: varianceOf(sums),
    normal,
    low: normal.low,
    high: normal.high,
  };
}

/** `E[y²] - E[y]²`, where rounding cannot make it negative. */
export function varianceOf({ first, second }: MomentSums): Float64Array {
  return second.map((value, channel) => Math.max(0, value - (first[channel] ?? 0) ** 2));
}

/** `a x + d` for each channel. */
export function affineDistribution(
  { mean, variance, normal, low, high }: ChannelDistribution,
  a: ArrayLike<number>,
  d: ArrayLike<number>,
): ChannelDistribution {
  const shifted = (values: Float64Array): Float64Array =>
    values.map((value, channel) => times(a[channel] ?? 1, value) + (d[channel] ?? 0));
  const scaled = (values: Float64Array): Float64Array =>
    values.map((value, channel) => (a[channel] ?? 1) ** 2 * value);
  const ends = (bounds: Bounds): Bounds => ordered(shifted(bounds.low), shifted(bounds.high));
  return {
    mean: shifted(mean),
    variance: scaled(variance),
    normal: { mean: shifted(normal.mean), variance: scaled(normal.variance), ...ends(normal) },
    ...ends({ low, high }),
  };
}

/** 0 times Infinity is 0 here: a channel that is multiplied by 0 is 0. */
function times(factor: number, value: number): number {
  return factor === 0 ? 0 : factor * value;
}

function ordered(one: Float64Array, other: Float64Array): Bounds {
  return {
    low: one.map((value, channel) => Math.min(value, other[channel] ?? value)),
    high: one.map((value, channel) => Math.max(value, other[channel] ?? value)),
  };
}

/** The entries of `channels` in their order, which may name one several times. */
export function pickedChannels(
  { mean, variance, normal, low, high }: ChannelDistribution,
  channels: Int32Array,
): ChannelDistribution {
  const pick = (values: Float64Array): Float64Array =>
    Float64Array.from(channels, (channel) => values[channel] ?? NaN);
  return {
    mean: pick(mean),
    variance: pick(variance),
    normal: {
      mean: pick(normal.mean),
      variance: pick(normal.variance),
      low: pick(normal.low),
      high: pick(normal.high),
    },
    low: pick(low),
    high: pick(high),
  };
}

/** The channels of several tensors, one after the other. */
export function joinedChannels(parts: readonly ChannelDistribution[]): ChannelDistribution {
  const join = (values: (part: ChannelDistribution) => Float64Array): Float64Array =>
    Float64Array.from(parts.flatMap((part) => [...values(part)]));
  return {
    mean: join(({ mean }) => mean),
    variance: join(({ variance }) => variance),
    normal: {
      mean: join(({ normal }) => normal.mean),
      variance: join(({ normal }) => normal.variance),
      low: join(({ normal }) => normal.low),
      high: join(({ normal }) => normal.high),
    },
    low: join(({ low }) => low),
    high: join(({ high }) => high),
  };
}

/**
 * The moments of values that are some of each of `parts`, all with the same channels.
 *
 * @param counts how many of each, in proportion; as many where it is left out
 */
export function mixedMoments(
  parts: readonly ChannelMoments[],
  counts: readonly number[] = parts.map(() => 1),
): ChannelMoments {
  const [first, ...others] = parts;
  if (!first) throw new RangeError('nothing to mix');
  if (others.length === 0) return first;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const average = (value: (part: ChannelMoments, channel: number) => number): Float64Array =>
    first.mean.map((_, channel) =>
      parts.reduce((sum, part, index) => sum + (value(part, channel) * (counts[index] ?? 0)) / total, 0),
    );
  const mean = average((part, channel) => part.mean[channel] ?? NaN);
  const second = average(
    (part, channel) => (part.variance[channel] ?? NaN) + (part.mean[channel] ?? NaN) ** 2,
  );
  return { mean, variance: second.map((value, channel) => Math.max(0, value - (mean[channel] ?? 0) ** 2)) };
}

/** The same of distributions. */
export function mixedDistribution(
  parts: readonly ChannelDistribution[],
  counts?: readonly number[],
): ChannelDistribution {
  const [first, ...others] = parts;
  // One distribution several times is that one, and keeps its shape.
  if (first && others.every((other) => isSame(first, other))) return first;
  const { mean, variance } = mixedMoments(parts, counts);
  const end = (
    pick: (values: readonly number[]) => number,
    of: (part: ChannelDistribution) => Float64Array,
  ) => mean.map((_, channel) => pick(parts.map((part) => of(part)[channel] ?? NaN)));
  return matchedDistribution(mean, variance, {
    low: end(smallestOf, ({ low }) => low),
    high: end(largestOf, ({ high }) => high),
  });
}

function isSame(one: ChannelDistribution, other: ChannelDistribution): boolean {
  const vectors = ({ mean, variance, normal, low, high }: ChannelDistribution): Float64Array[] => [
    ...[mean, variance, low, high],
    ...[normal.mean, normal.variance, normal.low, normal.high],
  ];
  const others = vectors(other);
  return vectors(one).every((values, at) =>
    values.every((value, channel) => value === others[at]?.[channel]),
  );
}
