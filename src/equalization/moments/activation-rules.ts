/**
 * What activations make of distributions.
 *
 * @module
 */

import { normalCdf } from '../../kernels/normal-distribution.ts';
import {
  addPiece,
  addQuadrature,
  gaussHermite,
  type LinearPiece,
  type MomentSums,
} from '../../kernels/normal-pieces.ts';
import type { Dialect } from '../../model/model.ts';
import type { Activation } from '../../model/operation.ts';
import {
  type Bounds,
  type ChannelDistribution,
  clippedDistribution,
  matchedDistribution,
  varianceOf,
} from './channel-distribution.ts';

/** What decides an activation besides its name. */
export interface ActivationContext {
  /** PReLU: the slope of each channel. */
  readonly slopes?: Float64Array | undefined;
  readonly dialect: Dialect;
}

/**
 * The distribution behind an activation: exact for (clipped) normals and piecewise linear functions, by quadrature with 40
 * points for smooth ones; undefined for an activation that is not known, and for Softmax.
 */
export function activatedDistribution(
  input: ChannelDistribution,
  activation: Activation,
  { slopes, dialect }: ActivationContext,
): ChannelDistribution | undefined {
  switch (activation.kind) {
    case 'linear':
      return input;
    case 'prelu':
      return slopes && rectified(input, { slopes, threshold: 0, maxValue: Infinity });
    case 'relu': {
      const { maxValue = Infinity, negativeSlope, threshold } = activation;
      if (negativeSlope === 0 && threshold === 0) {
        const { length } = input.mean;
        return clipped(input, {
          low: new Float64Array(length),
          high: new Float64Array(length).fill(maxValue),
        });
      }
      return rectified(input, {
        slopes: new Float64Array(input.mean.length).fill(negativeSlope),
        threshold,
        maxValue,
      });
    }
    case 'other': {
      const f = smoothFunction(activation.name, dialect);
      return f && throughFunction(input, f, knownEnds(activation.name, f));
    }
  }
}

/**
 * `min(high[c], max(low[c], x))`: what is cut off already is cut off once more. A distribution that is no clipped normal
 * stays as it is on a side on which nothing of it lies outside.
 */
export function clipped(input: ChannelDistribution, { low, high }: Bounds): ChannelDistribution {
  const { normal } = input;
  const isWithin = (_: unknown, channel: number): boolean =>
    at(input.low, channel) >= at(low, channel) && at(input.high, channel) <= at(high, channel);
  if (low.every(isWithin)) return input;
  const within = (value: number, channel: number): number =>
    Math.min(at(high, channel), Math.max(at(low, channel), value));
  const made = clippedDistribution({
    mean: normal.mean,
    variance: normal.variance,
    // All of it may lie past the other end.
    low: normal.low.map((end, channel) =>
      Math.min(at(high, channel), at(input.low, channel) >= at(low, channel) ? end : at(low, channel)),
    ),
    high: normal.high.map((end, channel) =>
      Math.max(at(low, channel), at(input.high, channel) <= at(high, channel) ? end : at(high, channel)),
    ),
  });
  return { ...made, low: input.low.map(within), high: input.high.map(within) };
}

function at(values: Float64Array, channel: number): number {
  return values[channel] ?? NaN;
}

/** A rectifier with slopes: `x >= maxValue ? maxValue : x >= threshold ? x : slope (x - threshold)`. */
function rectified(
  input: ChannelDistribution,
  rule: { slopes: Float64Array; threshold: number; maxValue: number },
): ChannelDistribution {
  const { slopes, threshold, maxValue } = rule;
  if (input.low.every((value) => value >= threshold) && input.high.every((value) => value <= maxValue)) {
    return input;
  }
  const channels = slopes.length;
  const constant = (value: number): Float64Array => new Float64Array(channels).fill(value);
  const below: LinearPiece = {
    from: -Infinity,
    to: threshold,
    slope: slopes,
    offset: slopes.map((slope) => -slope * threshold),
  };
  const between = { from: threshold, to: maxValue, slope: constant(1), offset: constant(0) };
  const above = { from: maxValue, to: Infinity, slope: constant(0), offset: constant(maxValue) };
  const sums: MomentSums = { first: constant(0), second: constant(0) };
  const pieces = maxValue === Infinity ? [below, between] : [below, between, above];
  for (const piece of pieces) addPiece(input.normal, piece, sums);
  const f = (x: number, channel: number): number =>
    x >= maxValue ? maxValue : x >= threshold ? x : (slopes[channel] ?? 0) * (x - threshold);
  return matchedDistribution(sums.first, varianceOf(sums), rectifiedBounds(input, f, rule));
}

