/**
 * Which operators compute a call of a layer.
 *
 * @module
 */

import type { GraphCall } from '../../model/graph.ts';
import type { Activation, MergeKind, Operation, PoolOperation } from '../../model/operation.ts';
import { isPermute, permutedAxes } from '../../model/shapes.ts';
import { trainingEffect } from '../../model/training.ts';
import { kernelKey } from '../../quantization/integer/integer-weights.ts';
import { codeOf, HIGHEST_CODE } from '../../quantization/integer/range-grid.ts';
import {
  imageOfOutput,
  lowerBatchNorm,
  lowerConvolution,
  lowerDense,
  lowerTransposed,
  twoOf,
  UNFUSED,
} from './lower-kernels.ts';
import { type Lowering, refusal } from './lowering.ts';
import { FUSED, type OperatorName, PADDING } from './operators.ts';

const IN_FLOAT = 'leave it out of the model that is quantized, and run it in float before or behind';

/**
 * Adds the operators of a call.
 *
 * @throws UnsupportedModelError, with the layer and the way out, where there are none of int8.
 */
export function lowerCall(lowering: Lowering, call: GraphCall): void {
  const effect = trainingEffect(call);
  if (effect) throw refusal(call, `is called in training mode (${effect}); call it in inference`);
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
    case 'separableConv':
    case 'model':
      throw new TypeError(`${call.path}: an integerForm has no ${operation.kind}`);
    case 'opaque':
      lowerOpaque(lowering, call);
      break;
    default:
      // Whoever adds a kind of operation says here what computes it.
      operation satisfies never;
  }
}

/** The kernels of functions, and whether their output may be on any grid. */
const FUNCTIONS: ReadonlyMap<string, OperatorName> = new Map([
  ['sigmoid', 'LOGISTIC'],
  ['tanh', 'TANH'],
  ['elu', 'ELU'],
  ['hard_swish', 'HARD_SWISH'],
  ['hard_silu', 'HARD_SWISH'],
  ['softmax', 'SOFTMAX'],
  ['Softmax', 'SOFTMAX'],
]);

/** The operator versions that know int8. */
const VERSIONS: ReadonlyMap<OperatorName, number> = new Map([
  ['LOGISTIC', 2],
  ['TANH', 2],
  ['SOFTMAX', 2],
]);

function lowerActivation(lowering: Lowering, call: GraphCall, activation: Activation): void {
  const { maker } = lowering;
  const { path: layer } = call;
  const input = lowering.inputOf(call);
  switch (activation.kind) {
    case 'linear':
      // On another grid.
      lowering.emit(call, {}, (output) => maker.operator('QUANTIZE', { layer, inputs: [input], output }));
      return;
    case 'prelu':
      lowerPrelu(lowering, call);
      return;
    case 'relu': {
      const { negativeSlope, threshold } = activation;
      if (threshold !== 0) {
        throw refusal(
          call,
          `no int8 kernel has a ReLU with the threshold ${threshold}; train with a plain ReLU, or ${IN_FLOAT}`,
        );
      }
      if (negativeSlope !== 0) {
        lowering.emitRelu(call, activation, { fuses: false }, (output) => {
          maker.operator('LEAKY_RELU', { layer, inputs: [input], output, options: { alpha: negativeSlope } });
        });
        return;
      }
      lowering.emitRelu(call, activation, { fuses: true }, (output, fused) => {
        maker.operator(fused === FUSED.relu6 ? 'RELU6' : 'RELU', {
          layer,
          inputs: [input],
          output,
          version: 2,
        });
      });
      return;
    }
    case 'other': {
      const op = FUNCTIONS.get(activation.name);
      if (!op) {
        throw refusal(
          call,
          `the activation ${activation.name} has no int8 kernel; train with one that has (relu, relu6, leaky_relu, elu, sigmoid, tanh, ` +
            `swish, hard_sigmoid, hard_swish), or ${IN_FLOAT}`,
        );
      }
      if (op === 'SOFTMAX') checkSoftmaxAxis(lowering, call);
      const options = op === 'SOFTMAX' ? { beta: 1 } : {};
      lowering.emit(call, {}, (output) => {
        maker.operator(op, { layer, inputs: [input], output, version: VERSIONS.get(op) ?? 1, options });
      });
      return;
    }
  }
}

