import { channelsOf } from '../../kernels/pair-ranges.ts';
import {
  addTapResponse,
  type KernelIndices,
  outerTaps,
  type TapMeans,
  tapLayout,
  tapResponse,
} from '../../kernels/tap-response.ts';
import { inputIndex, kernelNames, outputIndex } from '../../model/channels.ts';
import type { Layer, WeightName } from '../../model/layer.ts';
import type { KernelErrors } from './quantized-kernels.ts';

const SINGLE = Float64Array.of(1);

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
    response = tapResponse(layer.requireWeight(name), indicesOf(layer, name), read, power);
    read = outerTaps(SINGLE, response);
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
  const between = tapResponse(layer.requireWeight(first), indicesOf(layer, first), taps, 1);
  const quantized = between.map((mean, channel) => mean + (shift[channel] ?? 0));
  const own = errorResponse(layer, second, outerTaps(SINGLE, quantized), errorsOf);
  const passed = tapResponse(
    layer.requireWeight(second),
    indicesOf(layer, second),
    outerTaps(SINGLE, shift),
    1,
  );
  return own.map((mean, channel) => mean + (passed[channel] ?? 0));
}

function errorResponse(layer: Layer, name: WeightName, taps: TapMeans, errorsOf: KernelErrors): Float64Array {
  const kernel = layer.requireWeight(name);
  const indices = indicesOf(layer, name);
  const layout = tapLayout(kernel, indices);
  const response = new Float64Array(channelsOf(kernel, indices.output));
  for (const { start, errors } of errorsOf(layer, name)) {
    addTapResponse(errors, start, layout, taps, 1, response);
  }
  return response;
}

/** Where the channels of a kernel lie; those that it reads are rows in both kernels of a SeparableConv. */
function indicesOf(layer: Layer, name: WeightName): KernelIndices {
  return { input: inputIndex(layer), output: outputIndex(layer, name) };
}