function rectifiedBounds(
  { low, high }: Bounds,
  f: (x: number, channel: number) => number,
  { slopes, threshold, maxValue }: { slopes: Float64Array; threshold: number; maxValue: number },
): Bounds {
  const bound = (pick: (...values: number[]) => number): Float64Array =>
    slopes.map((slope, channel) => {
      const [from, to] = [low[channel] ?? -Infinity, high[channel] ?? Infinity];
      const ends = [from, to].map((end) => (slope === 0 && end < threshold ? 0 : f(end, channel)));
      const inner = from < threshold && to >= threshold ? [0, Math.min(threshold, maxValue)] : [];
      return pick(...ends, ...inner);
    });
  return { low: bound(Math.min), high: bound(Math.max) };
}

/** What smooth functions need, found when the first is met: it takes longer than all that is done with it. */
let rule: ReturnType<typeof gaussHermite> | undefined;
const endsByName = new Map<string, Ends>();

/** The distribution of a function of each value, by quadrature with those of 40 points that count. */
export function throughFunction(
  input: ChannelDistribution,
  f: (x: number) => number,
  ends: Ends = endsOf(f),
): ChannelDistribution {
  const channels = input.mean.length;
  const sums: MomentSums = { first: new Float64Array(channels), second: new Float64Array(channels) };
  rule ??= audibleNodes(gaussHermite(40));
  addQuadrature(input.normal, f, rule, sums);
  return matchedDistribution(sums.first, varianceOf(sums), {
    low: new Float64Array(channels).fill(ends.low),
    high: new Float64Array(channels).fill(ends.high),
  });
}

/** A value in between 7 and 11 deviations away, of a weight below this, is heard in no digit that anything depends on. */
const INAUDIBLE = 1e-12;

function audibleNodes({ nodes, weights }: ReturnType<typeof gaussHermite>): ReturnType<typeof gaussHermite> {
  const isAudible = (_: number, index: number): boolean => (weights[index] ?? 0) > INAUDIBLE;
  return { nodes: nodes.filter(isAudible), weights: weights.filter(isAudible) };
}

/** Up to here functions are looked at closely, and from here to {@link FAR} in steps that grow. */
const NEAR = 40;
const FAR = 1e6;

/** What a function never leaves. */
interface Ends {
  readonly low: number;
  readonly high: number;
}

/** The ends of a function; what goes this far from 0 goes on. */
function endsOf(f: (x: number) => number): Ends {
  let [low, high] = [f(0), f(0)];
  const look = (x: number): void => {
    for (const value of [f(x), f(-x)]) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  };
  for (let x = 0; x <= NEAR; x += 1 / 64) look(x);
  for (let x = NEAR; x <= FAR; x *= 1.25) look(x);
  return { low: low < -NEAR / 2 ? -Infinity : low, high: high > NEAR / 2 ? Infinity : high };
}

/** Those of a function with a name, found once. */
function knownEnds(name: string, f: (x: number) => number): Ends {
  const ends = endsByName.get(name) ?? endsOf(f);
  endsByName.set(name, ends);
  return ends;
}

/** The function that an activation is, a value at a time; undefined for one that is not known, PReLU and Softmax. */
export function activationFunction(
  activation: Activation,
  dialect: Dialect,
): ((x: number) => number) | undefined {
  switch (activation.kind) {
    case 'linear':
      return (x) => x;
    case 'relu': {
      const { maxValue = Infinity, negativeSlope, threshold } = activation;
      return (x) => (x >= maxValue ? maxValue : x >= threshold ? x : negativeSlope * (x - threshold));
    }
    case 'prelu':
      return undefined;
    case 'other':
      return smoothFunction(activation.name, dialect);
  }
}

/** Activations by their Keras names; `hard_sigmoid` is another one in Keras 3. */
function smoothFunction(name: string, dialect: Dialect): ((x: number) => number) | undefined {
  switch (name) {
    case 'sigmoid':
      return sigmoid;
    case 'tanh':
      return Math.tanh;
    case 'silu':
    case 'swish':
      return (x) => x * sigmoid(x);
    case 'hard_sigmoid':
      return dialect === 'keras2' ? (x) => unit(0.2 * x + 0.5) : (x) => unit(x / 6 + 0.5);
    case 'hard_silu':
    case 'hard_swish':
      return (x) => x * unit(x / 6 + 0.5);
    case 'elu':
      return (x) => (x > 0 ? x : Math.expm1(x));
    case 'selu':
      return (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x));
    case 'gelu':
      return (x) => x * normalCdf(x);
    case 'softplus':
      return softplus;
    case 'softsign':
      return (x) => x / (1 + Math.abs(x));
    case 'mish':
      return (x) => x * Math.tanh(softplus(x));
    case 'exponential':
      return Math.exp;
    default:
      return undefined;
  }
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function unit(x: number): number {
  return Math.min(1, Math.max(0, x));
}
