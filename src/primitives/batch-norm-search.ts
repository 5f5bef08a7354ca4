/**
 * Which batch norm can be folded into which layer, and why not.
 *
 * @module
 */

import { sameJson } from '../json/value.ts';
import { affineOf, batchNormChannels, batchNormFault } from '../model/batch-norm.ts';
import { biasOf } from '../model/bias.ts';
import { channelAxisOf } from '../model/channel-axes.ts';
import {
  type ChannelSide,
  channelCount,
  channelRange,
  constantResponse,
  weightFault,
} from '../model/channels.ts';
import { canBypass } from '../model/edit.ts';
import type { Graph, GraphCall, GraphTensor } from '../model/graph.ts';
import { activationName, activationOf, isConvolution, isWeighted } from '../model/operation.ts';
import { computeDtype } from '../model/precision.ts';
import { reshapedChannels } from '../model/reshaped-channels.ts';
import { faultReason, type SkipReason } from '../model/skip-reason.ts';
import { usesBatchStatistics } from '../model/training.ts';
import { largestFinite } from '../tensor/dtype.ts';

/** A batch norm with the layer that can take it. */
export interface FoldablePair {
  readonly layer: GraphCall;
  readonly bn: GraphCall;
  /** `backward`: the layer stands before the batch norm; `forward`: behind it. */
  readonly direction: 'backward' | 'forward';
  /** Forward: a and d of the batch norm for each input of the layer. */
  readonly affine?: { readonly a: Float64Array; readonly d: Float64Array };
}

type Found = { pair: FoldablePair } | { reason: SkipReason };

/** The pair in which the layer before `bn` takes it, or why none does; the same for each call of a batch norm. */
export function findBackward(graph: Graph, bn: GraphCall): Found {
  return inAllCalls(graph, bn, layerBefore, backwardPair);
}

/** The pair in which the layer behind `bn` takes it, or why none does; the same for each call of a batch norm. */
export function findForward(graph: Graph, bn: GraphCall): Found {
  return inAllCalls(graph, bn, layerBehind, forwardPair);
}

/**
 * A batch norm that is called several times is folded once for all its calls. It has to go in step with the layer beside it:
 * each call of the one beside one of the other, and no call besides; and each of them has to allow it.
 */
function inAllCalls(
  graph: Graph,
  bn: GraphCall,
  neighbourOf: (bn: GraphCall) => GraphCall | undefined,
  pairOf: (bn: GraphCall, layer: GraphCall) => Found,
): Found {
  const beside = graph.callsOf(bn.layer).map((call) => ({ call, layer: neighbourOf(call) }));
  const [first] = beside;
  if (!first?.layer) return { reason: noNeighbour(bn) };
  const neighbours = new Set(beside.map(({ layer }) => layer));
  const calls = graph.callsOf(first.layer.layer);
  if (neighbours.size !== calls.length || calls.some((call) => !neighbours.has(call))) {
    return { reason: sharedReason(graph, bn, beside.length > 1 ? bn : first.layer) };
  }
  const found = beside.map(({ call, layer }) => pairOf(call, layer as GraphCall));
  const pairs = found.flatMap((one) => ('pair' in one ? [one.pair] : []));
  const [pair] = pairs;
  const refused = found.find((one) => 'reason' in one);
  if (refused || !pair) return refused ?? { reason: noNeighbour(bn) };
  return pairs.every((one) => sameAffine(one, pair)) ? { pair } : { reason: sharedReason(graph, bn, bn) };
}

function sharedReason(graph: Graph, bn: GraphCall, { layer, path }: GraphCall): SkipReason {
  return { code: 'shared-layer', layers: [bn.path, path], calls: graph.callsOf(layer).length };
}

/** A Flatten may put channels in another order in each call. */
function sameAffine({ affine: one }: FoldablePair, { affine: other }: FoldablePair): boolean {
  return !one || !other || (sameJson([...one.a], [...other.a]) && sameJson([...one.d], [...other.d]));
}

function backwardPair(bn: GraphCall, layer: GraphCall): Found {
  const layers = [bn.path, layer.path];
  const reason =
    callReason(layers, bn) ??
    betweenReason(bn.inputs[0] as GraphTensor, layers, bn) ??
    fusedReason(layer, layers) ??
    axisReason(bn, layer, layers, channelCount(layer.layer, 'output')) ??
    weightReason(bn, layer, layers) ??
    bypassReason(bn, layers) ??
    overflowReason(layer, layers, 'output', affineOf(bn.layer));
  return reason ? { reason } : { pair: { layer, bn, direction: 'backward' } };
}

