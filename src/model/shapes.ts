/**
 * Shapes of the tensors of a graph, from the shapes of its inputs.
 *
 * @module
 */

import type { GraphCall, GraphTensor } from './graph.ts';
import { isCustomClass, type Layer } from './layer.ts';
import {
  axisOfFormat,
  type ConvolutionOperation,
  type DataFormat,
  type DepthwiseConvOperation,
  type Operation,
  type Padding,
  type PoolOperation,
  type Shape,
} from './operation.ts';
import { slicedShape } from './slices.ts';

type Dimension = number | null;

/** The shape of the first output of a call, from those of what it reads; undefined where its rank is not known. */
export function outputShape(call: GraphCall): Shape | undefined {
  const { layer, inputs } = call;
  const { operation } = layer;
  const input = inputs[0]?.shape;
  switch (operation.kind) {
    case 'input':
      return operation.shape;
    case 'conv':
    case 'convTranspose':
    case 'depthwiseConv':
    case 'separableConv':
      return convolved(layer, operation, input);
    case 'dense':
      return input && [...input.slice(0, -1), operation.units];
    case 'pool':
      return input && pooled(operation, input);
    case 'zeroPadding':
      return (
        input && resized(input, operation, operation.padding, (size, [first, last]) => size + first + last)
      );
    case 'cropping':
      return (
        input &&
        resized(input, operation, operation.cropping, (size, [first, last]) =>
          Math.max(0, size - first - last),
        )
      );
    case 'upSampling':
      return input && resized(input, operation, operation.size, (size, factor) => size * factor);
    case 'flatten':
      return input && [input[0] ?? null, product(input.slice(1))];
    case 'reshape':
      return input && reshaped(input, operation.targetShape);
    case 'batchNorm':
    case 'activation':
    case 'identity':
    case 'cap':
    case 'rescaling':
      return input;
    case 'permute':
      return operation.axes.length === input?.length
        ? operation.axes.map((axis) => input?.[axis] ?? null)
        : undefined;
    case 'slice':
      return input && slicedShape(input, operation.parts);
    case 'merge':
      return call.constants.every((one) => typeof one === 'number') ? broadcast(shapesOf(inputs)) : undefined;
    case 'concatenate':
      return call.constants.length > 0 ? undefined : concatenated(shapesOf(inputs), operation.axis);
    case 'steps':
      return stepsShape(call, operation.isExit);
    case 'opaque':
      if (isEmbedding(layer)) return embedded(layer, input);
      return keepsShape(layer) ? input : undefined;
    case 'model':
      return undefined;
  }
}

/** The exit of a TimeDistributed has as many steps as went in. */
function stepsShape({ stepsFrom, inputs: [read] }: GraphCall, isExit: boolean): Shape | undefined {
  if (!read?.shape) return undefined;
  const [batch = null, ...rest] = read.shape;
  return isExit ? [batch, stepsFrom?.shape?.[1] ?? null, ...rest] : [null, ...rest.slice(1)];
}

function shapesOf(tensors: readonly GraphTensor[]): (Shape | undefined)[] {
  return tensors.map(({ shape }) => shape);
}

/** Classes of Keras whose operation nobody here needs to know, but whose output has the shape of their input. */
const SHAPE_KEEPING: ReadonlySet<string> = new Set([
  'GroupNormalization',
  'LayerNormalization',
  'Masking',
  'Normalization',
  'Rescaling',
  'UnitNormalization',
]);

/** Whether an opaque layer has an output of the shape of its input, each element in its place. */
export function keepsShape({ className, origin }: Layer): boolean {
  return SHAPE_KEEPING.has(className) && !isCustomClass(origin?.config);
}

/** Whether an opaque layer looks up rows of a table. */
function isEmbedding({ className, origin }: Layer): boolean {
  return className === 'Embedding' && !isCustomClass(origin?.config);
}

function embedded({ readConfig }: Layer, input: Shape | undefined): Shape | undefined {
  const size = readConfig['output_dim'];
  return input && typeof size === 'number' ? [...input, size] : undefined;
}

