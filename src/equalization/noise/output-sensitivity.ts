/**
 * How much the outputs of a model change when a channel somewhere in it is shifted.
 *
 * @module
 */

import { normalCdf } from '../../kernels/normal-distribution.ts';
import { outerTaps, tapResponse } from '../../kernels/tap-response.ts';
import { affineOf, batchNormFault } from '../../model/batch-norm.ts';
import { inputIndex, kernelNames, outputIndex, weightFault } from '../../model/channels.ts';
import type { GraphCall, GraphTensor } from '../../model/graph.ts';
import type { Layer, WeightName } from '../../model/layer.ts';
import { activationOf, isWeighted, type MergeKind } from '../../model/operation.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { ChannelGraph } from '../channels/channel-graph.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import type { ChannelMoments } from '../moments/channel-distribution.ts';
import { kernelSource, kernelTaps } from './kernel-taps.ts';

/** The sensitivity of the outputs of calls with a kernel, before their activation, `[output channels]`. */
export type OutputSensitivity = ReadonlyMap<GraphCall, Float64Array>;

/**
 * How much of its variance a value shares with its neighbours, as in pictures, and so how much of an error is the same at
 * neighbouring positions; measured to do best on published networks.
 */
export const ALIKE = 0.9;
/** A ReLU that is next to never active passes this share all the same. */
const SMALLEST_SHARE = 1e-3;

/**
 * The squared derivative of the sum of squared outputs by a shift of a channel that is the same at all positions, pushed
 * back through the graph with the paths taken for independent: a kernel passes `sum over o of D[o] (sum over k of W[k, i,
 * o])²`, with the positions at a border by their share, a ReLU the share of values between its ends.
 *
 * Quantizing a weight shifts what it writes by the same factor of the same input everywhere, and neighbouring positions have
 * nearly the same values: for the larger part its errors add up over positions, for the rest their squares do.
 */
export function outputSensitivity(graph: ChannelGraph, moments: ActivationMoments): OutputSensitivity {
  return sensitivities(graph, moments).calls;
}

/** {@link outputSensitivity}, and the same for all tensors, `[channels]`, that lead to an output. */
export function sensitivities(
  graph: ChannelGraph,
  moments: ActivationMoments,
): { readonly calls: OutputSensitivity; readonly tensors: ReadonlyMap<GraphTensor, Float64Array> } {
  const walk = new SensitivityWalk(graph, moments);
  for (const call of [...graph.graph.calls].reverse()) walk.visit(call);
  return { calls: walk.found, tensors: walk.known };
}

class SensitivityWalk {
  readonly found = new Map<GraphCall, Float64Array>();
  readonly known = new Map<GraphTensor, Float64Array>();
  readonly #channels: ChannelGraph;
  readonly #moments: ActivationMoments;

  constructor(channels: ChannelGraph, moments: ActivationMoments) {
    this.#channels = channels;
    this.#moments = moments;
    for (const tensor of channels.graph.outputs) {
      const count = channels.channelsOf(tensor)?.length ?? tensor.channels ?? 1;
      this.#add(tensor, new Float64Array(count).fill(1));
    }
  }

