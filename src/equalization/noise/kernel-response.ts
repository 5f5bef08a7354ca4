/**
 * What the kernels of a layer read, and what they make of its moments.
 *
 * @module
 */

import { channelsOf } from '../../kernels/pair-ranges.ts';
import { type KernelInputs, type KernelPieces, responseMoments } from '../../kernels/response-moments.ts';
import {
  addTapResponse,
  CACHED_ELEMENTS,
  outerTaps,
  type TapMeans,
  tapLayout,
  tapResponse,
} from '../../kernels/tap-response.ts';
import { channelCount, kernelIndices, kernelNames } from '../../model/channels.ts';
import type { GraphCall, GraphTensor } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { WeightName } from '../../model/layer-weights.ts';
import type { ChannelMoments } from '../moments/channel-distribution.ts';
import { FEATURE_CORRELATION } from '../moments/neighbour-correlation.ts';
import { kernelTaps } from './kernel-taps.ts';
import type { KernelErrors } from './quantized-kernels.ts';

/** The shares of a kernel of one position, which every output sees. */
export const ONE_POSITION: Float64Array = Float64Array.of(1);

/** What the layer of a call reads; undefined where nothing is known of it. */
export function layerInputs(
  call: GraphCall,
  momentsOf: (tensor: GraphTensor) => ChannelMoments | undefined,
): KernelInputs | undefined {
  const { source, shares } = kernelTaps(call);
  const known = momentsOf(source);
  if (known?.mean.length !== channelCount(call.layer, 'input')) return undefined;
  return { shares, mean: known.mean, variance: known.variance };
}

/** The same as if all that it reads was around 0 and varied alike. */
export function alikeInputs(call: GraphCall): KernelInputs {
  const channels = channelCount(call.layer, 'input');
  const { shares } = kernelTaps(call);
  return { shares, mean: new Float64Array(channels), variance: new Float64Array(channels).fill(1) };
}

/** What a kernel reads of what its layer does: that itself, or what the depthwise kernel of a SeparableConv makes of it. */
export function kernelInputs(layer: Layer, name: WeightName, inputs: KernelInputs): KernelInputs {
  if (name !== 'pointwiseKernel') return inputs;
  return { shares: ONE_POSITION, ...responseOf(layer, 'depthwiseKernel', inputs) };
}

/** The moments of what a layer writes, `[output channels]`, without its bias and before its activation. */
export function layerResponse(layer: Layer, inputs: KernelInputs): ChannelMoments {
  const name = kernelNames(layer).at(-1);
  if (!name) throw new TypeError(`${layer.path} has no kernel`);
  return responseOf(layer, name, kernelInputs(layer, name, inputs));
}

function responseOf(layer: Layer, name: WeightName, inputs: KernelInputs): ChannelMoments {
  const kernel = layer.requireWeight(name);
  const pieces = kernel.blocks(CACHED_ELEMENTS) as KernelPieces;
  return responseMoments(kernel, pieces, kernelIndices(layer, name), inputs, FEATURE_CORRELATION);
}

/**
 * `sum over k, i of W[k, i, o]^power taps[k, i]`, `[output channels]`; through both kernels of a SeparableConv.
 *
 * Reads each kernel once.
 */
export function kernelResponse(
  layer: Layer,
  taps: TapMeans,
  { power = 1 }: { power?: 1 | 2 } = {},
): Float64Array {
  let read = taps;
  let response: Float64Array = new Float64Array(0);
  for (const name of kernelNames(layer)) {
    response = tapResponse(layer.requireWeight(name), kernelIndices(layer, name), read, power);
    read = outerTaps(ONE_POSITION, response);
  }
  return response;
}

/**
 * `sum over k, i of (Q(W) - W)[k, i, o] taps[k, i]`, `[output channels]`: by how much quantizing the kernels shifts the mean of
 * the output; through both kernels of a SeparableConv.
 *
 * @param errorsOf `Q(W) - W` of a kernel
 */
export function quantizationShift(layer: Layer, taps: TapMeans, errorsOf: KernelErrors): Float64Array {
  const [first, second] = kernelNames(layer);
  if (!first) throw new TypeError(`${layer.path} has no kernel`);
  const shift = errorResponse(layer, first, taps, errorsOf);
  if (!second) return shift;
  // Q2 (Q1 x) - W2 (W1 x) = (Q2 - W2) (Q1 x) + W2 ((Q1 - W1) x)
  const between = tapResponse(layer.requireWeight(first), kernelIndices(layer, first), taps, 1);
  const quantized = between.map((mean, channel) => mean + (shift[channel] ?? 0));
  const own = errorResponse(layer, second, outerTaps(ONE_POSITION, quantized), errorsOf);
  const passed = tapResponse(
    layer.requireWeight(second),
    kernelIndices(layer, second),
    outerTaps(ONE_POSITION, shift),
    1,
  );
  return own.map((mean, channel) => mean + (passed[channel] ?? 0));
}

function errorResponse(layer: Layer, name: WeightName, taps: TapMeans, errorsOf: KernelErrors): Float64Array {
  const kernel = layer.requireWeight(name);
  const indices = kernelIndices(layer, name);
  const layout = tapLayout(kernel, indices);
  const response = new Float64Array(channelsOf(kernel, indices.output));
  for (const { start, values } of errorsOf(layer, name)) {
    addTapResponse(values, start, layout, taps, 1, response);
  }
  return response;
}
