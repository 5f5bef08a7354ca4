/**
 * How much the outputs of a model change when a channel somewhere in it is shifted.
 *
 * @module
 */

import { normalCdf } from '../../kernels/normal-distribution.ts';
import { affineOf, batchNormFault } from '../../model/batch-norm.ts';
import { axisFromEnd, channelNumbers } from '../../model/channel-axes.ts';
import { weightFault } from '../../model/channels.ts';
import type { Graph, GraphCall, GraphTensor } from '../../model/graph.ts';
import {
  activationOf,
  isWeighted,
  type MergeKind,
  type Operation,
  type WeightedOperation,
} from '../../model/operation.ts';
import { channelsBehindReshape } from '../../model/reshaped-channels.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import type { ChannelMoments } from '../moments/channel-distribution.ts';
import { ERROR_CORRELATION } from '../moments/neighbour-correlation.ts';
import { balancedSensitivity } from './balanced-sensitivity.ts';
import { type Heard, throughKernels } from './kernel-sensitivity.ts';

/** The sensitivity of the outputs of a model. Where an output hears nothing of it, a call or tensor is left out. */
export interface OutputSensitivity {
  /** To what a call with a kernel computes before its activation, `[output channels]`. */
  readonly calls: ReadonlyMap<GraphCall, Float64Array>;
  /** To a tensor, `[channels]`. */
  readonly tensors: ReadonlyMap<GraphTensor, Float64Array>;
}

/** What shifts channels. */
export interface SensitivityOptions {
  /** How much of a shift neighbouring positions share, 0 to 1; that of errors of weights where it is left out. */
  readonly alike?: number;
}

/** Errors of weights shift neighbouring positions alike, as far as these have the same values. */
export const KERNEL_ERRORS: Required<SensitivityOptions> = { alike: ERROR_CORRELATION };

/** A ReLU that is next to never active passes this share all the same. */
const SMALLEST_SHARE = 1e-3;

/**
 * The squared derivative of the sum of squared outputs by a shift of a channel that is the same at all positions, pushed
 * back through the graph with the paths taken for independent: a kernel passes `sum over o of D[o] (sum over k of W[k, i,
 * o])²`, with the positions at a border by their share, a ReLU the share of values between its ends.
 *
 * Quantizing a weight shifts what it writes by the same factor of the same input everywhere, and neighbouring positions have
 * nearly the same values: for the larger part its errors add up over positions, for the rest their squares do.
 *
 * Trained channels are not independent: so found, the sensitivity is right about the channels of a layer, but with every layer
 * its total falls or grows by a factor, to a millionth over 50 layers of one network and a hundredfold over those of another.
 * Where all that the outputs depend on passes one tensor, what varies there makes what varies in the outputs: `sum over c of
 * sensitivity[c] variance[c]` is made the same at all such places, as large as at the last of them. Models without such a
 * place, or without moments there, keep the sensitivity as it is.
 */
export function outputSensitivity(
  graph: Graph,
  moments: ActivationMoments,
  { alike = KERNEL_ERRORS.alike }: SensitivityOptions = {},
): OutputSensitivity {
  const [found] = outputSensitivities(graph, moments, [{ alike }]);
  return found ?? { calls: new Map(), tensors: new Map() };
}

/** {@link outputSensitivity} to several kinds of shifts, for which each kernel is read once. */
export function outputSensitivities(
  graph: Graph,
  moments: ActivationMoments,
  kinds: readonly Required<SensitivityOptions>[],
): OutputSensitivity[] {
  const walk = new SensitivityWalk(graph, moments, kinds);
  for (const call of graph.calls.toReversed()) walk.visit(call);
  return walk.kinds.map((kind) => balancedSensitivity(kind, graph, moments));
}

/** What is known of one kind of shifts so far. */
interface KindOfShift {
  readonly alike: number;
  readonly calls: Map<GraphCall, Float64Array>;
  readonly tensors: Map<GraphTensor, Float64Array>;
}

class SensitivityWalk {
  readonly kinds: readonly KindOfShift[];
  readonly #moments: ActivationMoments;

