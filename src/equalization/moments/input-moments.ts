/**
 * What a layer reads, from the statistics of what it writes.
 *
 * @module
 */

import { type LeastSquaresFit, leastSquares } from '../../kernels/least-squares.ts';
import { outerTaps } from '../../kernels/tap-response.ts';
import { affineOf, batchNormFault } from '../../model/batch-norm.ts';
import { biasOf } from '../../model/bias.ts';
import { channelCount, weightFault } from '../../model/channels.ts';
import type { Graph, GraphCall, GraphTensor } from '../../model/graph.ts';
import type { LayerStatistics } from '../../model/layer.ts';
import { activationOf, isWeighted } from '../../model/operation.ts';
import { statisticsBehind } from '../../model/statistics.ts';
import { changesNothing, usesBatchStatistics } from '../../model/training.ts';
import { kernelResponse } from '../noise/kernel-response.ts';
import { kernelTaps } from '../noise/kernel-taps.ts';
import { PICTURE_CORRELATION } from './neighbour-correlation.ts';

/** A filter that adds less than this part of the largest is dead, and its statistics are those of weights it had once. */
const DEAD = 1e-3;
/** More channels than pictures have are seldom told apart, and each takes a look at the kernel. */
const MOST_CHANNELS = 16;
/** Equations for each unknown, and in any case more than unknowns: an average that nothing contradicts is no evidence. */
const EQUATIONS = { each: 2, more: 2 };
/** Root mean square of what the fit leaves, in deviations of the outputs; 0.002 to 0.013 on published networks. */
const LARGEST_RESIDUAL = 0.1;
/** Residuals of so many times the median count half: a few filters may have statistics of weights of long ago. */
const OUTLYING = 3;
const ROUNDS = 20;
/** Standard error of a mean, in deviations of the input. */
const LARGEST_ERROR = 0.1;

/**
 * The means of the channels of a tensor, and one variance for all of them, from the statistics of the first convolution or
 * Dense that reads it, past zero padding and into a TimeDistributed, and has any that tell: those that folding left, or those of a batch norm behind it.
 *
 * The means E solve `mean[o] - bias[o] = sum over i of (sum over k of share[k] W[k, i, o]) E[i]` in the sense of least
 * squares, weighted by the variances of the outputs, with less weight for outputs that contradict the others. The variance
 * is the median of `variance[o] / q[o]`, where q is what the kernel makes of values of variance 1, nine tenths of which
 * neighbours share; filters that smooth count most.
 *
 * A layer that is called several times, as those of a siamese network are, has the statistics of all its calls together. They
 * tell the moments of what these read together, which each is taken to have, where all of it comes from inputs of the model.
 *
 * @returns undefined where that does not determine them, or contradicts itself.
 */
export function inputMoments(graph: Graph, tensor: GraphTensor): LayerStatistics | undefined {
  for (const call of kernelReaders(tensor)) {
    const calls = graph.callsOf(call.layer);
    const isPooled = calls.length === 1 || calls.every(readsModelInput);
    const statistics = isPooled ? statisticsOfOutput(call) : undefined;
    const found = statistics && fitted(equationsOf(call, statistics));
    if (found) return found;
  }
  return undefined;
}

/** Whether a call reads an input of the model, past zero padding, layers that do nothing and the entry of a TimeDistributed. */
function readsModelInput({ input }: GraphCall): boolean {
  if (!input || input.isModelInput) return input !== undefined;
  const { producer } = input;
  return producer !== undefined && isTransparent(producer) && readsModelInput(producer);
}

function isTransparent(call: GraphCall): boolean {
  const { kind } = call.layer.operation;
  return changesNothing(call) || kind === 'zeroPadding' || kind === 'steps';
}

/** The calls with a kernel of few channels that read a tensor, past zero padding and layers that do nothing. */
function kernelReaders(tensor: GraphTensor): GraphCall[] {
  return tensor.consumers.flatMap((call) => {
    const { operation } = call.layer;
    if (isWeighted(operation)) {
      const isUsable = !weightFault(call.layer) && channelCount(call.layer, 'input') <= MOST_CHANNELS;
      return isUsable ? [call] : [];
    }
    return isTransparent(call) ? kernelReaders(call.output()) : [];
  });
}

/** Statistics of `gains[o] y[o] + shifts[o]`, where y is what the kernel of a layer writes, without its bias. */
interface OutputStatistics extends LayerStatistics {
  readonly gains: Float64Array;
  readonly shifts: Float64Array;
}

/** Those of the layer, or those of a batch norm behind it: what that one writes says which filters are heard. */
function statisticsOfOutput({ layer, outputs }: GraphCall): OutputStatistics | undefined {
  const bias = biasOf(layer);
  const { statistics } = layer;
  if (statistics?.mean.length === bias.length) {
    return { ...statistics, gains: new Float64Array(bias.length).fill(1), shifts: bias };
  }
  if (activationOf(layer.operation).kind !== 'linear') return undefined;
  for (const reader of outputs.flatMap(({ consumers }) => consumers)) {
    const { layer: bn } = reader;
    if (usesBatchStatistics(reader)) continue;
    const behind = bn.operation.kind === 'batchNorm' ? statisticsBehind(bn, undefined) : undefined;
    if (behind?.mean.length !== bias.length || batchNormFault(bn)) continue;
    const { a, d } = affineOf(bn);
    return {
      ...behind,
      gains: a,
      shifts: bias.map((value, output) => value * (a[output] ?? 1) + (d[output] ?? 0)),
    };
  }
  return undefined;
}

