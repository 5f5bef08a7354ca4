/**
 * How much of a shift of what a kernel reads, or writes, the outputs hear through it.
 *
 * @module
 */

import { channelsOf } from '../../kernels/pair-ranges.ts';
import { type KernelPieces, kernelGains, positionSums } from '../../kernels/response-moments.ts';
import {
  addTapResponse,
  CACHED_ELEMENTS,
  type KernelIndices,
  outerTaps,
  tapLayout,
  tapResponse,
} from '../../kernels/tap-response.ts';
import { inputIndex, kernelNames, outputIndex } from '../../model/channels.ts';
import type { GraphCall } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { WeightName } from '../../model/layer-weights.ts';
import type { FloatValues } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { ERROR_CORRELATION } from '../moments/neighbour-correlation.ts';
import { ONE_POSITION } from './kernel-response.ts';
import { kernelTaps } from './kernel-taps.ts';

/** What the outputs hear of each channel, and how much of a shift neighbouring positions share. */
export interface Heard {
  readonly values: Float64Array;
  readonly alike: number;
}

/** A kernel up to this size is added up over its positions in one piece: at most 32 MB. */
const MOST_HELD = 1 << 22;

/** `[input channels]` from `[output channels]`, through both kernels of a SeparableConv, each of which is read once. */
export function throughKernels(call: GraphCall, behind: readonly Heard[]): Float64Array[] {
  const { layer } = call;
  const { shares } = kernelTaps(call);
  const heard = kernelNames(layer).reduceRight<readonly Heard[]>((values, name) => {
    const passed = throughKernel(layer, name, values, name === 'pointwiseKernel' ? ONE_POSITION : shares);
    return values.map(({ alike }, index) => ({ values: passed[index] ?? new Float64Array(), alike }));
  }, behind);
  return heard.map(({ values }) => values);
}

/**
 * The sensitivity to what a kernel writes, of that to what its layer writes: the same, or for the depthwise kernel of a
 * SeparableConv that before its other kernel.
 */
export function kernelSensitivity(layer: Layer, name: WeightName, behind: Float64Array): Float64Array {
  const isBetween = layer.operation.kind === 'separableConv' && name === 'depthwiseKernel';
  if (!isBetween) return behind;
  const heard = { values: behind, alike: ERROR_CORRELATION };
  return throughKernel(layer, 'pointwiseKernel', [heard], ONE_POSITION)[0] ?? behind;
}

/**
 * `sum over o of D[o] (sum over k of share[k] W[k, i, o])²`, `[input channels]`.
 *
 * @param shares for each position of the kernel the share of outputs at which it lies on the input
 */
function throughKernel(
  layer: Layer,
  name: WeightName,
  behind: readonly Heard[],
  shares: Float64Array,
): Float64Array[] {
  const indices = { input: outputIndex(layer, name), output: inputIndex(layer) };
  const scaled = layer.requireWeight(name);
  const { rows, columns, pairs } = scaled.factors;
  // Factors of whole channels are as well multiplied into what comes from them and goes to them.
  const isApart = indices.input.kind === 'columns' && indices.output.kind === 'rows' && !pairs;
  const kernel = isApart ? scaled.unscaled() : scaled;
  const heard = isApart
    ? behind.map((one) => ({ ...one, values: timesSquares(one.values, columns) }))
    : behind;
  const passed = throughWeights(kernel, indices, heard, shares);
  return isApart ? passed.map((values) => timesSquares(values, rows)) : passed;
}

function timesSquares(values: Float64Array, factors: Float64Array | undefined): Float64Array {
  return factors ? values.map((value, channel) => value * (factors[channel] ?? 1) ** 2) : values;
}

function throughWeights(
  kernel: Tensor,
  indices: KernelIndices,
  behind: readonly Heard[],
  shares: Float64Array,
): Float64Array[] {
  const taps = behind.map(({ values }) => outerTaps(ONE_POSITION, values));
  if (shares.length === 1) {
    const layout = tapLayout(kernel, indices);
    const responses = taps.map(() => new Float64Array(channelsOf(kernel, indices.output)));
    for (const { start, values } of kernel.blocks(CACHED_ELEMENTS)) {
      for (const [index, response] of responses.entries()) {
        const read = taps[index];
        if (read) addTapResponse(values as FloatValues, start, layout, read, 2, response);
      }
    }
    return responses;
  }
  const sums = positionSums(kernel, kernel.blocks(MOST_HELD) as KernelPieces, shares);
  return behind.map(({ values, alike }) => {
    const gains = Tensor.of('float64', [kernel.rows, kernel.columns], kernelGains(sums, alike));
    return tapResponse(gains, indices, outerTaps(ONE_POSITION, values), 1);
  });
}
