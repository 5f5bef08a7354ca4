/**
 * Convolutions and dense layers.
 *
 * @module
 */

import type { GraphCall } from '../../model/graph.ts';
import type {
  BatchNormOperation,
  ConvOperation,
  ConvTransposeOperation,
  DenseOperation,
  DepthwiseConvOperation,
} from '../../model/operation.ts';
import { elementsOf } from './graph.ts';
import { kernelOf, outputsFirst, transposed } from './kernel-constants.ts';
import { asImage, type Lowering } from './lowering.ts';
import { NoKernelError, refusal } from './no-kernel.ts';
import { FUSED, GROUPED_CONV, PADDING } from './operators.ts';

/** What the layers of this file are. */
type SlidingOperation = ConvOperation | DepthwiseConvOperation;

/** Lowers a Conv or DepthwiseConv of one or two dimensions. */
export function lowerConvolution(lowering: Lowering, call: GraphCall, operation: SlidingOperation): void {
  const { maker } = lowering;
  const { layer, path } = call;
  const { strides, dilationRate, kernelSize, dataFormat, padding } = operation;
  if (operation.kind === 'conv' && operation.rank === 3) {
    lowerVolume(lowering, call, operation);
    return;
  }
  let input = lowering.image(call, operation);
  if (padding === 'causal') input = paddedBefore(lowering, call, input, operation);
  const isDepthwise = operation.kind === 'depthwiseConv';
  const isGrouped = !isDepthwise && operation.groups > 1;
  const [height, width] = twoOf(kernelSize);
  const kernel = isDepthwise
    ? kernelOf(lowering, layer, {
        weight: 'depthwiseKernel',
        shape: (size, outputs) => [1, height, width, outputs ?? size],
        dimension: 3,
        arrange: (values) => values,
      })
    : kernelOf(lowering, layer, {
        weight: 'kernel',
        shape: (size, outputs) => [outputs, height, width, size / (outputs * height * width)],
        dimension: 0,
        arrange: transposed,
      });
  const [strideHeight, strideWidth] = twoOf(strides);
  const [dilationHeight, dilationWidth] = twoOf(dilationRate);
  const multiplier = isDepthwise ? { depth_multiplier: operation.depthMultiplier } : {};
  lowering.emit(
    call,
    { shape: imageOfOutput(lowering, call, operation), fuses: true, dataFormat },
    (output, fused) => {
      maker.operator(isDepthwise ? 'DEPTHWISE_CONV_2D' : 'CONV_2D', {
        layer: path,
        inputs: [input, kernel.weights, kernel.bias],
        output,
        version: isGrouped ? GROUPED_CONV : 3,
        options: {
          padding: padding === 'same' ? PADDING.same : PADDING.valid,
          ...{ stride_w: strideWidth, stride_h: strideHeight, ...multiplier },
          ...{ fused_activation_function: fused },
          ...{ dilation_w_factor: dilationWidth, dilation_h_factor: dilationHeight },
        },
      });
    },
  );
}

/** Lowers a Conv3D, of which there is a kernel in float alone. */
function lowerVolume(lowering: Lowering, call: GraphCall, operation: ConvOperation): void {
  const { maker } = lowering;
  const { strides, dilationRate, kernelSize, dataFormat, padding, groups } = operation;
  if (!lowering.isFloat || groups > 1) {
    throw new NoKernelError(
      call,
      `there is no ${lowering.kernel} in three dimensions${groups > 1 ? ' with groups' : ''}`,
    );
  }
  const input = lowering.channelsLast(lowering.inputOf(call), call.path, dataFormat);
  const kernel = kernelOf(lowering, call.layer, {
    weight: 'kernel',
    shape: (size, outputs) => [...kernelSize, size / (elementsOf(kernelSize) * outputs), outputs],
    dimension: 4,
    arrange: (values) => values,
  });
  const written = lowering.shapeOf(call.output());
  const shape = dataFormat === 'channels_first' ? [1, ...written.slice(2), written[1] ?? 1] : written;
  const [strideDepth = 1, ...stride] = strides;
  const [dilationDepth = 1, ...dilation] = dilationRate;
  const [[strideHeight, strideWidth], [dilationHeight, dilationWidth]] = [twoOf(stride), twoOf(dilation)];
  lowering.emit(call, { shape, fuses: true, dataFormat }, (output, fused) => {
    maker.operator('CONV_3D', {
      layer: call.path,
      inputs: [input, kernel.weights, kernel.bias],
      output,
      options: {
        padding: padding === 'same' ? PADDING.same : PADDING.valid,
        ...{ stride_d: strideDepth, stride_w: strideWidth, stride_h: strideHeight },
        ...{ fused_activation_function: fused, dilation_d_factor: dilationDepth },
        ...{ dilation_w_factor: dilationWidth, dilation_h_factor: dilationHeight },
      },
    });
  });
}