/** What the outputs say of the inputs, output by output. */
interface Equations {
  /** `sum over k of share[k] W[k, i, o]` of each input channel, times the gain. */
  readonly sums: readonly Float64Array[];
  /** Without the shift. */
  readonly means: Float64Array;
  readonly variances: Float64Array;
  /** Variances for inputs of variance 1, independent and alike. */
  readonly independent: Float64Array;
  readonly alike: Float64Array;
}

function equationsOf(call: GraphCall, { mean, variance, gains, shifts }: OutputStatistics): Equations {
  const { layer } = call;
  const { shares } = kernelTaps(call);
  const channels = channelCount(layer, 'input');
  const squares = kernelResponse(layer, outerTaps(shares, new Float64Array(channels).fill(1)), { power: 2 });
  const independent = squares.map((square, output) => square * (gains[output] ?? 0) ** 2);
  const largest = independent.reduce((most, value) => Math.max(most, value), 0);
  const live = [...independent.keys()].filter((output) => (independent[output] ?? 0) > DEAD ** 2 * largest);
  const pick = (values: (output: number) => number): Float64Array => Float64Array.from(live, values);
  const sums = Array.from({ length: channels }, (_, channel) => {
    const only = new Float64Array(channels);
    only[channel] = 1;
    const response = kernelResponse(layer, outerTaps(shares, only));
    return pick((output) => (gains[output] ?? 0) * (response[output] ?? 0));
  });
  return {
    sums,
    means: pick((output) => (mean[output] ?? 0) - (shifts[output] ?? 0)),
    variances: pick((output) => variance[output] ?? 0),
    independent: pick((output) => independent[output] ?? 0),
    alike: Float64Array.from(live, (_, at) => sums.reduce((sum, values) => sum + (values[at] ?? 0), 0) ** 2),
  };
}

function fitted({ sums, means, variances, independent, alike }: Equations): LayerStatistics | undefined {
  const [equations, unknowns] = [means.length, sums.length];
  if (equations < Math.max(EQUATIONS.each * unknowns, unknowns + EQUATIONS.more)) return undefined;
  const variance = fittedVariance(variances, independent, alike);
  if (!(variance > 0)) return undefined;
  // Neither a variance nor a kernel of next to nothing makes one of them infinite.
  const weights = variances.map((one, output) => 1 / (one + variance * (independent[output] ?? 0)));
  const found = robustFit(sums, means, weights);
  if (!found || found.residual > LARGEST_RESIDUAL ** 2 || found.error > LARGEST_ERROR ** 2 * variance) {
    return undefined;
  }
  return { mean: found.mean, variance: new Float64Array(unknowns).fill(variance) };
}

/** Fits again and again with less weight for what the fit before leaves; squares of the residual and the standard error. */
function robustFit(
  sums: readonly Float64Array[],
  means: Float64Array,
  weights: Float64Array,
): { readonly mean: Float64Array; readonly residual: number; readonly error: number } | undefined {
  let trust = new Float64Array(means.length).fill(1);
  let fit: LeastSquaresFit | undefined;
  let squares: Float64Array = trust;
  for (let round = 0; round < ROUNDS; round++) {
    const trusted = weights.map((weight, output) => weight * (trust[output] ?? 0));
    fit = leastSquares(sums, means, trusted);
    if (!fit) return undefined;
    squares = fit.residuals.map((residual, output) => (weights[output] ?? 0) * residual ** 2);
    const usual = squares.toSorted()[Math.floor(squares.length / 2)] ?? 0;
    if (round === ROUNDS - 1 || usual === 0) break;
    trust = squares.map((square) => 1 / (1 + square / (OUTLYING ** 2 * usual)));
  }
  if (!fit) return undefined;
  const left = squares.reduce((sum, square, output) => sum + square * (trust[output] ?? 0), 0);
  const heard = trust.reduce((sum, one) => sum + one, 0) - sums.length;
  const residual = heard > 0 ? left / heard : Infinity;
  const error = residual * fit.inverseDiagonal.reduce((most, value) => Math.max(most, value), 0);
  return { mean: fit.solution, residual, error };
}

/** The median of the variance that each output tells, weighted by how much more than differences it sees. */
function fittedVariance(variances: Float64Array, independent: Float64Array, alike: Float64Array): number {
  const told = [...variances].map((value, output) => {
    const own = independent[output] ?? 0;
    const expected = PICTURE_CORRELATION * (alike[output] ?? 0) + (1 - PICTURE_CORRELATION) * own;
    return { variance: value / expected, weight: expected / own };
  });
  told.sort((one, other) => one.variance - other.variance);
  const half = told.reduce((sum, { weight }) => sum + weight, 0) / 2;
  let below = 0;
  for (const { variance, weight } of told) {
    below += weight;
    if (below >= half) return variance;
  }
  return 0;
}
