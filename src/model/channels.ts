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
  type ChannelOfPair,
  channelMaxAbs,
  firstNonFinitePair,
} from '../kernels/pair-ranges.ts';
import type { ScaleAxis, Tensor } from '../tensor/tensor.ts';
import type { Layer, WeightName } from './layer.ts';
import { isWeighted, type WeightedOperation } from './operation.ts';

/** Which channels of a kernel. */
export type ChannelSide = 'output' | 'input';

interface ChannelAxis {
  readonly weight: WeightName;
  readonly channels: number;
  readonly axis: ScaleAxis;
  readonly channelOf: ChannelOfPair;
}

const byRow: ChannelOfPair = (row) => row;
const byColumn: ChannelOfPair = (_, column) => column;

function weighted(layer: Layer): WeightedOperation {
  if (!isWeighted(layer.operation)) throw new TypeError(`${layer.name} (${layer.className}) has no kernel`);
  return layer.operation;
}

function channelAxis(layer: Layer, side: ChannelSide): ChannelAxis {
  const operation = weighted(layer);
  switch (operation.kind) {
    case 'dense':
      return rowsOrColumns(layer, 'kernel', side === 'output' ? 'columns' : 'rows');
    case 'conv':
      if (side === 'input' && operation.groups > 1) return groupedInputs(layer, operation.groups);
      return rowsOrColumns(layer, 'kernel', side === 'output' ? 'columns' : 'rows');
    case 'convTranspose':
      return rowsOrColumns(layer, 'kernel', side === 'output' ? 'rows' : 'columns');
    case 'depthwiseConv': {
      if (side === 'input') return rowsOrColumns(layer, 'depthwiseKernel', 'rows');
      const { rows, columns } = layer.requireWeight('depthwiseKernel');
      return {
        weight: 'depthwiseKernel',
        channels: rows * columns,
        axis: 'pairs',
        channelOf: (row, column) => row * columns + column,
      };
    }
    case 'separableConv':
      return side === 'output'
        ? rowsOrColumns(layer, 'pointwiseKernel', 'columns')
        : rowsOrColumns(layer, 'depthwiseKernel', 'rows');
  }
}

function rowsOrColumns(layer: Layer, weight: WeightName, axis: 'rows' | 'columns'): ChannelAxis {
  const tensor = layer.requireWeight(weight);
  return { weight, channels: tensor[axis], axis, channelOf: axis === 'rows' ? byRow : byColumn };
}

function groupedInputs(layer: Layer, groups: number): ChannelAxis {
  const { rows, columns } = layer.requireWeight('kernel');
  const outputsPerGroup = columns / groups;
  return {
    weight: 'kernel',
    channels: rows * groups,
    axis: 'pairs',
    channelOf: (row, column) => Math.floor(column / outputsPerGroup) * rows + row,
  };
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
  return channelAxis(layer, side).channels;
}

/** `max |w|` of each channel, `[channels]`. SeparableConv: output of the pointwise, input of the depthwise kernel. */
export function channelRange(layer: Layer, side: ChannelSide): Float64Array {
  const { weight, channels, channelOf } = channelAxis(layer, side);
  return channelMaxAbs(layer.requireWeight(weight), channels, channelOf);
}

/** Multiplies the kernel by a factor for each channel; the bias is not touched. */
export function scaleKernel(layer: Layer, side: ChannelSide, factors: ArrayLike<number>): void {
  const { weight, axis, channelOf } = channelAxis(layer, side);
  const tensor = layer.requireWeight(weight);
  layer.setWeight(
    weight,
    tensor.scaled(axis, axis === 'pairs' ? expand(tensor, factors, channelOf) : factors),
  );
}

function expand(tensor: Tensor, factors: ArrayLike<number>, channelOf: ChannelOfPair): Float64Array {
  const { rows, columns } = tensor;
  const pairs = new Float64Array(rows * columns);
  for (let row = 0, pair = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, pair++)
      pairs[pair] = factors[channelOf(row, column)] ?? 1;
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
  const operation = weighted(layer);
  if (operation.kind === 'separableConv') {
    const depthwise = layer.requireWeight('depthwiseKernel');
    const { columns } = depthwise;
    const between = new Float64Array(depthwise.rows * columns);
    addConstantResponse(depthwise, input, byRow, (row, column) => row * columns + column, between);
    const response = new Float64Array(channelCount(layer, 'output'));
    addConstantResponse(layer.requireWeight('pointwiseKernel'), between, byRow, byColumn, response);
    return response;
  }
  const from = channelAxis(layer, 'input');
  const to = channelAxis(layer, 'output');
  const response = new Float64Array(to.channels);
  addConstantResponse(layer.requireWeight(from.weight), input, from.channelOf, to.channelOf, response);
  return response;
}

/** The first weight that is NaN or infinite, as `kernel, output channel 3`; undefined where all are finite. */
export function firstNonFiniteWeight(layer: Layer): string | undefined {
  for (const name of kernelNames(layer)) {
    const pair = firstNonFinitePair(layer.requireWeight(name));
    if (!pair) continue;
    const side = name === 'depthwiseKernel' ? 'input' : 'output';
    const axis = channelAxis(layer, side);
    const channel = axis.weight === name ? axis.channelOf(pair.row, pair.column) : pair.column;
    return `${name}, ${side} channel ${channel}`;
  }
  const bias = layer.weight('bias')?.toFloat64();
  const channel = bias?.findIndex((value) => !Number.isFinite(value)) ?? -1;
  return channel < 0 ? undefined : `bias, channel ${channel}`;
}