  visit(call: GraphCall): void {
    const behind = this.known.get(call.output());
    if (!behind) return;
    const before = this.#beforeActivation(call, behind);
    if (isWeighted(call.layer.operation)) this.found.set(call, before);
    for (const [index, tensor] of call.inputs.entries()) {
      const passed = this.#throughCall(call, index, before);
      if (!passed) continue;
      const channels = this.#channelCount(tensor);
      this.#add(
        tensor,
        channels === undefined || channels === passed.length ? passed : evenly(passed, channels),
      );
    }
  }

  #beforeActivation(call: GraphCall, behind: Float64Array): Float64Array {
    const activation = activationOf(call.layer.operation);
    if (activation.kind !== 'relu') return behind;
    const { maxValue = Infinity, negativeSlope, threshold } = activation;
    const before = this.#moments.before(call);
    if (before?.mean.length !== behind.length) return behind;
    return behind.map((value, channel) => {
      const share = shareBetween(before, channel, threshold, maxValue);
      return value * Math.max(SMALLEST_SHARE, share + negativeSlope ** 2 * (1 - share));
    });
  }

  /** From before the activation of a call to its `index`th input; undefined where its weights do not tell. */
  #throughCall(call: GraphCall, index: number, behind: Float64Array): Float64Array | undefined {
    const { layer, inputs } = call;
    const { operation } = layer;
    switch (operation.kind) {
      case 'conv':
      case 'convTranspose':
      case 'depthwiseConv':
      case 'separableConv':
      case 'dense':
        return weightFault(layer) ? undefined : throughKernels(call, behind);
      case 'batchNorm': {
        if (batchNormFault(layer)) return behind;
        const { a } = affineOf(layer);
        return a.length === behind.length
          ? behind.map((value, channel) => value * (a[channel] ?? 1) ** 2)
          : behind;
      }
      case 'merge': {
        const part = shareOfOperand(operation.merge, inputs.length);
        return behind.map((value) => value * part);
      }
      case 'concatenate':
        return this.#partOf(call, index, behind);
      case 'flatten':
      case 'reshape':
        return this.#throughReshape(call, behind);
      case 'activation':
      case 'identity':
      case 'pool':
      case 'zeroPadding':
      case 'cropping':
      case 'upSampling':
      case 'input':
      case 'model':
        return behind;
      case 'opaque':
        return evenly(behind, behind.length);
    }
  }

  /** Channels side by side have each its own; along another axis all parts have what the whole has. */
  #partOf({ inputs }: GraphCall, index: number, behind: Float64Array): Float64Array {
    const counts = inputs.map((tensor) => this.#channelCount(tensor) ?? NaN);
    const first = counts.slice(0, index).reduce((sum, count) => sum + count, 0);
    const isOfChannels = counts.reduce((sum, count) => sum + count, 0) === behind.length;
    return isOfChannels ? behind.subarray(first, first + (counts[index] ?? 0)) : behind;
  }

  #throughReshape(call: GraphCall, behind: Float64Array): Float64Array {
    const channels = this.#classesOf(call.inputs[0] as GraphTensor);
    const written = this.#classesOf(call.output());
    return channels && written?.length === behind.length ? alongClasses(behind, written, channels) : behind;
  }

  #classesOf(tensor: GraphTensor): Int32Array | undefined {
    return this.#channels.channelsOf(tensor)?.map((at) => this.#channels.classes.find(at));
  }

  #channelCount(tensor: GraphTensor): number | undefined {
    return this.#channels.channelsOf(tensor)?.length;
  }

  #add(tensor: GraphTensor, values: Float64Array): void {
    const known = this.known.get(tensor);
    const isAlike = known?.length === values.length;
    this.known.set(tensor, isAlike ? known.map((one, channel) => one + (values[channel] ?? 0)) : values);
  }
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

/** What one of `count` operands has in the result, squared; of a product as if the others were 1. */
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

/** A channel that became several (the positions of a Flatten) has the sum of theirs; one of several of a class its part. */
function alongClasses(values: Float64Array, from: Int32Array, to: Int32Array): Float64Array {
  if (from.length === to.length && from.every((at, channel) => at === to[channel])) return values;
  const sums = new Map<number, number>();
  const counts = new Map<number, number>();
  for (const [channel, at] of from.entries()) sums.set(at, (sums.get(at) ?? 0) + (values[channel] ?? 0));
  for (const at of to) counts.set(at, (counts.get(at) ?? 0) + 1);
  return Float64Array.from(to, (at) => (sums.get(at) ?? 0) / (counts.get(at) ?? 1));
}

/** Where nobody knows which channel reads which. */
function evenly(values: Float64Array, channels: number): Float64Array {
  return new Float64Array(channels).fill(values.reduce((sum, one) => sum + one, 0) / channels);
}

/** `[input channels]` from `[output channels]`, through both kernels of a SeparableConv. */
function throughKernels(call: GraphCall, behind: Float64Array): Float64Array {
  const { layer } = call;
  const { shares } = kernelTaps(call, kernelSource(call));
  return [...kernelNames(layer)]
    .reverse()
    .reduce(
      (values, name) => throughKernel(layer, name, name === 'pointwiseKernel' ? SINGLE : shares, values),
      behind,
    );
}

/** One position, which every output sees. */
const SINGLE = Float64Array.of(1);

/**
 * `sum over o of D[o] (sum over k of share[k] W[k, i, o])²`, `[input channels]`.
 *
 * @param shares for each position of the kernel the share of outputs at which it lies on the input
 */
export function throughKernel(
  layer: Layer,
  name: WeightName,
  shares: Float64Array,
  behind: Float64Array,
): Float64Array {
  const indices = { input: outputIndex(layer, name), output: inputIndex(layer) };
  return tapResponse(overPositions(layer.requireWeight(name), shares), indices, outerTaps(SINGLE, behind), 2);
}

/** What errors of a kernel become over its positions, as one weight for each pair, `[rows, columns]`. */
function overPositions(kernel: Tensor, shares: Float64Array): Tensor {
  const pairs = kernel.rows * kernel.columns;
  if (kernel.size === pairs) return kernel;
  const sums = new Float64Array(pairs);
  const squares = new Float64Array(pairs);
  for (const { start, values } of kernel.blocks()) {
    for (let index = 0; index < values.length; index++) {
      const share = shares[Math.floor((start + index) / pairs)] ?? 1;
      const pair = (start + index) % pairs;
      const weight = values[index] as number;
      sums[pair] = (sums[pair] as number) + share * weight;
      squares[pair] = (squares[pair] as number) + share * weight * weight;
    }
  }
  const gains = sums.map((sum, pair) =>
    Math.sqrt(ALIKE * sum * sum + (1 - ALIKE) * (squares[pair] as number)),
  );
  return Tensor.of('float64', [kernel.rows, kernel.columns], gains);
}