/**
 * Keras takes more dimensions than a convolution needs as further batches. Where nothing tells how many there are, it is
 * taken to have one.
 */
function convolved(
  layer: Layer,
  operation: ConvolutionOperation,
  input: Shape = Array<null>(operation.rank + 2).fill(null),
): Shape | undefined {
  const { rank, kernelSize, strides, dilationRate, padding, dataFormat } = operation;
  if (input.length < rank + 2) return undefined;
  const channels =
    operation.kind === 'depthwiseConv'
      ? depthwiseChannels(layer, operation, input.at(axisOfFormat(dataFormat, rank)) ?? null)
      : operation.filters;
  return mapSpatial(input, { dataFormat, rank, channels }, (dimension, axis) => {
    const window = {
      kernel: kernelSize[axis] ?? 1,
      stride: strides[axis] ?? 1,
      dilation: dilationRate[axis] ?? 1,
      padding,
    };
    return operation.kind === 'convTranspose'
      ? transposedSize(dimension, window, operation.outputPadding?.[axis])
      : slidingSize(dimension, window);
  });
}

/** Why `operation` makes nothing of an input of `shape`; undefined where it makes something, and where that is not known. */
export function emptyOutputReason(operation: Operation, shape: Shape | undefined): string | undefined {
  switch (operation.kind) {
    case 'cropping': {
      const { dataFormat, cropping } = operation;
      const sizes = spatialSizes(shape, { dataFormat, rank: cropping.length });
      return firstReason(sizes, (size, axis) => {
        const [first, last] = cropping[axis] ?? [0, 0];
        return first + last >= size
          ? `croppings of ${first} and ${last} on ${size} leave no output`
          : undefined;
      });
    }
    case 'conv':
    case 'depthwiseConv':
    case 'separableConv':
    case 'pool': {
      if (operation.padding !== 'valid') return undefined;
      return firstReason(spatialSizes(shape, operation), (size, axis) => {
        const window =
          operation.kind === 'pool'
            ? (operation.poolSize[axis] ?? 1)
            : ((operation.kernelSize[axis] ?? 1) - 1) * (operation.dilationRate[axis] ?? 1) + 1;
        return window > size ? `a window of ${window} on ${size} leaves no output` : undefined;
      });
    }
    default:
      return undefined;
  }
}

/** The first reason that one of the known sizes gives. */
function firstReason(
  sizes: Shape = [],
  reasonFor: (size: number, axis: number) => string | undefined,
): string | undefined {
  return sizes
    .map((size, axis) => (size === null ? undefined : reasonFor(size, axis)))
    .find((reason) => reason !== undefined);
}

function depthwiseChannels(
  layer: Layer,
  { depthMultiplier }: DepthwiseConvOperation,
  read: Dimension,
): Dimension {
  const channels = read ?? layer.weight('depthwiseKernel')?.shape.at(-2) ?? null;
  return channels === null ? null : channels * depthMultiplier;
}

function pooled(operation: PoolOperation, input: Shape): Shape | undefined {
  const { rank, dataFormat, global, keepDims, poolSize, strides, padding } = operation;
  if (input.length !== rank + 2) return undefined;
  if (global && !keepDims) return [input[0] ?? null, input.at(axisOfFormat(dataFormat, rank)) ?? null];
  return mapSpatial(input, { dataFormat, rank }, (dimension, axis) => {
    if (global) return 1;
    return slidingSize(dimension, {
      kernel: poolSize[axis] ?? 1,
      stride: strides[axis] ?? 1,
      dilation: 1,
      padding,
    });
  });
}

/** The sizes of the spatial dimensions that a layer with that layout sees; undefined where the shape is not known. */
export function spatialSizes(
  shape: Shape | undefined,
  { dataFormat, rank }: { readonly dataFormat: DataFormat; readonly rank: number },
): Shape | undefined {
  return dataFormat === 'channels_first' ? shape?.slice(-rank) : shape?.slice(-1 - rank, -1);
}

