/**
 * Where the channels of the tensors of a graph lie.
 *
 * Axes are counted from the end: so they are the same for a tensor whose rank is not known, and for tensors of other ranks
 * that are merged with it.
 *
 * @module
 */

import type { GraphCall, GraphTensor } from './graph.ts';
import { axisOfFormat, type Operation } from './operation.ts';
import { channelsBehindReshape, movedAxis } from './reshaped-channels.ts';
import { keepsShape } from './shapes.ts';

/**
 * Fills in `channelAxis` of all tensors: forward from the layers that say it, then back from those that read what nobody has
 * told yet, then on from there.
 *
 * @param calls each after those it reads from, with their shapes
 */
export function findChannelAxes(calls: readonly GraphCall[], inputs: readonly GraphTensor[]): void {
  const goForward = (): void => {
    for (const call of calls) call.output().channelAxis ??= writtenAxis(call);
  };
  goForward();
  for (const { outputs } of calls.toReversed()) {
    for (const tensor of outputs) tensor.channelAxis ??= axisForReaders(tensor);
  }
  for (const tensor of inputs) tensor.channelAxis ??= axisForReaders(tensor);
  goForward();
}

/**
 * Whether the channels of what the call reads first lie on the axis on which its layer takes them to be; true of a layer that
 * has none of its own.
 */
export function readsChannels(call: GraphCall): boolean {
  const axis = channelAxisOf(call);
  return axis === 'any' || (axis !== undefined && axis === call.inputs[0]?.channelAxis);
}

/** The axis from the end of one as Keras counts it; undefined where the rank would have to tell, or there is no such axis. */
export function axisFromEnd(axis: number, rank: number | undefined): number | undefined {
  if (rank === undefined) return axis < 0 ? axis : undefined;
  const counted = axis < 0 ? axis : axis - rank;
  return counted < 0 && counted > -rank ? counted : undefined;
}

/**
 * The axis on which the layer of a call takes the channels of what it reads first to be, counted from the end; `any` where it
 * has none of its own. Undefined for a batch norm on several axes, or on one that the rank would have to tell.
 */
export function channelAxisOf({ layer, inputs }: GraphCall): number | 'any' | undefined {
  const { operation } = layer;
  switch (operation.kind) {
    case 'dense':
      return -1;
    case 'cap':
      return operation.axis;
    case 'conv':
    case 'convTranspose':
    case 'depthwiseConv':
    case 'separableConv':
    case 'pool':
      return axisOfFormat(operation.dataFormat, operation.rank);
    case 'zeroPadding':
      return axisOfFormat(operation.dataFormat, operation.padding.length);
    case 'cropping':
      return axisOfFormat(operation.dataFormat, operation.cropping.length);
    case 'upSampling':
      return axisOfFormat(operation.dataFormat, operation.size.length);
    case 'batchNorm': {
      const [axis, ...others] = operation.axes;
      return axis === undefined || others.length > 0
        ? undefined
        : axisFromEnd(axis, inputs[0]?.shape?.length);
    }
    case 'activation':
    case 'identity':
    case 'flatten':
    case 'reshape':
    case 'permute':
    case 'slice':
    case 'rescaling':
    case 'merge':
    case 'concatenate':
    case 'steps':
    case 'input':
    case 'model':
    case 'opaque':
      return 'any';
  }
}

/** A number for each channel that a call reads, from those along its last axis; undefined where they do not tell. */
export function channelNumbers(
  { inputs }: GraphCall,
  numbers: readonly number[],
  channels: number,
): Float64Array | undefined {
  const [first = 0] = numbers;
  if (numbers.length === 1) return new Float64Array(channels).fill(first);
  const isAlong = inputs[0]?.channelAxis === -1 && numbers.length === channels;
  return isAlong ? Float64Array.from(numbers) : undefined;
}

/** The axis of the channels of the first output, as far as the layer and what it reads tell. */
function writtenAxis(call: GraphCall): number | undefined {
  switch (passageOf(call)) {
    case 'own':
      return toldAxis(call);
    case 'kept':
      return commonAxis(call.inputs) ?? toldAxis(call);
    case 'without positions':
      return readsChannels(call) ? -1 : undefined;
    case 'reshaped':
      return channelsBehindReshape(call)?.axis;
    case 'lost':
      return undefined;
  }
}

/** How the channels behind a call lie to those before it. */
function passageOf({ layer }: GraphCall): 'own' | 'kept' | 'without positions' | 'reshaped' | 'lost' {
  const { operation } = layer;
  switch (operation.kind) {
    case 'dense':
    case 'conv':
    case 'convTranspose':
    case 'depthwiseConv':
    case 'separableConv':
      return 'own';
    case 'pool':
      return operation.global && !operation.keepDims ? 'without positions' : 'kept';
    case 'zeroPadding':
    case 'cropping':
    case 'upSampling':
    case 'batchNorm':
    case 'activation':
    case 'identity':
    case 'cap':
    case 'rescaling':
    case 'merge':
    case 'concatenate':
    case 'steps':
      return 'kept';
    case 'flatten':
    case 'reshape':
    case 'permute':
    case 'slice':
      return 'reshaped';
    case 'opaque':
      return keepsShape(layer) ? 'kept' : 'lost';
    case 'input':
    case 'model':
      return 'lost';
  }
}

/** The one of all tensors that have one. */
function commonAxis(tensors: readonly GraphTensor[]): number | undefined {
  let common: number | undefined;
  for (const { channelAxis } of tensors) {
    if (common !== undefined && channelAxis !== undefined && channelAxis !== common) return undefined;
    common ??= channelAxis;
  }
  return common;
}

/** Where those that read a tensor have its channels; `[batch, channels]` has no other place for them. */
function axisForReaders(tensor: GraphTensor): number | undefined {
  for (const call of tensor.consumers) {
    const axis = toldAxis(call) ?? axisFromBehind(call);
    if (axis !== undefined) return axis;
  }
  return tensor.shape?.length === 2 ? -1 : undefined;
}

function axisFromBehind(call: GraphCall): number | undefined {
  const { operation } = call.layer;
  const { channelAxis, shape } = call.output();
  const before = call.inputs[0]?.shape;
  switch (passageOf(call)) {
    case 'kept':
      return channelAxis;
    case 'reshaped':
      if (operation.kind === 'permute' || operation.kind === 'slice')
        return axisBeforeMove(operation, channelAxis, before?.length);
      if (operation.kind === 'flatten')
        return operation.dataFormat === 'channels_last' ? -1 : before && 1 - before.length;
      // A last dimension that stays is taken for the channels.
      return (channelAxis ?? -1) === -1 && before?.at(-1) && before.at(-1) === shape?.at(-1) ? -1 : undefined;
    case 'own':
    case 'without positions':
    case 'lost':
      return undefined;
  }
}

/** Which axis before it comes to lie on the one that the channels have behind it. */
function axisBeforeMove(operation: Operation, behind: number | undefined, rank = 0): number | undefined {
  const axes = Array.from({ length: Math.max(0, rank - 1) }, (_, index) => -1 - index);
  return axes.find((axis) => behind !== undefined && movedAxis(operation, axis, rank) === behind);
}

function toldAxis(call: GraphCall): number | undefined {
  const axis = channelAxisOf(call);
  return axis === 'any' ? undefined : axis;
}