function checkSoftmaxAxis(lowering: Lowering, call: GraphCall): void {
  const axis = call.layer.readConfig['axis'] ?? -1;
  const rank = lowering.shapeOf(call.output()).length;
  if (call.layer.className !== 'Softmax' || axis === -1 || axis === rank - 1) return;
  throw refusal(
    call,
    `is on axis ${JSON.stringify(axis)}, and SOFTMAX on the last; put a Permute before it, or ${IN_FLOAT}`,
  );
}

function lowerPrelu(lowering: Lowering, call: GraphCall): void {
  const { maker, plan } = lowering;
  const { layer, path } = call;
  const input = lowering.inputOf(call);
  const key = kernelKey(layer, 'alpha');
  const slopes = plan.kernels.get(key);
  if (!slopes) throw refusal(call, 'the plan has no codes for its slopes; make the plan anew');
  const alpha = lowering.shared(key, () =>
    maker.add({
      ...{ name: key, shape: slopes.dequantized.shape, type: 'int8' },
      quantization: { scales: slopes.scales, zeroPoint: 0, dimension: 0 },
      values: () => slopes.codes(),
    }),
  );
  lowering.emit(call, {}, (output) =>
    maker.operator('PRELU', { layer: path, inputs: [input, alpha], output }),
  );
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
    throw refusal(
      call,
      `no int8 kernel interpolates ${interpolation}; take nearest or bilinear, or ${IN_FLOAT}`,
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
  const codes = Array.from(maxima, (maximum) => codeOf(maximum, grid));
  if (codes.every((code) => code === HIGHEST_CODE)) {
    // The end of the grid caps them.
    lowering.alias(call, input);
    return;
  }
  const shape = [codes.length, ...Array<number>(-1 - axis).fill(1)];
  const caps = lowering.shared(`${call.path}/maxima`, () =>
    maker.constant(lowering.name(`${call.path}/maxima`), shape, grid, codes),
  );
  lowering.emit(call, {}, (output) => {
    maker.operator('MINIMUM', { layer: call.path, inputs: [input, caps], output, version: 2 });
  });
}

function lowerReshape(lowering: Lowering, call: GraphCall, input: number): void {
  lowering.emit(call, {}, (output) => lowering.maker.reshape(input, call.path, output));
}

/** The operators of merges; the ones on a grid of their own can clamp. */
const MERGES: Readonly<Record<MergeKind, OperatorName>> = {
  add: 'ADD',
  subtract: 'SUB',
  multiply: 'MUL',
  average: 'ADD',
  maximum: 'MAXIMUM',
  minimum: 'MINIMUM',
};

function lowerMerge(lowering: Lowering, call: GraphCall, merge: MergeKind): void {
  const { maker } = lowering;
  const op = MERGES[merge];
  const layer = call.path;
  const isComparison = merge === 'maximum' || merge === 'minimum';
  let operands = mergeOperands(lowering, call, merge);
  const [first] = operands;
  if (operands.length === 1 && first !== undefined) {
    lowering.alias(call, first);
    return;
  }
  if (operands.length > 2 && !isComparison) {
    throw refusal(
      call,
      `${op} reads two tensors, and there are ${operands.length}; make it of several layers of two`,
    );
  }
  if (merge === 'average') operands = operands.map((operand) => halved(lowering, operand, layer));
  if (isComparison) {
    // Nothing is rounded on the way.
    while (operands.length > 2) {
      const [one = 0, other = 0, ...rest] = operands;
      const shape = broadcast(maker.tensor(one).shape, maker.tensor(other).shape);
      const output = maker.like(one, lowering.name(`${layer};${operands.length}`), shape);
      operands = [maker.operator(op, { layer, inputs: [one, other], output, version: 2 }), ...rest];
    }
  }
  lowering.emit(call, { fuses: !isComparison }, (output, fused) => {
    const options = isComparison ? {} : { fused_activation_function: fused };
    maker.operator(op, { layer, inputs: operands, output, version: 2, options });
  });
}

/** What a merge reads, all with the same number of dimensions: Keras puts those of 1 behind the batch. */
function mergeOperands(lowering: Lowering, call: GraphCall, merge: MergeKind): number[] {
  const { maker } = lowering;
  const tensors = call.inputs.map((input) => lowering.valueOf(input));
  const rank = Math.max(...tensors.map((index) => maker.tensor(index).shape.length));
  const operands = tensors.map((index) => {
    const { shape } = maker.tensor(index);
    const ones = Array<number>(rank - shape.length).fill(1);
    return maker.reshaped(index, call.path, [1, ...ones, ...shape.slice(1)]);
  });
  const { constants } = call;
  if (constants.length === 0) return operands;
  const [number] = constants;
  if (constants.length > 1 || typeof number !== 'number' || merge === 'subtract' || merge === 'average') {
    throw refusal(call, `merges a tensor with constants that no int8 kernel takes as they are; ${IN_FLOAT}`);
  }
  return [...operands, constantOperand(lowering, call, number, merge)];
}

/** A number that is merged; sums and products have it exactly, on a grid of its own. */
function constantOperand(lowering: Lowering, call: GraphCall, number: number, merge: MergeKind): number {
  const name = lowering.name(`${call.path};${number}`);
  if (merge === 'maximum' || merge === 'minimum') {
    const grid = lowering.gridOf(call.output());
    return lowering.maker.constant(name, [1], grid, [codeOf(number, grid)]);
  }
  return lowering.maker.constant(name, [1], exactGrid(number), [Math.sign(number) * 127]);
}

/** The grid on which a number is 127 steps from 0. */
function exactGrid(number: number): { readonly scale: number; readonly zeroPoint: 0 } {
  return { scale: Math.fround((Math.abs(number) || 1) / 127), zeroPoint: 0 };
}

/** Half of a tensor: the same codes on a grid of half the steps, which no operator writes but a product with 1/2. */
function halved(lowering: Lowering, index: number, layer: string): number {
  return lowering.shared(`half ${index}`, () => {
    const { maker } = lowering;
    const { name, shape, quantization } = maker.tensor(index);
    const scale = (quantization?.scales[0] ?? 1) / 2;
    const half = maker.constant(lowering.name(`${layer};half`), [1], exactGrid(0.5), [127]);
    const grid = { scale, zeroPoint: quantization?.zeroPoint ?? 0 };
    const output = maker.codes(lowering.name(`${name};half`), shape, grid);
    return maker.operator('MUL', { layer, inputs: [index, half], output, version: 2 });
  });
}

function broadcast(one: readonly number[], other: readonly number[]): number[] {
  return one.map((size, axis) => Math.max(size, other[axis] ?? 1));
}

function lowerConcatenation(lowering: Lowering, call: GraphCall, axis: number): void {
  if (call.constants.length > 0) throw refusal(call, `concatenates constants; ${IN_FLOAT}`);
  const inputs = call.inputs.map((input) => lowering.valueOf(input));
  const rank = lowering.shapeOf(call.output()).length;
  const along = axis < 0 ? axis + rank : axis;
  if (along === 0) throw refusal(call, 'joins samples, and a .tflite file has a batch of 1');
  const [only] = inputs;
  if (inputs.length === 1 && only !== undefined) {
    lowering.alias(call, only);
    return;
  }
  lowering.emit(call, {}, (output) => {
    const options = { axis: along, ...UNFUSED };
    lowering.maker.operator('CONCATENATION', { layer: call.path, inputs, output, version: 2, options });
  });
}

const RECURRENT = /^(Bidirectional|RNN|.*(LSTM|GRU|RNN).*)$/;

/** Layers whose operation nobody else needs to know. */
function lowerOpaque(lowering: Lowering, call: GraphCall): void {
  const { layer } = call;
  const axes = isPermute(layer) ? permutedAxes(layer) : undefined;
  if (axes) {
    const input = lowering.inputOf(call);
    lowering.emit(call, {}, (output) => lowering.maker.transpose(input, { layer: call.path, axes, output }));
    return;
  }
  const what = RECURRENT.test(layer.className)
    ? 'recurrent layers have int8 kernels only with states that data has to tell'
    : 'there is no int8 kernel for this layer';
  throw refusal(call, `${what}; ${IN_FLOAT}`);
}
