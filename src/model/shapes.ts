/**
 * Shapes of the tensors of a graph, from the shapes of its inputs.
 *
 * @module
 */

import { channelCount } from './channels.ts';
import type { Graph, GraphCall } from './graph.ts';
import type { Layer } from './layer.ts';
import type { DataFormat, Operation, Padding, Shape } from './operation.ts';

type Dimension = number | null;

/** Fills in `tensor.shape` wherever it can be inferred; what a file gives is taken as it is. */
export function inferShapes(graph: Graph): void {
  for (const call of graph.calls) {
    const output = call.output();
    output.shape ??= outputShape(call);
  }
}

function outputShape(call: GraphCall): Shape | undefined {
  const { operation } = call.layer;
  const input = call.inputs[0]?.shape;
  switch (operation.kind) {
    case 'input':
      return operation.shape;
    case 'merge':
      return broadcast(call.inputs.map((tensor) => tensor.shape));
    case 'concatenate':
      return concatenated(
        call.inputs.map((tensor) => tensor.shape),
        operation.axis,
      );
    case 'opaque':
      return keepsShape(call.layer) ? input : undefined;
    case 'model':
      return undefined;
    default:
      return input === undefined ? undefined : fromOne(call, operation, input);
  }
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

function keepsShape({ className, origin }: Layer): boolean {
  const registered = origin?.config['registered_name'];
  // `package>Class` is a class of somebody's own.
  const isOwn =
    typeof registered === 'string' && registered.includes('>') && !registered.startsWith('Keras>');
  return !isOwn && SHAPE_KEEPING.has(className);
}

function fromOne(call: GraphCall, operation: Operation, input: Shape): Shape | undefined {
  switch (operation.kind) {
    case 'dense':
      return [...input.slice(0, -1), operation.units];
    case 'conv':
    case 'depthwiseConv':
    case 'separableConv':
    case 'convTranspose': {
      if (input.length !== operation.rank + 2) return undefined;
      const size = (dimension: Dimension, axis: number): Dimension => {
        const kernel = operation.kernelSize[axis] ?? 1;
        const stride = operation.strides[axis] ?? 1;
        const dilation = operation.dilationRate[axis] ?? 1;
        return operation.kind === 'convTranspose'
          ? transposedSize(
              dimension,
              kernel,
              stride,
              dilation,
              operation.padding,
              operation.outputPadding?.[axis],
            )
          : slidingSize(dimension, kernel, stride, dilation, operation.padding);
      };
      return mapSpatial(input, operation.dataFormat, size, channelCount(call.layer, 'output'));
    }
    case 'pool':
      if (input.length !== operation.rank + 2) return undefined;
      if (operation.global) return globalPool(input, operation.dataFormat, operation.keepDims);
      return mapSpatial(input, operation.dataFormat, (dimension, axis) =>
        slidingSize(
          dimension,
          operation.poolSize[axis] ?? 1,
          operation.strides[axis] ?? 1,
          1,
          operation.padding,
        ),
      );
    case 'zeroPadding':
      return mapSpatial(input, operation.dataFormat, (dimension, axis) => {
        const [before, after] = operation.padding[axis] ?? [0, 0];
        return dimension === null ? null : dimension + before + after;
      });
    case 'cropping':
      return mapSpatial(input, operation.dataFormat, (dimension, axis) => {
        const [before, after] = operation.cropping[axis] ?? [0, 0];
        return dimension === null ? null : dimension - before - after;
      });
    case 'upSampling':
      return mapSpatial(input, operation.dataFormat, (dimension, axis) =>
        dimension === null ? null : dimension * (operation.size[axis] ?? 1),
      );
    case 'flatten':
      return [input[0] ?? null, product(input.slice(1))];
    case 'reshape':
      return reshaped(input, operation.targetShape);
    case 'batchNorm':
    case 'activation':
    case 'identity':
      return input;
    default:
      return undefined;
  }
}

function mapSpatial(
  input: Shape,
  dataFormat: DataFormat,
  size: (dimension: Dimension, axis: number) => Dimension,
  channels?: number,
): Shape {
  const first = dataFormat === 'channels_first' ? 2 : 1;
  const channelAxis = dataFormat === 'channels_first' ? 1 : input.length - 1;
  return input.map((dimension, axis) => {
    if (axis === 0) return dimension;
    if (axis === channelAxis) return channels ?? dimension;
    return size(dimension, axis - first);
  });
}

function slidingSize(
  dimension: Dimension,
  kernel: number,
  stride: number,
  dilation: number,
  padding: Padding,
): Dimension {
  if (dimension === null) return null;
  if (padding !== 'valid') return Math.ceil(dimension / stride);
  return Math.floor((dimension - (kernel - 1) * dilation - 1) / stride) + 1;
}

function transposedSize(
  dimension: Dimension,
  kernel: number,
  stride: number,
  dilation: number,
  padding: Padding,
  outputPadding: number | undefined,
): Dimension {
  if (dimension === null) return null;
  const reach = (kernel - 1) * dilation + 1;
  if (outputPadding !== undefined) {
    const padded = padding === 'same' ? 2 * Math.floor(reach / 2) : 0;
    return (dimension - 1) * stride + reach - padded + outputPadding;
  }
  return padding === 'same' ? dimension * stride : dimension * stride + Math.max(reach - stride, 0);
}

function globalPool(input: Shape, dataFormat: DataFormat, keepDims: boolean): Shape {
  const channelAxis = dataFormat === 'channels_first' ? 1 : input.length - 1;
  if (keepDims) return input.map((dimension, axis) => (axis === 0 || axis === channelAxis ? dimension : 1));
  return [input[0] ?? null, input[channelAxis] ?? null];
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
    ...target.map((one) => (one >= 0 ? one : total === null || known === 0 ? null : total / known)),
  ];
}

function broadcast(shapes: readonly (Shape | undefined)[]): Shape | undefined {
  const known = shapes.filter((shape) => shape !== undefined);
  const longest = known.reduce<Shape>((best, shape) => (shape.length > best.length ? shape : best), []);
  if (known.length < shapes.length || known.length === 0) return undefined;
  return longest.map((_, axis) => {
    const sizes = known.map((shape) => shape[axis - longest.length + shape.length] ?? 1);
    return sizes.find((size) => size !== 1 && size !== null) ?? sizes.find((size) => size === null) ?? 1;
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
