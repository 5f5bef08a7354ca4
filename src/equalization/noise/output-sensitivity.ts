/**
 * How much the outputs of a model change when a channel somewhere in it is shifted.
 *
 * @module
 */

import { normalCdf } from '../../kernels/normal-distribution.ts';
import { type KernelPieces, kernelGains } from '../../kernels/response-moments.ts';
import { outerTaps, tapResponse } from '../../kernels/tap-response.ts';
import { affineOf, batchNormFault } from '../../model/batch-norm.ts';
import { axisFromEnd, channelNumbers } from '../../model/channel-axes.ts';
import { inputIndex, kernelNames, outputIndex, weightFault } from '../../model/channels.ts';
import type { Graph, GraphCall, GraphTensor } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { WeightName } from '../../model/layer-weights.ts';
import { activationOf, isWeighted, type MergeKind, type Operation } from '../../model/operation.ts';
import { channelsBehindReshape } from '../../model/reshaped-channels.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import type { ChannelMoments } from '../moments/channel-distribution.ts';
import { ERROR_CORRELATION } from '../moments/neighbour-correlation.ts';
import { ONE_POSITION } from './kernel-response.ts';
import { kernelTaps } from './kernel-taps.ts';

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
  { alike = ERROR_CORRELATION }: SensitivityOptions = {},
): OutputSensitivity {
  const walk = new SensitivityWalk(graph, moments, alike);
  for (const call of graph.calls.toReversed()) walk.visit(call);
  return balanced(walk, graph, moments);
}

class SensitivityWalk implements OutputSensitivity {
  readonly calls = new Map<GraphCall, Float64Array>();
  readonly tensors = new Map<GraphTensor, Float64Array>();
  readonly #moments: ActivationMoments;
  readonly #alike: number;

  constructor(graph: Graph, moments: ActivationMoments, alike: number) {
    this.#moments = moments;
    this.#alike = alike;
    for (const tensor of graph.outputs) this.#add(tensor, new Float64Array(tensor.channels ?? 1).fill(1));
  }