/** With a change for each spatial dimension of known size. */
function resized<Change>(
  input: Shape,
  { dataFormat }: { readonly dataFormat: DataFormat },
  changes: readonly Change[],
  size: (dimension: number, change: Change) => number,
): Shape | undefined {
  const rank = changes.length;
  if (input.length !== rank + 2) return undefined;
  return mapSpatial(input, { dataFormat, rank }, (dimension, axis) =>
    dimension === null ? null : size(dimension, changes[axis] as Change),
  );
}

function mapSpatial(
  input: Shape,
  { dataFormat, rank, channels }: { dataFormat: DataFormat; rank: number; channels?: Dimension },
  size: (dimension: Dimension, axis: number) => Dimension,
): Shape {
  const channelAxis = input.length + axisOfFormat(dataFormat, rank);
  const first = dataFormat === 'channels_first' ? channelAxis + 1 : channelAxis - rank;
  return input.map((dimension, axis) => {
    if (axis === channelAxis) return channels === undefined ? dimension : channels;
    return axis >= first && axis < first + rank ? size(dimension, axis - first) : dimension;
  });
}

/** One spatial dimension of a kernel or a pool. */
interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padding: Padding;
}

function slidingSize(dimension: Dimension, { kernel, stride, dilation, padding }: Window): Dimension {
  if (dimension === null) return null;
  if (padding !== 'valid') return Math.ceil(dimension / stride);
  return Math.max(0, Math.floor((dimension - (kernel - 1) * dilation - 1) / stride) + 1);
}

function transposedSize(
  dimension: Dimension,
  { kernel, stride, dilation, padding }: Window,
  outputPadding: number | undefined,
): Dimension {
  if (dimension === null) return null;
  const reach = (kernel - 1) * dilation + 1;
  if (outputPadding !== undefined) {
    const padded = padding === 'same' ? 2 * Math.floor(reach / 2) : 0;
    return Math.max(0, (dimension - 1) * stride + reach - padded + outputPadding);
  }
  return padding === 'same' ? dimension * stride : dimension * stride + Math.max(reach - stride, 0);
}

function product(dimensions: Shape): Dimension {
  return dimensions.reduce<Dimension>(
    (total, one) => (total === null || one === null ? null : total * one),
    1,
  );
}

function reshaped(input: Shape, target: readonly number[]): Shape {
  const total = product(input.slice(1));
  const known = target.filter((one) => one >= 0).reduce((size, one) => size * one, 1);
  return [
    input[0] ?? null,
    ...target.map((one) => (one >= 0 ? one : total === null || total % known !== 0 ? null : total / known)),
  ];
}

/** Keras puts dimensions of 1 behind the batch of what has fewer. */
function broadcast(shapes: readonly (Shape | undefined)[]): Shape | undefined {
  const known = shapes.filter((shape) => shape !== undefined);
  const longest = known.reduce<Shape>((best, shape) => (shape.length > best.length ? shape : best), []);
  if (known.length < shapes.length || known.length === 0) return undefined;
  return longest.map((_, axis) => {
    const sizes = known.map((shape) =>
      axis === 0
        ? (shape[0] ?? null)
        : axis <= longest.length - shape.length
          ? 1
          : (shape[axis - longest.length + shape.length] ?? null),
    );
    return sizes.find((size) => size !== 1 && size !== null) ?? (sizes.includes(null) ? null : 1);
  });
}

function concatenated(shapes: readonly (Shape | undefined)[], axis: number): Shape | undefined {
  const [first] = shapes;
  if (first === undefined || shapes.some((shape) => shape?.length !== first.length)) return undefined;
  const along = axis < 0 ? axis + first.length : axis;
  return first.map((dimension, index) =>
    index === along ? sumOfSizes(shapes.map((shape) => shape?.[along] ?? null)) : dimension,
  );
}

/** The sum of sizes; null where one is not known. */
function sumOfSizes(sizes: readonly Dimension[]): Dimension {
  return sizes.reduce<Dimension>((total, one) => (total === null || one === null ? null : total + one), 0);
}
