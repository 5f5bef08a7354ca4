/**
 * The same network with its channels in another order: the outputs of a layer and the inputs of all that read them are moved
 * together, so that the function stays.
 *
 * @module
 */

import type { GraphCall } from '../../src/model/graph.ts';
import type { Layer } from '../../src/model/layer.ts';
import type { WeightName } from '../../src/model/layer-weights.ts';
import type { Model } from '../../src/model/model.ts';
import { isWeighted } from '../../src/model/operation.ts';
import { sizeOf } from '../../src/tensor/dtype.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { type ChannelSwaps, placesOf } from './channel-swaps.ts';

/** Moves the channels of a model. Edits `model`. */
export function swapChannels(model: Model, swaps: ChannelSwaps): void {
  const { layers, slopes } = placesOf(model);
  const from = (channels: Int32Array): Int32Array => sourcePlaces(channels, swaps);
  for (const { layer, inputs, between, outputs } of layers) {
    if (isWeighted(layer.operation)) {
      moveKernels(layer, from(inputs), between && from(between), from(outputs));
      moveVector(layer, 'bias', from(outputs));
    } else {
      for (const name of ['gamma', 'beta', 'movingMean', 'movingVariance'] as const)
        moveVector(layer, name, from(inputs));
    }
  }
  for (const { call, channels } of slopes) moveSlopes(call, from(channels));
}

/** For each place the one whose channel comes there; a class that has several goes there in order. */
function sourcePlaces(channels: Int32Array, swaps: ChannelSwaps): Int32Array {
  const places = new Map<number, number[]>();
  for (const [place, at] of channels.entries()) places.set(at, [...(places.get(at) ?? []), place]);
  return channels.map((at, place) => {
    const rank = (places.get(at) ?? []).indexOf(place);
    return places.get(swaps.get(at) ?? at)?.[rank] as number;
  });
}

function moveKernels(
  layer: Layer,
  inputs: Int32Array,
  between: Int32Array | undefined,
  outputs: Int32Array,
): void {
  const { operation } = layer;
  switch (operation.kind) {
    case 'dense':
      moveMatrix(layer, 'kernel', (row, column) => [inputs[row], outputs[column]]);
      break;
    case 'conv': {
      const { rows, columns } = layer.requireWeight('kernel');
      moveMatrix(layer, 'kernel', (row, column) => {
        const first = Math.floor((column * operation.groups) / columns) * rows;
        return [(inputs[first + row] as number) - first, outputs[column]];
      });
      break;
    }
    case 'convTranspose':
      moveMatrix(layer, 'kernel', (row, column) => [outputs[row], inputs[column]]);
      break;
    case 'depthwiseConv':
      moveMatrix(layer, 'depthwiseKernel', (row, column) => [inputs[row], column]);
      break;
    case 'separableConv':
      moveMatrix(layer, 'depthwiseKernel', (row, column) => [inputs[row], column]);
      moveMatrix(layer, 'pointwiseKernel', (row, column) => [between?.[row], outputs[column]]);
      break;
  }
}

/** `[..., rows, columns]`, each from the row and column that `from` says. */
function moveMatrix(
  layer: Layer,
  name: WeightName,
  from: (row: number, column: number) => readonly [number | undefined, number | undefined],
): void {
  const tensor = layer.requireWeight(name);
  const { rows, columns, shape } = tensor;
  const values = tensor.toFloat64();
  const moved = values.map((_, index) => {
    const pair = index % (rows * columns);
    const [row = NaN, column = NaN] = from(Math.floor(pair / columns), pair % columns);
    return values[index - pair + row * columns + column] as number;
  });
  layer.setWeight(name, Tensor.fromNumbers(tensor.dtype, shape, moved));
}

function moveVector(layer: Layer, name: WeightName, from: Int32Array): void {
  const tensor = layer.weight(name);
  if (!tensor) return;
  const values = tensor.toFloat64();
  const moved = Float64Array.from(from, (place) => values[place] as number);
  layer.setWeight(name, Tensor.fromNumbers(tensor.dtype, tensor.shape, moved));
}

/** Slopes of a PReLU, which are those of a channel, of a position, of both or of neither. */
function moveSlopes(call: GraphCall, from: Int32Array): void {
  const tensor = call.layer.requireWeight('alpha');
  const { shape } = tensor;
  const rank = shape.length + 1;
  const axis = (call.output().channelAxis ?? -1) + rank;
  if (shape[axis - 1] === 1) return;
  const inner = sizeOf(shape.slice(axis));
  const values = tensor.toFloat64();
  const moved = values.map((_, index) => {
    const place = Math.floor(index / inner) % from.length;
    return values[index + ((from[place] as number) - place) * inner] as number;
  });
  call.layer.setWeight('alpha', Tensor.fromNumbers(tensor.dtype, shape, moved));
}
