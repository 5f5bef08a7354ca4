/**
 * The channels of a layer's kernels: where they lie, their ranges, scaling them.
 *
 * The two conventions of Keras that decide everything are written down here and nowhere else:
 *
 * | layer | kernel | output channel | input channel |
 * |---|---|---|---|
 * | Conv | `[...k, in/groups, out]` | column | row of its group |
 * | ConvTranspose | `[...k, out, in]` | row | column |
 * | DepthwiseConv | `[...k, in, multiplier]` | pair `in * multiplier + m` | row |
 * | SeparableConv | `[...k, in, multiplier]`, `[1.., in * multiplier, out]` | column of the second | row of the first |
 * | Dense | `[in, out]` | column | row |
 *
 * @module
 */

import {
  addConstantResponse,
  type ChannelIndex,
  channelMaxAbs,
  channelOfPair,
  channelsOf,
} from '../kernels/pair-ranges.ts';
import type { KernelIndices } from '../kernels/tap-response.ts';
import { isFloat } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Layer } from './layer.ts';
import type { WeightName } from './layer-weights.ts';
import { isWeighted, type WeightedOperation } from './operation.ts';

/** Which channels of a kernel. */
export type ChannelSide = 'output' | 'input';

/** The weight that holds the channels of one side, and where they lie in it. */
interface ChannelPlace {
  readonly weight: WeightName;
  readonly index: ChannelIndex;
}

const ROWS: ChannelIndex = { kind: 'rows' };
const COLUMNS: ChannelIndex = { kind: 'columns' };
const PAIRS: ChannelIndex = { kind: 'pairs' };

function weighted(layer: Layer): WeightedOperation {
  if (!isWeighted(layer.operation)) throw new TypeError(`${layer.name} (${layer.className}) has no kernel`);
  return layer.operation;
}

function channelPlace(layer: Layer, side: ChannelSide): ChannelPlace {
  const operation = weighted(layer);
  const isOutput = side === 'output';
  switch (operation.kind) {
    case 'dense':
      return { weight: 'kernel', index: isOutput ? COLUMNS : ROWS };
    case 'conv': {
      const inputs: ChannelIndex = operation.groups > 1 ? { kind: 'groups', groups: operation.groups } : ROWS;
      return { weight: 'kernel', index: isOutput ? COLUMNS : inputs };
    }
    case 'convTranspose':
      return { weight: 'kernel', index: isOutput ? ROWS : COLUMNS };
    case 'depthwiseConv':
      return { weight: 'depthwiseKernel', index: isOutput ? PAIRS : ROWS };
    case 'separableConv':
      return isOutput
        ? { weight: 'pointwiseKernel', index: COLUMNS }
        : { weight: 'depthwiseKernel', index: ROWS };
  }
}

/**
 * Where the output channels lie in a kernel. The depthwise kernel of a SeparableConv has those of the tensor between its
 * two convolutions.
 */
export function outputIndex(layer: Layer, kernel: string): ChannelIndex {
  const { weight, index } = channelPlace(layer, 'output');
  return weight === kernel ? index : PAIRS;
}

/** Where the channels that a layer reads lie in its kernel; in both kernels of a SeparableConv they are rows. */
export function inputIndex(layer: Layer): ChannelIndex {
  return channelPlace(layer, 'input').index;
}

/** Where the channels of a kernel lie on both sides. */
export function kernelIndices(layer: Layer, kernel: string): KernelIndices {
  return { input: inputIndex(layer), output: outputIndex(layer, kernel) };
}

/** The weights of a layer that hold its kernel: one, or two for SeparableConv. */
export function kernelNames(layer: Layer): readonly WeightName[] {
  switch (weighted(layer).kind) {
    case 'depthwiseConv':
      return ['depthwiseKernel'];
    case 'separableConv':
      return ['depthwiseKernel', 'pointwiseKernel'];
    default:
      return ['kernel'];
  }
}

/** Number of channels that the layer writes or reads. */
export function channelCount(layer: Layer, side: ChannelSide): number {
  const { weight, index } = channelPlace(layer, side);
  return channelsOf(layer.requireWeight(weight), index);
}

