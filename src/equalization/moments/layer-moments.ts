/**
 * What layers make of the distributions of what they read.
 *
 * @module
 */

import { affineOf, batchNormChannels } from '../../model/batch-norm.ts';
import { biasOf } from '../../model/bias.ts';
import { axisFromEnd, channelNumbers, readsChannels } from '../../model/channel-axes.ts';
import { weightFault } from '../../model/channels.ts';
import type { GraphCall, GraphTensor } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { Dialect } from '../../model/model.ts';
import {
  activationOf,
  type Operation,
  type PoolOperation,
  type RescalingOperation,
} from '../../model/operation.ts';
import { channelsBehindReshape } from '../../model/reshaped-channels.ts';
import { spatialSizes } from '../../model/shapes.ts';
import { batchNormalized, isNormalizing, statisticsBehind } from '../../model/statistics.ts';
import { usesBatchStatistics } from '../../model/training.ts';
import { layerInputs, layerResponse } from '../noise/kernel-response.ts';
import { activatedDistribution, activationFunction, clipped, throughFunction } from './activation-rules.ts';
import {
  affineDistribution,
  type ChannelDistribution,
  joinedChannels,
  matchedDistribution,
  mixedDistribution,
  pickedChannels,
  unbounded,
} from './channel-distribution.ts';
import { mergedDistribution, pooledDistribution } from './merge-rules.ts';

type Known = ChannelDistribution | undefined;

/**
 * What stands before the activation that is fused into the layer of a call with a kernel: from the statistics that the layer
 * keeps, or else from the moments of what it reads.
 *
 * @param lookup the distribution of any tensor before it
 */
export function linearDistribution(call: GraphCall, lookup: (tensor: GraphTensor) => Known): Known {
  const { statistics } = call.layer;
  return statistics ? matchedDistribution(statistics.mean, statistics.variance) : responseOf(call, lookup);
}

/**
 * The distribution of the output of a call; undefined where nothing is known of it.
 *
 * @param inputs those of what it reads
 * @param linear for a layer with a kernel that before its activation
 */
export function distributionOf(call: GraphCall, inputs: readonly Known[], linear: Known): Known {
  const { operation } = call.layer;
  const input = inputs.length === 1 ? inputs[0] : undefined;
  switch (operation.kind) {
    case 'conv':
    case 'convTranspose':
    case 'depthwiseConv':
    case 'separableConv':
    case 'dense':
      return linear && activated(call, linear);
    case 'activation':
      return input && activated(call, input);
    case 'batchNorm':
      return normalized(call, input);
    case 'merge':
      return merged(call, operation.merge, inputs);
    case 'concatenate':
      return concatenated(call, operation.axis, inputs);
    case 'pool':
      return input && pooled(call, operation, input);
    case 'cap':
      return input && capped(call, operation.maxima, input);
    case 'upSampling':
      return input && upSampled(operation.interpolation, input);
    case 'rescaling':
      return input && rescaled(call, operation, input);
    case 'flatten':
    case 'reshape':
    case 'permute':
    case 'slice': {
      const found = channelsBehindReshape(call);
      const isFannedOut = found?.kind === 'fan-out' && input?.mean.length === call.inputs[0]?.channels;
      return input && isFannedOut ? pickedChannels(input, found.places) : undefined;
    }
    case 'identity':
    case 'steps':
    case 'zeroPadding':
    case 'cropping':
      return input;
    case 'input':
    case 'model':
    case 'opaque':
      return undefined;
  }
}

function rescaled(call: GraphCall, { scale, offset }: RescalingOperation, input: ChannelDistribution): Known {
  const { length } = input.mean;
  const factors = channelNumbers(call, scale, length);
  const shifts = channelNumbers(call, offset, length);
  return factors && shifts && affineDistribution(input, factors, shifts);
}

/** What goes through several neighbours (`bicubic`, `lanczos3`) overshoots them. */
function upSampled(interpolation: string, input: ChannelDistribution): ChannelDistribution {
  const staysWithin = interpolation === 'nearest' || interpolation === 'bilinear' || interpolation === 'area';
  return staysWithin ? input : matchedDistribution(input.mean, input.variance);
}

/** By the kernels from what they read, with the bias. */
function responseOf(call: GraphCall, lookup: (tensor: GraphTensor) => Known): Known {
  const { layer } = call;
  if (weightFault(layer) || !readsChannels(call)) return undefined;
  const inputs = layerInputs(call, lookup);
  if (!inputs) return undefined;
  const bias = biasOf(layer);
  const { mean, variance } = layerResponse(layer, inputs);
  return matchedDistribution(
    mean.map((value, channel) => value + (bias[channel] ?? 0)),
    variance,
  );
}

/** N(beta, gamma²) where it normalizes; else an affine map of what it reads. */
function normalized(call: GraphCall, input: Known): Known {
  const { layer } = call;
  if (!readsChannels(call)) return undefined;
  if (usesBatchStatistics(call)) {
    const found = batchNormalized(layer);
    return found && matchedDistribution(found.mean, found.variance);
  }
  if (layer.statistics || isNormalizing(layer)) {
    const found = statisticsBehind(layer, undefined);
    return found && matchedDistribution(found.mean, found.variance);
  }
  if (input?.mean.length !== batchNormChannels(layer)) return undefined;
  const { a, d } = affineOf(layer);
  return affineDistribution(input, a, d);
}

