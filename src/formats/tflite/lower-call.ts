/**
 * Which operators compute a call of a layer.
 *
 * @module
 */

import type { GraphCall } from '../../model/graph.ts';
import type { AxisPart, Operation, PoolOperation } from '../../model/operation.ts';
import { takenPlaces, WHOLE_AXIS } from '../../model/slices.ts';
import { codeOf, HIGHEST_CODE } from '../../quantization/integer/range-grid.ts';
import { lowerActivation } from './lower-activations.ts';
import { lowerFloatLayer } from './lower-float.ts';
import {
  imageOfOutput,
  lowerBatchNorm,
  lowerConvolution,
  lowerDense,
  lowerTransposed,
  twoOf,
  UNFUSED,
} from './lower-kernels.ts';
import { lowerConcatenation, lowerMerge } from './lower-merges.ts';
import type { Lowering } from './lowering.ts';
import { LEAVE_OUT, NoKernelError, refusal } from './no-kernel.ts';
import { PADDING } from './operators.ts';

/**
 * Adds the operators of a call.
 *
 * @throws UnsupportedModelError, with the layer and the way out, where there are none of int8.
 */
export function lowerCall(lowering: Lowering, call: GraphCall): void {
  const { operation } = call.layer;
  switch (operation.kind) {
    case 'conv':
    case 'depthwiseConv':
      lowerConvolution(lowering, call, operation);
      break;
    case 'convTranspose':
      lowerTransposed(lowering, call, operation);
      break;
    case 'dense':
      lowerDense(lowering, call, operation);
      break;
    case 'activation':
      lowerActivation(lowering, call, operation.activation);
      break;
    case 'pool':
      if (operation.global) lowerGlobalPool(lowering, call, operation);
      else lowerPool(lowering, call, operation);
      break;
    case 'zeroPadding':
    case 'cropping':
      lowerEdges(lowering, call, operation);
      break;
    case 'upSampling':
      lowerUpSampling(lowering, call, operation);
      break;
    case 'cap':
      lowerCap(lowering, call, operation);
      break;
    case 'flatten': {
      const last = lowering.channelsLast(lowering.inputOf(call), call.path, operation.dataFormat);
      lowerReshape(lowering, call, last);
      break;
    }
    case 'reshape':
      lowerReshape(lowering, call, lowering.inputOf(call));
      break;
    case 'permute':
      lowerPermute(lowering, call, operation.axes);
      break;
    case 'slice':
      lowerSlice(lowering, call, operation.parts);
      break;
    case 'merge':
      lowerMerge(lowering, call, operation.merge);
      break;
    case 'concatenate':
      lowerConcatenation(lowering, call, operation.axis);
      break;
    case 'identity':
      lowering.alias(call, lowering.inputOf(call));
      break;
    case 'input':
      // What feeds it is its value.
      break;
    case 'batchNorm':
      lowerBatchNorm(lowering, call, operation);
      break;
    case 'steps':
      throw refusal(
        call,
        'takes the steps of a sample for samples, and a .tflite file has a batch of 1; quantize the model inside',
      );
    case 'separableConv':
    case 'model':
      throw new TypeError(`${call.path}: an integerForm has no ${operation.kind}`);
    case 'rescaling':
    case 'opaque':
      lowerOpaque(lowering, call);
      break;
    default:
      // Whoever adds a kind of operation says here what computes it.
      operation satisfies never;
  }
}

function lowerPool(lowering: Lowering, call: GraphCall, operation: PoolOperation): void {
  const { maker } = lowering;
  const { reduce, strides, poolSize, padding, dataFormat } = operation;
  const input = lowering.image(call, operation);
  const [height, width] = twoOf(poolSize);
  const [strideHeight, strideWidth] = twoOf(strides);
  const shape = imageOfOutput(lowering, call, operation);
  lowering.emit(call, { shape, dataFormat }, (output) => {
    maker.operator(reduce === 'max' ? 'MAX_POOL_2D' : 'AVERAGE_POOL_2D', {
      layer: call.path,
      inputs: [input],
      output,
      version: 2,
      options: {
        padding: padding === 'same' ? PADDING.same : PADDING.valid,
        ...{ stride_w: strideWidth, stride_h: strideHeight, filter_width: width, filter_height: height },
        ...UNFUSED,
      },
    });
  });
}

function lowerGlobalPool(lowering: Lowering, call: GraphCall, operation: PoolOperation): void {
  const { maker } = lowering;
  const { reduce, rank, dataFormat } = operation;
  const layer = call.path;
  if (reduce === 'max') {
    const input = lowering.image(call, operation);
    const [, height = 1, width = 1, channels = 1] = maker.tensor(input).shape;
    lowering.emit(call, { shape: [1, 1, 1, channels] }, (output) => {
      const size = { stride_w: 1, stride_h: 1, filter_width: width, filter_height: height };
      const options = { padding: PADDING.valid, ...size, ...UNFUSED };
      maker.operator('MAX_POOL_2D', { layer, inputs: [input], output, version: 2, options });
    });
    return;
  }
  const input = lowering.inputOf(call);
  const first = dataFormat === 'channels_first' ? 2 : 1;
  const axes = maker.numbers(Array.from({ length: rank }, (_, axis) => first + axis));
  lowering.emit(call, {}, (output) => {
    const options = { keep_dims: operation.keepDims ? 1 : 0 };
    maker.operator('MEAN', { layer, inputs: [input, axes], output, version: 2, options });
  });
}

type EdgesOperation = Operation & { readonly kind: 'zeroPadding' | 'cropping' };