/** `max |w|` of each channel, `[channels]`. SeparableConv: output of the pointwise, input of the depthwise kernel. */
export function channelRange(layer: Layer, side: ChannelSide): Float64Array {
  const { weight, index } = channelPlace(layer, side);
  return channelMaxAbs(layer.requireWeight(weight), index);
}

/**
 * Multiplies the kernel by a factor for each channel; the bias is not touched.
 *
 * @throws RangeError where the number of factors is not that of the channels.
 */
export function scaleKernel(layer: Layer, side: ChannelSide, factors: ArrayLike<number>): void {
  const { weight, index } = channelPlace(layer, side);
  const tensor = layer.requireWeight(weight);
  const scaled =
    index.kind === 'groups'
      ? tensor.scaled('pairs', spreadOverGroups(tensor, index, factors))
      : tensor.scaled(index.kind, factors);
  layer.setWeight(weight, scaled);
}

function spreadOverGroups(tensor: Tensor, index: ChannelIndex, factors: ArrayLike<number>): Float64Array {
  const { rows, columns } = tensor;
  const channels = channelsOf(tensor, index);
  if (factors.length !== channels) throw new RangeError(`${factors.length} factors for ${channels} channels`);
  const pairs = new Float64Array(rows * columns);
  for (let row = 0, pair = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, pair++) {
      pairs[pair] = factors[channelOfPair(tensor, index, row, column)] ?? 1;
    }
  }
  return pairs;
}

/**
 * What a constant input adds to each output channel where the whole kernel lies on it: `sum over k, i of W * input[i]`,
 * `[output channels]`.
 *
 * Exact for every output position of a layer that adds no padding, ConvTranspose aside (there no position sees the
 * whole kernel).
 */
export function constantResponse(layer: Layer, input: ArrayLike<number>): Float64Array {
  const response = new Float64Array(channelCount(layer, 'output'));
  // The usual case of high-bias fold, which then need not read the kernel.
  if (Array.prototype.every.call(input, (value) => value === 0)) return response;
  if (weighted(layer).kind === 'separableConv') {
    const depthwise = layer.requireWeight('depthwiseKernel');
    const between = new Float64Array(channelsOf(depthwise, PAIRS));
    addConstantResponse(depthwise, input, ROWS, PAIRS, between);
    addConstantResponse(layer.requireWeight('pointwiseKernel'), between, ROWS, COLUMNS, response);
    return response;
  }
  const { weight, index } = channelPlace(layer, 'input');
  addConstantResponse(
    layer.requireWeight(weight),
    input,
    index,
    channelPlace(layer, 'output').index,
    response,
  );
  return response;
}

/** What makes a layer's weights unfit for scaling. */
export type WeightFault =
  /** `where` as `kernel, output channel 3`. */
  | { readonly kind: 'non-finite'; readonly where: string }
  | { readonly kind: 'not-float'; readonly where: string; readonly dtype: string };

/** The first fault of the layer's kernel and bias; undefined where they can be scaled. */
export function weightFault(layer: Layer): WeightFault | undefined {
  for (const name of kernelNames(layer)) {
    const tensor = layer.requireWeight(name);
    if (!isFloat(tensor.dtype)) return { kind: 'not-float', where: name, dtype: tensor.dtype };
    const pair = tensor.firstNonFinitePair();
    if (pair < 0) continue;
    const row = Math.floor(pair / tensor.columns);
    const channel = channelOfPair(tensor, outputIndex(layer, name), row, pair % tensor.columns);
    return { kind: 'non-finite', where: `${name}, output channel ${channel}` };
  }
  const tensor = layer.weight('bias');
  if (tensor && !isFloat(tensor.dtype)) return { kind: 'not-float', where: 'bias', dtype: tensor.dtype };
  const bias = tensor?.toFloat64();
  const channel = bias?.findIndex((value) => !Number.isFinite(value)) ?? -1;
  return channel < 0 ? undefined : { kind: 'non-finite', where: `bias, channel ${channel}` };
}
