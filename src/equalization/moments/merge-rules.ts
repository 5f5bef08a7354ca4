/**
 * What merges and poolings make of distributions.
 *
 * @module
 */

import { normalCdf, normalDensity } from '../../kernels/normal-distribution.ts';
import type { MergeKind } from '../../model/operation.ts';
import { largestOf } from '../../tensor/extremes.ts';
import { clipped } from './activation-rules.ts';
import {
  affineDistribution,
  type ChannelDistribution,
  matchedDistribution,
  pickedChannels,
} from './channel-distribution.ts';
import { POOLING_CORRELATION } from './neighbour-correlation.ts';

/**
 * The distribution of an elementwise merge of independent tensors, of which some may have one channel for all; undefined
 * where their channels do not match. A maximum or minimum of two normals is taken for normal (Clark 1961); of more, one
 * after the other.
 */
export function mergedDistribution(
  inputs: readonly ChannelDistribution[],
  merge: MergeKind,
): ChannelDistribution | undefined {
  const channels = largestOf(inputs.map(({ mean }) => mean.length));
  const [first, ...others] = inputs.map((input) =>
    input.mean.length === 1 && channels > 1 ? pickedChannels(input, new Int32Array(channels)) : input,
  );
  if (!first) return undefined;
  if (others.some(({ mean }) => mean.length !== channels)) return undefined;
  switch (merge) {
    case 'add':
      return others.reduce(sum, first);
    case 'subtract':
      return others.map(negative).reduce(sum, first);
    case 'average':
      return scaled(others.reduce(sum, first), 1 / inputs.length);
    case 'multiply':
      return others.reduce(product, first);
    case 'maximum':
      return others.reduce(maximum, first);
    case 'minimum':
      return negative(others.map(negative).reduce(maximum, negative(first)));
  }
}

function scaled(input: ChannelDistribution, factor: number): ChannelDistribution {
  const channels = input.mean.length;
  return affineDistribution(input, new Float64Array(channels).fill(factor), new Float64Array(channels));
}

function negative(input: ChannelDistribution): ChannelDistribution {
  return scaled(input, -1);
}

function combined(one: Float64Array, other: Float64Array, f: (a: number, b: number) => number): Float64Array {
  return one.map((value, channel) => f(value, other[channel] ?? NaN));
}

function sum(one: ChannelDistribution, other: ChannelDistribution): ChannelDistribution {
  const plus = (a: number, b: number): number => a + b;
  return matchedDistribution(
    combined(one.mean, other.mean, plus),
    combined(one.variance, other.variance, plus),
    { low: combined(one.low, other.low, plus), high: combined(one.high, other.high, plus) },
  );
}

function product(one: ChannelDistribution, other: ChannelDistribution): ChannelDistribution {
  const variance = one.variance.map((value, channel) => {
    const [a, b] = [one.mean[channel] ?? NaN, other.mean[channel] ?? NaN];
    const varied = other.variance[channel] ?? NaN;
    return value * varied + value * b * b + varied * a * a;
  });
  return matchedDistribution(
    combined(one.mean, other.mean, (a, b) => a * b),
    variance,
  );
}

/** Where both are cut off at the same ends, the maximum is that of the variables behind them, cut off. */
function maximum(one: ChannelDistribution, other: ChannelDistribution): ChannelDistribution {
  const [a, b] = [one.normal, other.normal];
  const isAlike = a.low.every(
    (low, channel) => low === b.low[channel] && a.high[channel] === b.high[channel],
  );
  if (isAlike) return clipped(larger(a, b), a);
  const made = larger(one, other);
  return {
    ...made,
    low: combined(one.low, other.low, Math.max),
    high: combined(one.high, other.high, Math.max),
  };
}

type Moments = Pick<ChannelDistribution, 'mean' | 'variance'>;

/** Clark's moments of the larger of two independent normals. */
function larger(one: Moments, other: Moments): ChannelDistribution {
  const variance = new Float64Array(one.mean.length);
  const mean = one.mean.map((a, channel) => {
    const b = other.mean[channel] ?? NaN;
    const [v, w] = [one.variance[channel] ?? NaN, other.variance[channel] ?? NaN];
    const spread = Math.sqrt(v + w);
    if (spread === 0) return Math.max(a, b);
    const t = (a - b) / spread;
    const [share, rest, edge] = [normalCdf(t), normalCdf(-t), spread * normalDensity(t)];
    const first = a * share + b * rest + edge;
    variance[channel] = (a * a + v) * share + (b * b + w) * rest + (a + b) * edge - first * first;
    return first;
  });
  return matchedDistribution(mean, variance);
}

/**
 * Average pooling of `count` positions keeps the mean; maximum pooling raises it. Of `count` normals with the same
 * correlation r the maximum has the mean `mean + sigma sqrt(1 - r) e` and the variance `sigma² (r + (1 - r) v)`, e and v
 * those of the largest of `count` independent standard normals; r is {@link POOLING_CORRELATION}.
 *
 * @param count undefined where it is not known: the mean of an average is known all the same
 */
export function pooledDistribution(
  input: ChannelDistribution,
  reduce: 'max' | 'average',
  count: number | undefined,
): ChannelDistribution | undefined {
  if (count === 1) return input;
  const { low, high } = input;
  const common = POOLING_CORRELATION;
  if (reduce === 'average') {
    const left = common + (1 - common) / (count ?? Infinity);
    return matchedDistribution(
      input.mean,
      input.variance.map((value) => value * left),
      { low, high },
    );
  }
  if (count === undefined) return undefined;
  const largest = largestOfNormals(count);
  const { normal } = input;
  const rise = Math.sqrt(1 - common) * largest.mean;
  const raised = matchedDistribution(
    normal.mean.map((mean, channel) => mean + rise * Math.sqrt(normal.variance[channel] ?? 0)),
    normal.variance.map((value) => value * (common + (1 - common) * largest.variance)),
  );
  // A maximum of what is cut off is the maximum, cut off.
  return { ...clipped(raised, normal), low, high };
}

/** Mean and variance of the largest of `count` independent standard normals, by the trapezoidal rule. */
function largestOfNormals(count: number): { mean: number; variance: number } {
  const step = 1 / 64;
  let [first, second] = [0, 0];
  for (let x = -10; x <= 10; x += step) {
    const density = count * normalDensity(x) * normalCdf(x) ** (count - 1) * step;
    first += x * density;
    second += x * x * density;
  }
  return { mean: first, variance: second - first * first };
}