function layerBefore({ inputs: [tensor] }: GraphCall): GraphCall | undefined {
  const layer = tensor?.producer;
  return layer && isWeighted(layer.layer.operation) ? layer : undefined;
}

function forwardPair(bn: GraphCall, layer: GraphCall): Found {
  const output = bn.output();
  const between = flattenBetween(output);
  const tensor = between?.output() ?? output;
  const layers = [bn.path, layer.path];
  const inputs = channelCount(layer.layer, 'input');
  const reason =
    callReason(layers, bn) ??
    betweenReason(output, layers, between ?? layer) ??
    (between ? betweenReason(tensor, layers, layer) : undefined) ??
    axisReason(bn, layer, layers, between ? 'flattened' : inputs) ??
    paddingReason(layer, layers) ??
    weightReason(bn, layer, layers) ??
    bypassReason(bn, layers);
  if (reason) return { reason };
  const affine = between ? flattenedAffine(bn, between, inputs) : affineOf(bn.layer);
  if (!affine) return { reason: { code: 'unknown-rank', layers, axis: axesText(bn) } };
  const overflow = overflowReason(layer, layers, 'input', affine);
  return overflow ? { reason: overflow } : { pair: { layer, bn, direction: 'forward', affine } };
}

function layerBehind(bn: GraphCall): GraphCall | undefined {
  // One that is called with a mask as well is no plain affine map.
  if (!bn.input) return undefined;
  const between = flattenBetween(bn.output());
  const [layer] = (between ?? bn).output().consumers;
  if (!layer || !isWeighted(layer.layer.operation)) return undefined;
  return between && layer.layer.operation.kind !== 'dense' ? undefined : layer;
}

/** The Flatten, or the Reshape to one dimension, that is all that reads `tensor`. */
function flattenBetween(tensor: GraphTensor): GraphCall | undefined {
  const reader = tensor.consumers[0];
  if (!reader) return undefined;
  const { operation } = reader.layer;
  const flattens =
    operation.kind === 'flatten' || (operation.kind === 'reshape' && operation.targetShape.length === 1);
  return flattens ? reader : undefined;
}

/** a and d for each input of a Dense behind a Flatten; undefined where a shape that decides it is not known. */
function flattenedAffine(
  bn: GraphCall,
  flatten: GraphCall,
  inputs: number,
): { readonly a: Float64Array; readonly d: Float64Array } | undefined {
  const axis = channelAxisOf(bn);
  const channels = batchNormChannels(bn.layer);
  // Channels that are last stay in turn, whatever the sizes before them.
  const from = bn.inputs[0]?.shape ?? (axis === -1 ? [null, null, channels] : undefined);
  if (typeof axis !== 'number' || !from) return undefined;
  const found = reshapedChannels({ axis, channels }, from, [null, inputs], flatten.layer.operation);
  if (found?.kind !== 'fan-out') return undefined;
  const { a, d } = affineOf(bn.layer);
  const spread = (values: Float64Array): Float64Array =>
    Float64Array.from(found.places, (channel) => values[channel] ?? 0);
  return { a: spread(a), d: spread(d) };
}

function axesText(bn: GraphCall): string {
  const { operation } = bn.layer;
  return operation.kind === 'batchNorm' ? operation.axes.join(', ') : '';
}

function noNeighbour(bn: GraphCall): SkipReason {
  if (usesBatchStatistics(bn)) return { code: 'training-mode', layers: [bn.path] };
  const [input] = bn.inputs;
  const producer = input?.producer;
  const consumers = bn.output().consumers.map((call) => call.path);
  return {
    code: 'no-neighbour',
    layers: [bn.path],
    before: producer ? `${producer.path} (${producer.layer.className})` : 'an input of the model',
    after: consumers.length === 0 ? 'an output of the model' : consumers.slice(0, 3).join(', '),
  };
}