  constructor(graph: Graph, moments: ActivationMoments, kinds: readonly Required<SensitivityOptions>[]) {
    this.#moments = moments;
    this.kinds = kinds.map(({ alike }) => ({ alike, calls: new Map(), tensors: new Map() }));
    for (const kind of this.kinds) {
      for (const tensor of graph.outputs) add(kind, tensor, new Float64Array(tensor.channels ?? 1).fill(1));
    }
  }

  visit(call: GraphCall): void {
    // What an output hears of one kind of shifts it hears of all.
    const behind = this.kinds.flatMap(({ tensors }) => tensors.get(call.output()) ?? []);
    if (behind.length < this.kinds.length) return;
    const passing = this.#passingShares(call, behind[0]?.length ?? 0);
    const heard = this.kinds.map(({ alike, calls }, index) => {
      const values = behind[index] ?? new Float64Array();
      const before = passing ? values.map((value, channel) => value * (passing[channel] ?? 1)) : values;
      if (isWeighted(call.layer.operation)) calls.set(call, before);
      return { values: before, alike };
    });
    for (const [index, tensor] of call.inputs.entries()) {
      const multiplied = heard.map((one) => ({ ...one, values: this.#multiplied(call, index, one.values) }));
      for (const [kind, passed] of passedTo(call, index, multiplied).entries()) {
        const to = this.kinds[kind];
        if (to) add(to, tensor, fitted(passed, tensor.channels));
      }
    }
  }

  /** Of a product each operand is heard as loudly as the others are on average, where their moments are known. */
  #multiplied(call: GraphCall, index: number, behind: Float64Array): Float64Array {
    const { operation } = call.layer;
    if (operation.kind !== 'merge' || operation.merge !== 'multiply') return behind;
    const others = call.inputs.filter((_, other) => other !== index);
    return others.reduce((heard, tensor) => {
      const moments = this.#moments.of(tensor);
      if (moments?.mean.length !== heard.length) return heard;
      return heard.map((one, c) => one * ((moments.mean[c] ?? 0) ** 2 + (moments.variance[c] ?? 0)));
    }, behind);
  }

  /** The share of a shift that the activation of a call passes, of each channel; undefined where it passes all. */
  #passingShares(call: GraphCall, channels: number): Float64Array | undefined {
    const limits = limitsOf(call.layer.operation);
    if (!limits) return undefined;
    const { low, high, slope } = limits;
    const isCap = call.layer.operation.kind === 'cap';
    const before = isCap ? call.input && this.#moments.of(call.input)?.normal : this.#moments.before(call);
    if (before?.mean.length !== channels) return undefined;
    return Float64Array.from({ length: channels }, (_, channel) => {
      const share = shareBetween(before, channel, low, high(channel));
      return Math.max(SMALLEST_SHARE, share + slope ** 2 * (1 - share));
    });
  }
}

function add({ tensors }: KindOfShift, tensor: GraphTensor, values: Float64Array): void {
  const known = tensors.get(tensor);
  const isAlike = known?.length === values.length;
  tensors.set(tensor, isAlike ? known.map((one, channel) => one + (values[channel] ?? 0)) : values);
}

/** Between which values an operation passes each channel as it is, and the slope outside; undefined where it bounds none. */
function limitsOf(
  operation: Operation,
): { low: number; high: (channel: number) => number; slope: number } | undefined {
  if (operation.kind === 'cap') {
    return { low: -Infinity, high: (channel) => operation.maxima[channel] ?? Infinity, slope: 0 };
  }
  const activation = activationOf(operation);
  if (activation.kind !== 'relu') return undefined;
  const { maxValue = Infinity, negativeSlope, threshold } = activation;
  return { low: threshold, high: () => maxValue, slope: negativeSlope };
}

/** `P(low < x < high)` of a normal variable. */
function shareBetween(
  { mean, variance }: ChannelMoments,
  channel: number,
  low: number,
  high: number,
): number {
  const center = mean[channel] ?? 0;
  const deviation = Math.sqrt(variance[channel] ?? 0);
  if (deviation === 0) return Number(low < center && center < high);
  return normalCdf((high - center) / deviation) - normalCdf((low - center) / deviation);
}

/** From before the activation of a call to its `index`th input; nothing where its weights do not tell. */
function passedTo(call: GraphCall, index: number, before: readonly Heard[]): Float64Array[] {
  const { operation } = call.layer;
  if (isWeighted(operation)) return weightFault(call.layer) ? [] : throughKernels(call, before);
  return before.map(({ values }) => passedBy(operation, call, index, values));
}

function passedBy(
  operation: Exclude<Operation, WeightedOperation>,
  call: GraphCall,
  index: number,
  before: Float64Array,
): Float64Array {
  const { layer, inputs } = call;
  switch (operation.kind) {
    case 'batchNorm': {
      if (batchNormFault(layer)) return before;
      const { a } = affineOf(layer);
      return a.length === before.length
        ? before.map((value, channel) => value * (a[channel] ?? 1) ** 2)
        : before;
    }
    case 'merge': {
      const share = shareOfOperand(operation.merge, inputs.length + call.constants.length);
      return before.map((value) => value * share);
    }
    case 'concatenate':
      return partOf(call, operation.axis, index, before);
    case 'flatten':
    case 'reshape':
    case 'permute':
    case 'slice':
      return beforeReshape(call, before);
    case 'rescaling': {
      const scale = channelNumbers(call, operation.scale, before.length);
      return scale ? before.map((value, channel) => value * (scale[channel] ?? 1) ** 2) : before;
    }
    case 'activation':
    case 'identity':
    case 'steps':
    case 'cap':
    case 'pool':
    case 'zeroPadding':
    case 'cropping':
    case 'upSampling':
    case 'input':
    case 'model':
      return before;
    case 'opaque':
      return evenly(before, before.length);
  }
}

/** What one of `count` operands has in the result, squared; of a product it is the others that decide it. */
function shareOfOperand(merge: MergeKind, count: number): number {
  switch (merge) {
    case 'average':
      return 1 / count ** 2;
    case 'maximum':
    case 'minimum':
      return 1 / count;
    case 'add':
    case 'subtract':
    case 'multiply':
      return 1;
  }
}

/** Of channels side by side each part has its own; along another axis all have what the whole has. */
function partOf(call: GraphCall, axis: number, index: number, before: Float64Array): Float64Array {
  const { inputs, constants } = call;
  const { channelAxis = -1, shape } = call.output();
  if (axisFromEnd(axis, shape?.length) !== channelAxis) return before;
  const counts = inputs.map(({ channels }) => channels ?? NaN);
  const first = counts.slice(0, index).reduce((sum, count) => sum + count, 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  return constants.length === 0 && total === before.length
    ? before.subarray(first, first + (counts[index] ?? 0))
    : evenly(before, before.length);
}

/** A channel that became several (the positions of a Flatten) has the sum of theirs; one of several its part. */
function beforeReshape(call: GraphCall, behind: Float64Array): Float64Array {
  const found = channelsBehindReshape(call);
  const channels = call.inputs[0]?.channels;
  if (!found || channels === undefined || found.length !== behind.length) return behind;
  const { kind, places } = found;
  if (kind === 'fan-in') {
    const share = found.length / channels;
    return Float64Array.from(places, (place) => share * (behind[place] ?? 0));
  }
  const sums = new Float64Array(channels);
  for (const [place, channel] of places.entries())
    sums[channel] = (sums[channel] ?? 0) + (behind[place] ?? 0);
  return sums;
}

/** One operand for all channels has the sum of what they have; where nobody knows which is which, all have as much. */
function fitted(values: Float64Array, channels: number | undefined): Float64Array {
  return channels === undefined || channels === values.length ? values : evenly(values, channels);
}

function evenly(values: Float64Array, channels: number): Float64Array {
  return new Float64Array(channels).fill(values.reduce((sum, one) => sum + one, 0) / channels);
}
