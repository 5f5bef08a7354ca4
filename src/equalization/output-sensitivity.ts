/**
 * How much the outputs of a model change when a channel somewhere in it is shifted.
 *
 * @module
 */

import { normalCdf } from '../kernels/normal-distribution.ts';
import type { ChannelIndex } from '../kernels/pair-ranges.ts';
import { outerTaps, tapResponse } from '../kernels/tap-response.ts';
import { affineOf, batchNormFault } from '../model/batch-norm.ts';
import { inputIndex, kernelNames, outputIndex, weightFault } from '../model/channels.ts';
import type { GraphCall, GraphTensor } from '../model/graph.ts';
import type { Layer, WeightName } from '../model/layer.ts';
import { activationOf, isWeighted, type MergeKind } from '../model/operation.ts';
import { allocate, type FloatValues } from '../tensor/dtype.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { ActivationMoments, ChannelMoments } from './activation-moments.ts';
import type { ChannelGraph } from './channel-graph.ts';

/** The sensitivity of the outputs of calls with a kernel, before their activation, `[output channels]`. */
export type OutputSensitivity = ReadonlyMap<GraphCall, Float64Array>;

/** A ReLU that is next to never active passes this share all the same. */
const SMALLEST_SHARE = 1e-3;

/**
 * The squared derivative of the sum of squared outputs by a shift of a channel that is the same at all positions, pushed
 * back through the graph with the paths taken for independent: a kernel passes `sum over o of D[o] (sum over k of W[k, i,
 * o])²`, a ReLU the share of values between its ends.
 *
 * Quantizing a weight shifts what it writes by the same factor of the same input everywhere, and neighbouring positions have
 * nearly the same values: its errors add up over positions.
 */
export function outputSensitivity(graph: ChannelGraph, moments: ActivationMoments): OutputSensitivity {
  const walk = new SensitivityWalk(graph, moments);
  for (const call of [...graph.graph.calls].reverse()) walk.visit(call);
  return walk.found;
}

class SensitivityWalk {
  readonly found = new Map<GraphCall, Float64Array>();
  readonly #channels: ChannelGraph;
  readonly #moments: ActivationMoments;
  readonly #known = new Map<GraphTensor, Float64Array>();

  constructor(channels: ChannelGraph, moments: ActivationMoments) {
    this.#channels = channels;
    this.#moments = moments;
    for (const tensor of channels.graph.outputs) {
      const count = channels.channelsOf(tensor)?.length ?? tensor.shape?.at(-1) ?? 1;
      this.#add(tensor, new Float64Array(count).fill(1));
    }
  }

  visit(call: GraphCall): void {
    const { layer } = call;
    const behind = this.#known.get(call.output());
    if (!behind) return;
    const before = this.#beforeActivation(call, behind);
    if (isWeighted(layer.operation)) {
      this.found.set(call, before);
      const [input] = call.inputs;
      if (input && !weightFault(layer)) this.#add(input, throughKernels(layer, before));
      return;
    }
    for (const [index, tensor] of call.inputs.entries()) {
      this.#add(tensor, this.#throughLayer(call, index, before));
    }
  }

  #beforeActivation(call: GraphCall, behind: Float64Array): Float64Array {
    const activation = activationOf(call.layer.operation);
    if (activation.kind !== 'relu') return behind;
    const { maxValue = Infinity, negativeSlope, threshold } = activation;
    const input = isWeighted(call.layer.operation) ? call.layer.statistics : this.#momentsOf(call.inputs[0]);
    if (input?.mean.length !== behind.length) return behind;
    return behind.map((value, channel) => {
      const share = shareBetween(input, channel, threshold, maxValue);
      return value * Math.max(SMALLEST_SHARE, share + negativeSlope ** 2 * (1 - share));
    });
  }

  /** Through a layer without a kernel, to its `index`th input. */
  #throughLayer(call: GraphCall, index: number, behind: Float64Array): Float64Array {
    const { operation } = call.layer;
    if (operation.kind === 'batchNorm' && !batchNormFault(call.layer)) {
      const { a } = affineOf(call.layer);
      return a.length === behind.length
        ? behind.map((value, channel) => value * (a[channel] ?? 1) ** 2)
        : behind;
    }
    const channels = this.#classesOf(call.inputs[index] as GraphTensor);
    const written = this.#classesOf(call.output());
    const part = operation.kind === 'merge' ? shareOfOperand(operation.merge, call.inputs.length) : 1;
    const passed = behind.map((value) => value * part);
    if (channels && written?.length === behind.length) return alongClasses(passed, written, channels);
    return channels ? evenly(passed, channels.length) : passed;
  }

  #classesOf(tensor: GraphTensor): Int32Array | undefined {
    return this.#channels.channelsOf(tensor)?.map((at) => this.#channels.classes.find(at));
  }

  #momentsOf(tensor: GraphTensor | undefined): ChannelMoments | undefined {
    return tensor && this.#moments.of(tensor);
  }

  #add(tensor: GraphTensor, values: Float64Array): void {
    const known = this.#known.get(tensor);
    const isAlike = known?.length === values.length;
    this.#known.set(tensor, isAlike ? known.map((one, channel) => one + (values[channel] ?? 0)) : values);
  }
}

/** `P(low < x < high)` of a normal variable. */
function shareBetween(
  { mean, variance }: Pick<ChannelMoments, 'mean' | 'variance'>,
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
      return 1 / count;
    default:
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
export function throughKernels(layer: Layer, behind: Float64Array): Float64Array {
  return [...kernelNames(layer)]
    .reverse()
    .reduce((values, name) => throughKernel(layer, name, values), behind);
}

/** `sum over o of D[o] (sum over k of W[k, i, o])²`, `[input channels]`. */
export function throughKernel(layer: Layer, name: WeightName, behind: Float64Array): Float64Array {
  const indices: { input: ChannelIndex; output: ChannelIndex } = {
    input: outputIndex(layer, name),
    output: inputIndex(layer),
  };
  return tapResponse(
    overPositions(layer.requireWeight(name)),
    indices,
    outerTaps(Float64Array.of(1), behind),
    2,
  );
}

/** `sum over k of W[k, ...]`, `[rows, columns]`. */
function overPositions(kernel: Tensor): Tensor {
  const { rows, columns, factors } = kernel;
  if (kernel.size === rows * columns) return kernel;
  const sums = allocate(kernel.dtype, rows * columns) as FloatValues;
  for (const { firstRow, values } of kernel.reduced('sum')) sums.set(values, firstRow * columns);
  const plain = Tensor.of(kernel.dtype, [rows, columns], sums);
  return (['rows', 'columns', 'pairs'] as const).reduce((tensor, axis) => {
    const factor = factors[axis];
    return factor ? tensor.scaled(axis, factor) : tensor;
  }, plain);
}