function activated(call: GraphCall, input: ChannelDistribution): Known {
  const { layer, owner } = call;
  const activation = activationOf(layer.operation);
  const slopes = activation.kind === 'prelu' ? preluSlopes(layer, input.mean.length) : undefined;
  return activatedDistribution(input, activation, { slopes, dialect: owner.dialect });
}

/** The slope of each channel, where it is the same at all positions and the channels are last. */
function preluSlopes(layer: Layer, channels: number): Float64Array | undefined {
  const alpha = layer.weight('alpha');
  if (!alpha) return undefined;
  const values = alpha.toFloat64();
  if (values.length === 1) return new Float64Array(channels).fill(values[0] ?? 0);
  return values.length === channels && alpha.shape.at(-1) === channels ? values : undefined;
}

function capped(call: GraphCall, maxima: Float64Array, input: ChannelDistribution): Known {
  if (!readsChannels(call) || input.mean.length !== maxima.length) return undefined;
  return clipped(input, { ...unbounded(maxima.length), high: maxima });
}

function pooled(call: GraphCall, operation: PoolOperation, input: ChannelDistribution): Known {
  if (!readsChannels(call)) return undefined;
  const [tensor] = call.inputs;
  const sizes = operation.global ? spatialSizes(tensor?.shape, operation) : operation.poolSize;
  const count = sizes?.reduce<number | undefined>(
    (product, size) => (product === undefined || size === null ? undefined : product * size),
    1,
  );
  return pooledDistribution(input, operation.reduce, count);
}

/**
 * Of a product where a tensor is multiplied by a function of itself, as in `x sigmoid(x)`, or one side is a gate, the same at all
 * positions: elsewhere what is multiplied mostly comes of the same values, and is not independent.
 */
function merged(
  call: GraphCall,
  merge: Parameters<typeof mergedDistribution>[1],
  inputs: readonly Known[],
): Known {
  const known = inputs.filter((input) => input !== undefined);
  if (known.length < inputs.length || call.constants.length > 0 || !areAlike(call.inputs)) return undefined;
  if (merge !== 'multiply') return mergedDistribution(known, merge);
  const [first, second] = call.inputs;
  if (!first || !second || call.inputs.length > 2) return undefined;
  const gated = (tensor: GraphTensor, gate: GraphTensor, input: Known): Known => {
    const f = functionOf(gate, tensor);
    return f && input && throughFunction(input, (x) => x * f(x));
  };
  const ofItself = gated(first, second, inputs[0]) ?? gated(second, first, inputs[1]);
  return ofItself ?? (call.inputs.some(isGate) ? mergedDistribution(known, merge) : undefined);
}

/** A tensor as a function of the values of another in the same places, as far as activations and rescalings make it so. */
function functionOf(tensor: GraphTensor, of: GraphTensor): ((x: number) => number) | undefined {
  if (tensor === of) return (x) => x;
  const { layer, input, owner } = tensor.producer ?? {};
  const own = layer && owner && pointwise(layer.operation, owner.dialect);
  const before = own && input && functionOf(input, of);
  return before && ((x) => own(before(x)));
}

/** What a layer does to each value, whatever the channel. */
function pointwise(operation: Operation, dialect: Dialect): ((x: number) => number) | undefined {
  if (operation.kind === 'activation') return activationFunction(operation.activation, dialect);
  if (operation.kind !== 'rescaling') return undefined;
  const { scale, offset } = operation;
  const [factor, shift] = [scale[0] ?? 1, offset[0] ?? 0];
  return scale.length === 1 && offset.length === 1 ? (x) => factor * x + shift : undefined;
}

/** Whether tensors have as many dimensions, and their channels on the same. */
function areAlike([first, ...others]: readonly GraphTensor[]): boolean {
  return others.every(
    ({ channelAxis, shape }) => channelAxis === first?.channelAxis && shape?.length === first?.shape?.length,
  );
}

/** Whether a tensor has one position. */
function isGate({ shape }: GraphTensor): boolean {
  return shape !== undefined && shape.length > 2 && shape.slice(1).filter((size) => size !== 1).length <= 1;
}

/** Channels side by side; along another axis the values of all together, as many of each as it has positions. */
function concatenated(call: GraphCall, axis: number, inputs: readonly Known[]): Known {
  const parts = inputs.filter((input) => input !== undefined);
  const [first] = parts;
  if (!first || parts.length < inputs.length || call.constants.length > 0) return undefined;
  if (!areAlike(call.inputs)) return undefined;
  const rank = call.inputs[0]?.shape?.length;
  if (axisFromEnd(axis, rank) === (call.output().channelAxis ?? -1)) return joinedChannels(parts);
  const sizes = call.inputs.map(({ shape }) => shape?.at(axis));
  if (rank === undefined || parts.some(({ mean }) => mean.length !== first.mean.length)) return undefined;
  const counts = sizes.map((size) => (typeof size === 'number' ? size : NaN));
  return counts.reduce((sum, count) => sum + count, 0) > 0 ? mixedDistribution(parts, counts) : undefined;
}