  visit(call: GraphCall): void {
    const behind = this.tensors.get(call.output());
    if (!behind) return;
    const before = this.#beforeActivation(call, behind);
    if (isWeighted(call.layer.operation)) this.calls.set(call, before);
    for (const [index, tensor] of call.inputs.entries()) {
      const passed = passedTo(call, index, this.#multiplied(call, index, before), this.#alike);
      if (passed) this.#add(tensor, fitted(passed, tensor.channels));
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

  #beforeActivation(call: GraphCall, behind: Float64Array): Float64Array {
    const limits = limitsOf(call.layer.operation);
    if (!limits) return behind;
    const { low, high, slope } = limits;
    const isCap = call.layer.operation.kind === 'cap';
    const before = isCap ? call.input && this.#moments.of(call.input)?.normal : this.#moments.before(call);
    if (before?.mean.length !== behind.length) return behind;
    return behind.map((value, channel) => {
      const share = shareBetween(before, channel, low, high(channel));
      return value * Math.max(SMALLEST_SHARE, share + slope ** 2 * (1 - share));
    });
  }

  #add(tensor: GraphTensor, values: Float64Array): void {
    const known = this.tensors.get(tensor);
    const isAlike = known?.length === values.length;
    this.tensors.set(tensor, isAlike ? known.map((one, channel) => one + (values[channel] ?? 0)) : values);
  }
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

/** From before the activation of a call to its `index`th input; undefined where its weights do not tell. */
function passedTo(
  call: GraphCall,
  index: number,
  before: Float64Array,
  alike: number,
): Float64Array | undefined {
  const { layer, inputs } = call;
  const { operation } = layer;
  switch (operation.kind) {
    case 'conv':
    case 'convTranspose':
    case 'depthwiseConv':
    case 'separableConv':
    case 'dense':
      return weightFault(layer) ? undefined : throughKernels(call, before, alike);
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

/** `[input channels]` from `[output channels]`, through both kernels of a SeparableConv. */
function throughKernels(call: GraphCall, behind: Float64Array, alike: number): Float64Array {
  const { layer } = call;
  const { shares } = kernelTaps(call);
  return kernelNames(layer).reduceRight(
    (values, name) =>
      throughKernel(layer, name, values, {
        alike,
        shares: name === 'pointwiseKernel' ? ONE_POSITION : shares,
      }),
    behind,
  );
}

/**
 * The sensitivity to what a kernel writes, of that to what its layer writes: the same, or for the depthwise kernel of a
 * SeparableConv that before its other kernel.
 */
export function kernelSensitivity(layer: Layer, name: WeightName, behind: Float64Array): Float64Array {
  const isBetween = layer.operation.kind === 'separableConv' && name === 'depthwiseKernel';
  if (!isBetween) return behind;
  return throughKernel(layer, 'pointwiseKernel', behind, { shares: ONE_POSITION, alike: ERROR_CORRELATION });
}

/**
 * `sum over o of D[o] (sum over k of share[k] W[k, i, o])²`, `[input channels]`.
 *
 * @param shares for each position of the kernel the share of outputs at which it lies on the input
 */
function throughKernel(
  layer: Layer,
  name: WeightName,
  behind: Float64Array,
  { shares, alike }: { shares: Float64Array; alike: number },
): Float64Array {
  const indices = { input: outputIndex(layer, name), output: inputIndex(layer) };
  const kernel = layer.requireWeight(name);
  const taps = outerTaps(ONE_POSITION, behind);
  if (shares.length === 1) return tapResponse(kernel, indices, taps, 2);
  const pieces = kernel.blocks() as KernelPieces;
  const { gains } = kernelGains(kernel, pieces, shares, alike);
  return tapResponse(Tensor.of('float64', [kernel.rows, kernel.columns], gains), indices, taps, 2);
}

function balanced(
  { calls, tensors }: OutputSensitivity,
  graph: Graph,
  moments: ActivationMoments,
): OutputSensitivity {
  const places = narrowPlaces(graph).flatMap(({ tensor, after }) => {
    const carried = carriedBy(tensors.get(tensor), moments.of(tensor)?.variance);
    return carried === undefined ? [] : [{ after, carried }];
  });
  const last = places.at(-1)?.carried ?? 1;
  const order = new Map(graph.calls.map((call, index) => [call, index]));
  const scaled = (values: Float64Array, call: GraphCall | undefined): Float64Array => {
    const index = (call && order.get(call)) ?? 0;
    const factor = last / (places.find(({ after }) => after >= index)?.carried ?? last);
    return values.map((value) => value * factor);
  };
  return {
    calls: new Map([...calls].map(([call, values]) => [call, scaled(values, call)])),
    tensors: new Map([...tensors].map(([tensor, values]) => [tensor, scaled(values, tensor.producer)])),
  };
}

/** `sum over c of sensitivity[c] variance[c]`; undefined where it is not known, or nothing. */
function carriedBy(
  sensitivity: Float64Array | undefined,
  variance: Float64Array | undefined,
): number | undefined {
  if (!sensitivity || sensitivity.length !== variance?.length) return undefined;
  const sum = sensitivity.reduce((total, one, channel) => total + one * (variance[channel] ?? 0), 0);
  return sum > 0 && sum < Infinity ? sum : undefined;
}

/** A tensor that is all that later calls and the outputs read of what was computed up to a call. */
interface NarrowPlace {
  readonly tensor: GraphTensor;
  /** Index of that call among those of the graph. */
  readonly after: number;
}

function narrowPlaces({ calls, inputs, outputs }: Graph): NarrowPlace[] {
  const lastRead = new Map<GraphTensor, number>();
  for (const [index, call] of calls.entries()) {
    for (const tensor of call.inputs) lastRead.set(tensor, index);
  }
  for (const tensor of outputs) lastRead.set(tensor, Infinity);
  const isRead = (tensor: GraphTensor, index: number): boolean => (lastRead.get(tensor) ?? -1) > index;
  const open = new Set(inputs);
  return calls.flatMap((call, after) => {
    for (const tensor of call.outputs) open.add(tensor);
    for (const tensor of [...call.inputs, ...call.outputs]) if (!isRead(tensor, after)) open.delete(tensor);
    const [tensor] = open;
    return tensor && open.size === 1 ? [{ tensor, after }] : [];
  });
}