function lowerEdges(lowering: Lowering, call: GraphCall, operation: EdgesOperation): void {
  const { maker } = lowering;
  const input = lowering.inputOf(call);
  const { shape } = maker.tensor(input);
  const sides = operation.kind === 'zeroPadding' ? operation.padding : operation.cropping;
  const first = operation.dataFormat === 'channels_first' ? 2 : 1;
  const sidesOf = (axis: number): readonly [number, number] => sides[axis - first] ?? [0, 0];
  const axes = [...shape.keys()];
  const layer = call.path;
  if (operation.kind === 'zeroPadding') {
    const paddings = maker.numbers(axes.flatMap(sidesOf), [shape.length, 2]);
    lowering.emit(call, {}, (output) => {
      maker.operator('PAD', { layer, inputs: [input, paddings], output, version: 2 });
    });
    return;
  }
  const begin = maker.numbers(axes.map((axis) => sidesOf(axis)[0]));
  const end = maker.numbers(axes.map((axis) => (shape[axis] ?? 1) - sidesOf(axis)[1]));
  const strides = maker.numbers(axes.map(() => 1));
  lowering.emit(call, {}, (output) => {
    maker.operator('STRIDED_SLICE', { layer, inputs: [input, begin, end, strides], output, version: 2 });
  });
}

type UpSamplingOperation = Operation & { readonly kind: 'upSampling' };

function lowerUpSampling(lowering: Lowering, call: GraphCall, operation: UpSamplingOperation): void {
  const { maker } = lowering;
  const { interpolation, dataFormat, size } = operation;
  const isBilinear = interpolation === 'bilinear';
  if (!isBilinear && interpolation !== 'nearest') {
    throw new NoKernelError(
      call,
      `no ${lowering.kernel} interpolates ${interpolation}; take nearest or bilinear, or`,
    );
  }
  const input = lowering.image(call, { rank: size.length, dataFormat });
  const shape = imageOfOutput(lowering, call, operation);
  const sizes = maker.numbers(shape.slice(1, 3));
  lowering.emit(call, { shape, dataFormat }, (output) => {
    const parts = { layer: call.path, inputs: [input, sizes], output };
    if (isBilinear) {
      maker.operator('RESIZE_BILINEAR', { ...parts, version: 3, options: { half_pixel_centers: 1 } });
    } else maker.operator('RESIZE_NEAREST_NEIGHBOR', { ...parts, version: 2 });
  });
}

type CapOperation = Operation & { readonly kind: 'cap' };

function lowerCap(lowering: Lowering, call: GraphCall, { maxima, axis }: CapOperation): void {
  const { maker } = lowering;
  const input = lowering.inputOf(call);
  const grid = lowering.gridOf(call.output());
  if (grid && maxima.every((maximum) => codeOf(maximum, grid) === HIGHEST_CODE)) {
    // The end of the grid caps them.
    lowering.alias(call, input);
    return;
  }
  const shape = [maxima.length, ...Array<number>(-1 - axis).fill(1)];
  const caps = lowering.shared(`${call.path}/maxima`, () =>
    maker.constant(lowering.name(`${call.path}/maxima`), shape, grid, maxima),
  );
  lowering.emit(call, {}, (output) => {
    maker.operator('MINIMUM', { layer: call.path, inputs: [input, caps], output, version: 2 });
  });
}

function lowerReshape(lowering: Lowering, call: GraphCall, input: number): void {
  lowering.emit(call, {}, (output) => lowering.maker.reshape(input, call.path, output));
}

function lowerPermute(lowering: Lowering, call: GraphCall, axes: readonly number[]): void {
  const input = lowering.inputOf(call);
  lowering.emit(call, {}, (output) => lowering.maker.transpose(input, { layer: call.path, axes, output }));
}

/** A STRIDED_SLICE, and a RESHAPE behind it where indices took single places of axes. */
function lowerSlice(lowering: Lowering, call: GraphCall, parts: readonly AxisPart[]): void {
  const { maker } = lowering;
  const input = lowering.inputOf(call);
  const taken = maker.tensor(input).shape.map((size, axis) => takenPlaces(parts[axis] ?? WHOLE_AXIS, size));
  const shape = taken.map(({ count }) => count);
  if (shape.includes(0)) throw refusal(call, `leaves nothing of a tensor; ${LEAVE_OUT}`);
  const ends = taken.map(({ first, step, count }) => first + step * count);
  const begin = maker.numbers(taken.map(({ first }) => first));
  const end = maker.numbers(ends);
  const strides = maker.numbers(taken.map(({ step }) => step));
  // An end below 0 would be counted from behind; past the first place the mask says it.
  const mask = ends.reduce((bits, place, axis) => (place < 0 ? bits | (1 << axis) : bits), 0);
  lowering.emit(call, { shape }, (output) => {
    const inputs = [input, begin, end, strides];
    maker.operator('STRIDED_SLICE', {
      ...{ layer: call.path, inputs, output, version: 2 },
      options: mask === 0 ? {} : { end_mask: mask },
    });
  });
}

const RECURRENT = /^(Bidirectional|RNN|.*(LSTM|GRU|RNN).*)$/;

/** Layers whose operation nobody else needs to know. */
function lowerOpaque(lowering: Lowering, call: GraphCall): void {
  const { layer } = call;
  if (lowerFloatLayer(lowering, call)) return;
  throw new NoKernelError(
    call,
    RECURRENT.test(layer.className)
      ? 'recurrent layers have int8 kernels only with states that data has to tell'
      : `there is no ${lowering.kernel} for this layer`,
  );
}
