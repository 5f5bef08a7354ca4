/**
 * What operators used as layers compute, by the last part of their name in small letters and without underscores:
 * `math.reduce_mean` and `Mean` are `mean`.
 *
 * @module
 */

import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { ownEntry } from '../../../json/value.ts';
import { activationFunction, elu, gelu, logSoftmax, relu, silu, softmax } from '../activation-functions.ts';
import {
  cannotRun,
  listOf,
  numberOf,
  numbersOf,
  type OperatorFunction,
  type OperatorOptions,
  optionalNumbers,
  tensorOf,
} from './arguments.ts';
import {
  cast,
  clipOperator,
  concatenate,
  expandDims,
  pad,
  resizeOperator,
  sliced,
  spaceToDepth,
  split,
} from './tensor-operators.ts';

const unary =
  (compute: (x: Tensor) => Tensor): OperatorFunction =>
  ([x]) =>
    compute(tensorOf(x));

/** The second operand is named differently by everybody. */
const binary =
  (compute: (x: Tensor, y: Tensor) => Tensor): OperatorFunction =>
  ([x, y], options) =>
    compute(tensorOf(x), tensorOf(y ?? options['y'] ?? options['x2'] ?? options['b'] ?? options['bias']));

const reduction =
  (compute: (x: Tensor, axes?: number[], keepDims?: boolean) => Tensor): OperatorFunction =>
  ([x, axis], options) => {
    const keepDims = (options['keepdims'] ?? options['keepDims']) === true;
    return compute(tensorOf(x), optionalNumbers(axis ?? options['axis']), keepDims);
  };

/** A tensor of one number in the shape of another. */
const alike =
  (fill: (x: Tensor) => Tensor): OperatorFunction =>
  ([x], options) => {
    const filled = fill(tensorOf(x));
    const dtype = options['dtype'] ?? null;
    return dtype === null ? filled : cast(filled, String(dtype));
  };

const activation = (name: string): OperatorFunction => unary(activationFunction(name));

const sigmoidLinear: OperatorFunction = ([x], options) => silu(tensorOf(x), numberOf(options['beta'] ?? 1));

/** The axes that a softmax goes along; Keras takes none at all for all of them, the batch included. */
function softmaxAxes({ axis = -1 }: OperatorOptions): number[] {
  if (axis !== null) return numbersOf(axis);
  throw cannotRun('a softmax over the samples of a batch');
}

const divide = binary((x, y) => tf.div(tf.cast(x, 'float32'), y));

const OPERATORS: Readonly<Record<string, OperatorFunction>> = {
  abs: unary(tf.abs),
  absolute: unary(tf.abs),
  add: binary(tf.add),
  any: reduction(tf.any),
  biasadd: binary(tf.add),
  cast: ([x, dtype], options) => cast(tensorOf(x), String(dtype ?? options['dtype'])),
  clip: clipOperator,
  clipbyvalue: clipOperator,
  concat: concatenate,
  concatenate,
  converttotensor: unary((x) => x),
  depthtospace: ([x], options) => tf.depthToSpace(tensorOf(x) as tf.Tensor4D, numberOf(options['blockSize'])),
  divide,
  elu: ([x], options) => elu(tensorOf(x), numberOf(options['alpha'] ?? 1)),
  exp: unary(tf.exp),
  equal: binary(tf.equal),
  expanddims: ([x, axis], options) => expandDims(tensorOf(x), numbersOf(axis ?? options['axis'])),
  gelu: ([x], options) => gelu(tensorOf(x), options['approximate'] === true),
  getitem: ([x, key], options) => sliced(tensorOf(x), key ?? options['sliceSpec']),
  greater: binary(tf.greater),
  greaterequal: binary(tf.greaterEqual),
  hardsigmoid: activation('keras3HardSigmoid'),
  hardsilu: activation('hardSilu'),
  identity: unary((x) => x),
  leakyrelu: ([x], options) =>
    relu(tensorOf(x), { negativeSlope: numberOf(options['negativeSlope'] ?? options['alpha'] ?? 0.2) }),
  less: binary(tf.less),
  lessequal: binary(tf.lessEqual),
  log: unary(tf.log),
  logicaland: binary(tf.logicalAnd),
  logicalnot: unary(tf.logicalNot),
  logicalor: binary(tf.logicalOr),
  logsoftmax: ([x], options) => logSoftmax(tensorOf(x), softmaxAxes(options)),
  matmul: ([x, y], options) =>
    tf.matMul(
      tensorOf(x),
      tensorOf(y ?? options['b'] ?? options['x2']),
      options['transposeA'] === true,
      options['transposeB'] === true,
    ),
  max: reduction(tf.max),
  maximum: binary(tf.maximum),
  mean: reduction(tf.mean),
  min: reduction(tf.min),
  minimum: binary(tf.minimum),
  mish: activation('mish'),
  multiply: binary(tf.mul),
  negative: unary(tf.neg),
  notequal: binary(tf.notEqual),
  oneslike: alike(tf.onesLike),
  pad: ([x, widths], options) => pad(tensorOf(x), widths, options),
  pow: binary(tf.pow),
  power: binary(tf.pow),
  relu: unary(tf.relu),
  relu6: activation('relu6'),
  reshape: ([x, shape], options) =>
    tf.reshape(tensorOf(x), numbersOf(shape ?? options['shape'] ?? options['newshape'])),
  resize: ([x, size], options) => resizeOperator(tensorOf(x), size, options),
  rsqrt: unary(tf.rsqrt),
  selu: unary(tf.selu),
  shape: unary((x) => tf.tensor1d(x.shape, 'int32')),
  sigmoid: unary(tf.sigmoid),
  silu: sigmoidLinear,
  softmax: ([x], options) => softmax(tensorOf(x), softmaxAxes(options)),
  softplus: unary(tf.softplus),
  softsign: activation('softsign'),
  spacetodepth: ([x], options) => spaceToDepth(tensorOf(x), numberOf(options['blockSize'])),
  split: ([x, parts], options) => split(tensorOf(x), parts, options),
  sqrt: unary(tf.sqrt),
  square: unary(tf.square),
  squeeze: ([x, axis], options) => tf.squeeze(tensorOf(x), optionalNumbers(axis ?? options['axis'])),
  stack: ([tensors, axis], options) =>
    tf.stack(listOf(tensors).map(tensorOf), numberOf(axis ?? options['axis'] ?? 0)),
  stopgradient: unary((x) => x),
  subtract: binary(tf.sub),
  sum: reduction(tf.sum),
  swish: sigmoidLinear,
  tanh: unary(tf.tanh),
  transpose: ([x, axes], options) =>
    tf.transpose(tensorOf(x), optionalNumbers(axes ?? options['perm'] ?? options['axes'])),
  truediv: divide,
  truedivide: divide,
  where: ([condition, x, y], options) =>
    tf.where(
      tensorOf(condition),
      tensorOf(x ?? options['x'] ?? options['x1']),
      tensorOf(y ?? options['y'] ?? options['x2']),
    ),
  zeroslike: alike(tf.zerosLike),
};

/** Whether the operator can be run. */
export function isKnownOperator(name: string): boolean {
  return Object.hasOwn(OPERATORS, name);
}

/**
 * The function of an operator.
 *
 * @throws UnsupportedModelError where there is none here.
 */
export function operatorFunction(name: string): OperatorFunction {
  const found = ownEntry(OPERATORS, name);
  if (!found) throw cannotRun(`the operator ${name}`);
  return found;
}