/** What forbids folding in how the batch norm is called. */
function callReason(layers: readonly string[], bn: GraphCall): SkipReason | undefined {
  if (bn.inputs.length > 1) return { code: 'several-inputs', layers, inputs: bn.inputs.length };
  return usesBatchStatistics(bn) ? { code: 'training-mode', layers } : undefined;
}

function betweenReason(
  tensor: GraphTensor,
  layers: readonly string[],
  reader: GraphCall,
): SkipReason | undefined {
  if (tensor.isModelOutput) return { code: 'model-output', layers };
  if (tensor.consumers.length > 1) {
    const consumers = tensor.consumers.filter((call) => call !== reader).map((call) => call.path);
    return { code: 'several-consumers', layers, consumers };
  }
  return undefined;
}

function fusedReason(layer: GraphCall, layers: readonly string[]): SkipReason | undefined {
  const activation = activationOf(layer.layer.operation);
  if (activation.kind === 'linear') return undefined;
  return { code: 'fused-activation', layers, activation: activationName(activation) };
}

/**
 * The axis must be that of the layer's channels, and there must be as many; behind a Flatten those of any axis are matched to
 * the inputs of the Dense.
 */
export function axisReason(
  bn: GraphCall,
  layer: GraphCall,
  layers: readonly string[],
  channels: number | 'flattened',
): SkipReason | undefined {
  const { operation } = bn.layer;
  if (operation.kind !== 'batchNorm') throw new TypeError(`${bn.path} is no BatchNormalization`);
  const rank = bn.inputs[0]?.shape?.length;
  const given = channelAxisOf(bn);
  if (given === undefined && rank === undefined && operation.axes.length === 1) {
    return { code: 'unknown-rank', layers, axis: axesText(bn) };
  }
  const present = batchNormChannels(bn.layer);
  const expected = channelAxisOf(layer) ?? -1;
  const [fits, count] =
    channels === 'flattened' ? [true, present] : [given === expected && present === channels, channels];
  if (given !== undefined && fits) return undefined;
  const axis = expected === 'any' || rank === undefined ? -1 : expected + rank;
  return {
    code: 'wrong-axis',
    layers,
    axis: `${operation.axes.join(', ')} of ${present}`,
    expected: `axis ${axis} of ${count}`,
  };
}

/** Forward only: a layer that pads by itself, or that does not put its whole kernel on every output. */
function paddingReason(layer: GraphCall, layers: readonly string[]): SkipReason | undefined {
  const { operation } = layer.layer;
  if (!isConvolution(operation)) return undefined;
  const single = operation.kernelSize.every((size) => size === 1);
  if (operation.kind === 'convTranspose') {
    // A 1x1 kernel at stride 1 is a plain 1x1 convolution.
    return single && operation.strides.every((stride) => stride === 1)
      ? undefined
      : { code: 'transposed-convolution', layers };
  }
  if (operation.padding === 'valid' || single) return undefined;
  return { code: 'padding', layers, padding: operation.padding };
}

function weightReason(bn: GraphCall, layer: GraphCall, layers: readonly string[]): SkipReason | undefined {
  const fault = batchNormFault(bn.layer);
  if (fault) return faultReason(layers, bn.path, fault);
  const kernelFault = weightFault(layer.layer);
  return kernelFault && faultReason(layers, layer.path, kernelFault);
}

function bypassReason(bn: GraphCall, layers: readonly string[]): SkipReason | undefined {
  return canBypass(bn.owner, bn.call) ? undefined : { code: 'input-is-output', layers };
}

/** Whether a kernel or bias would no longer fit its type: float16 ends at 65504. */
function overflowReason(
  { layer }: GraphCall,
  layers: readonly string[],
  side: ChannelSide,
  { a, d }: { readonly a: Float64Array; readonly d: Float64Array },
): SkipReason | undefined {
  const dtype = computeDtype(layer);
  const largest = largestFinite(dtype);
  const range = channelRange(layer, side);
  const bias = biasOf(layer);
  const response = side === 'input' ? constantResponse(layer, d) : d;
  const fits =
    range.every((value, channel) => value * Math.abs(a[channel] ?? 1) <= largest) &&
    bias.every((value, channel) => {
      const factor = side === 'output' ? (a[channel] ?? 1) : 1;
      return Math.abs(value * factor + (response[channel] ?? 0)) <= largest;
    });
  return fits ? undefined : { code: 'overflow', layers, dtype };
}