/** Lowers a Conv…Transpose of one or two dimensions. */
export function lowerTransposed(
  lowering: Lowering,
  call: GraphCall,
  operation: ConvTransposeOperation,
): void {
  const { maker } = lowering;
  const { strides, dilationRate, kernelSize, dataFormat, padding } = operation;
  if (dilationRate.some((rate) => rate !== 1)) {
    throw refusal(call, 'TRANSPOSE_CONV has no dilation; give it a kernel with zeros between its weights');
  }
  const input = lowering.image(call, operation);
  const [height, width] = twoOf(kernelSize);
  const kernel = kernelOf(lowering, call.layer, {
    weight: 'kernel',
    shape: (size, outputs) => [outputs, height, width, size / (outputs * height * width)],
    dimension: 0,
    arrange: (values, outputs) => outputsFirst(values, height * width, outputs),
  });
  const shape = imageOfOutput(lowering, call, operation);
  const [strideHeight, strideWidth] = twoOf(strides);
  lowering.emit(call, { shape, dataFormat }, (output) => {
    maker.operator('TRANSPOSE_CONV', {
      layer: call.path,
      inputs: [maker.numbers(shape), kernel.weights, input, kernel.bias],
      output,
      version: 3,
      options: {
        padding: padding === 'same' ? PADDING.same : PADDING.valid,
        ...{ stride_w: strideWidth, stride_h: strideHeight },
      },
    });
  });
}

/** Lowers a Dense layer, which works on the last axis. */
export function lowerDense(lowering: Lowering, call: GraphCall, { units }: DenseOperation): void {
  const { maker } = lowering;
  const read = lowering.inputOf(call);
  const channels = maker.tensor(read).shape.at(-1) ?? 1;
  const rows = maker.elements(read) / channels;
  const input = maker.reshaped(read, call.path, [rows, channels]);
  const kernel = kernelOf(lowering, call.layer, {
    weight: 'kernel',
    shape: (size, outputs) => [outputs, size / outputs],
    dimension: 0,
    arrange: transposed,
  });
  lowering.emit(call, { shape: [rows, units], fuses: true }, (output, fused) => {
    maker.operator('FULLY_CONNECTED', {
      layer: call.path,
      inputs: [input, kernel.weights, kernel.bias],
      output,
      version: 4,
      options: { fused_activation_function: fused },
    });
  });
}

/** Lowers a BatchNormalization on the axis of its channels: a depthwise kernel of one weight a channel. */
export function lowerBatchNorm(lowering: Lowering, call: GraphCall, { axes }: BatchNormOperation): void {
  const { maker } = lowering;
  const rank = lowering.shapeOf(call.output()).length;
  const [axis = -1, second] = axes.map((one) => (one < 0 ? one + rank : one));
  const isLast = axis === rank - 1;
  if (second !== undefined || (!isLast && axis !== 1)) {
    throw refusal(
      call,
      `normalizes the axes ${axes.join(', ')}, and its int8 kernel the first or the last behind the batch`,
    );
  }
  const dataFormat = isLast ? 'channels_last' : 'channels_first';
  const read = lowering.channelsLast(lowering.inputOf(call), call.path, dataFormat);
  const channels = maker.tensor(read).shape.at(-1) ?? 1;
  const shape = rank === 4 ? maker.tensor(read).shape : [1, 1, maker.elements(read) / channels, channels];
  const input = maker.reshaped(read, call.path, shape);
  const kernel = kernelOf(lowering, call.layer, {
    weight: 'gamma',
    shape: () => [1, 1, 1, channels],
    dimension: 3,
    arrange: (values) => values,
  });
  lowering.emit(call, { shape, fuses: true, dataFormat }, (output, fused) => {
    maker.operator('DEPTHWISE_CONV_2D', {
      layer: call.path,
      inputs: [input, kernel.weights, kernel.bias],
      output,
      version: 3,
      options: {
        ...{ padding: PADDING.valid, stride_w: 1, stride_h: 1, depth_multiplier: 1 },
        fused_activation_function: fused,
      },
    });
  });
}

/** Zeros before a sequence, so that no output sees what comes after it. */
function paddedBefore(
  lowering: Lowering,
  { path }: GraphCall,
  input: number,
  { kernelSize, dilationRate }: SlidingOperation,
): number {
  const { maker } = lowering;
  const before = ((kernelSize.at(-1) ?? 1) - 1) * (dilationRate.at(-1) ?? 1);
  if (before === 0) return input;
  const { shape, name } = maker.tensor(input);
  const [, height = 1, width = 1, channels = 1] = shape;
  const output = maker.like(input, lowering.name(`${name};causal`), [1, height, width + before, channels]);
  const paddings = maker.numbers([0, 0, 0, 0, before, 0, 0, 0], [4, 2]);
  return maker.operator('PAD', { layer: path, inputs: [input, paddings], output, version: 2 });
}

/** The shape of what a call writes, as an image with channels last. */
export function imageOfOutput(
  lowering: Lowering,
  call: GraphCall,
  { dataFormat }: Pick<SlidingOperation, 'dataFormat'>,
): number[] {
  const shape = lowering.shapeOf(call.output());
  const last = dataFormat === 'channels_first' ? [1, ...shape.slice(2), shape[1] ?? 1] : shape;
  return asImage(last);
}

/** A size of one dimension is that of the width. */
export function twoOf(sizes: readonly number[]): readonly [height: number, width: number] {
  const [first = 1, second] = sizes;
  return second === undefined ? [1, first] : [first, second];
}

/** No activation. */
export const UNFUSED: { readonly fused_activation_function: number } = {
  fused_activation_function: FUSED.none,
};
