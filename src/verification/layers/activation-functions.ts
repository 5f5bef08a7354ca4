/**
 * Activation functions as Keras computes them, by their names and by the layers that are used as functions.
 *
 * @module
 */

import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { UnsupportedModelError } from '../../errors.ts';
import { ownEntry } from '../../json/value.ts';
import { type LayerConfig, numberIn, numbersIn } from './layer-config.ts';

/** An activation function. */
export type ActivationFunction = (x: Tensor) => Tensor;

const hardSigmoid: ActivationFunction = (x) => clip(tf.add(tf.div(x, 6), 0.5), 0, 1);
const hardSilu: ActivationFunction = (x) => tf.mul(x, hardSigmoid(x));
const logSigmoid: ActivationFunction = (x) => tf.neg(tf.softplus(tf.neg(x)));

/** By the name that tfjs-layers makes of Keras' one. */
const FUNCTIONS: Readonly<Record<string, ActivationFunction>> = {
  celu: (x) => elu(x, 1),
  elu: (x) => elu(x, 1),
  exponential: tf.exp,
  gelu: (x) => gelu(x, false),
  hardShrink: (x) => tf.where(tf.lessEqual(tf.abs(x), 0.5), tf.zerosLike(x), x),
  // Keras 2's: 0.2 x + 0.5. Keras 3 has another of the same name, which the runner marks.
  hardSigmoid: (x) => clip(tf.add(tf.mul(x, 0.2), 0.5), 0, 1),
  keras3HardSigmoid: hardSigmoid,
  hardSilu,
  hardSwish: hardSilu,
  hardTanh: (x) => clip(x, -1, 1),
  leakyRelu: (x) => relu(x, { negativeSlope: 0.2 }),
  linear: (x) => x,
  logSigmoid,
  logSoftmax: (x) => logSoftmax(x, [-1]),
  mish: (x) => tf.mul(x, tf.tanh(tf.softplus(x))),
  relu: tf.relu,
  relu6: (x) => clip(x, 0, 6),
  selu: tf.selu,
  sigmoid: tf.sigmoid,
  silu: (x) => silu(x, 1),
  softmax: (x) => softmax(x, [-1]),
  softplus: tf.softplus,
  softShrink: (x) => tf.sub(x, clip(x, -0.5, 0.5)),
  softsign: (x) => tf.div(x, tf.add(tf.abs(x), 1)),
  sparsePlus: (x) => {
    const middle = tf.div(tf.square(tf.add(x, 1)), 4);
    return tf.where(tf.lessEqual(x, -1), tf.zerosLike(x), tf.where(tf.less(x, 1), middle, x));
  },
  sparseSigmoid: (x) => clip(tf.mul(tf.add(x, 1), 0.5), 0, 1),
  squareplus: (x) => tf.div(tf.add(x, tf.sqrt(tf.add(tf.square(x), 4))), 2),
  swish: (x) => silu(x, 1),
  tanh: tf.tanh,
  tanhShrink: (x) => tf.sub(x, tf.tanh(x)),
};

/** Names whose functions tfjs-layers computes as Keras does. */
const OF_TFJS: ReadonlySet<string> = new Set(
  'elu gelu hardSigmoid linear logSoftmax mish relu relu6 selu sigmoid softmax softplus softsign swish tanh'.split(
    ' ',
  ),
);

/** Whether tfjs-layers itself takes the `activation` entry and computes what Keras does. */
export function isActivationOfTfjs(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && OF_TFJS.has(value));
}

/** Whether there is an activation function of that name of Keras. */
export function isActivation(name: string): boolean {
  const inTfjs = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  return ownEntry(FUNCTIONS, inTfjs) !== undefined;
}

/**
 * The function of an `activation` entry: a name, or a layer.
 *
 * @throws UnsupportedModelError where there is none here.
 */
export function activationFunction(value: unknown): ActivationFunction {
  if (value === undefined || value === null) return (x) => x;
  if (typeof value === 'string') {
    const named = ownEntry(FUNCTIONS, value);
    if (named) return named;
  } else if (typeof value === 'object') {
    const { className, config } = value as { className?: unknown; config?: unknown };
    const layer = typeof config === 'object' && config ? layerFunction(String(className), config) : undefined;
    if (layer) return layer;
    throw new UnsupportedModelError('activation', `the layer ${className} cannot be run as an activation`);
  }
  throw new UnsupportedModelError('activation', `no activation ${JSON.stringify(value)} can be run`);
}

/** What a layer computes that can be used as a function; undefined for other classes. */
export function layerFunction(className: string, config: object): ActivationFunction | undefined {
  const entries = config as LayerConfig;
  switch (className) {
    case 'Activation':
      return activationFunction(entries['activation']);
    case 'ELU':
      return (x) => elu(x, numberIn(entries, 'alpha', 1));
    case 'LeakyReLU':
      return (x) => relu(x, { negativeSlope: leakySlope(entries) });
    case 'ReLU':
      return (x) => relu(x, reluOptions(entries));
    case 'Softmax':
      return (x) => softmax(x, numbersIn(entries, 'axis', [-1]));
    default:
      return undefined;
  }
}

/** The slope of a LeakyReLU, which Keras 2 calls alpha. */
function leakySlope(config: LayerConfig): number {
  return numberIn(config, 'negativeSlope', numberIn(config, 'alpha', 0.3));
}

/** What decides a rectifier. */
interface ReluOptions {
  readonly maxValue?: number;
  readonly negativeSlope?: number;
  readonly threshold?: number;
}

/** The entries of a ReLU layer. */
function reluOptions(config: LayerConfig): ReluOptions {
  const maxValue = numberIn(config, 'maxValue', Number.POSITIVE_INFINITY);
  return {
    ...(Number.isFinite(maxValue) ? { maxValue } : {}),
    negativeSlope: numberIn(config, 'negativeSlope', 0),
    threshold: numberIn(config, 'threshold', 0),
  };
}

/** `x >= maxValue ? maxValue : x >= threshold ? x : negativeSlope (x - threshold)`. */
export function relu(x: Tensor, { maxValue, negativeSlope = 0, threshold = 0 }: ReluOptions): Tensor {
  let above = tf.relu(x);
  if (threshold !== 0) above = tf.mul(x, tf.cast(tf.greater(x, threshold), 'float32'));
  if (maxValue !== undefined) above = clip(above, 0, maxValue);
  if (negativeSlope === 0) return above;
  const below = threshold === 0 ? tf.minimum(x, 0) : tf.minimum(tf.sub(x, threshold), 0);
  return tf.add(above, tf.mul(below, negativeSlope));
}

/**
 * The values of `x` between two bounds, and NaN where they are that.
 *
 * TF.js' `clipByValue` and `relu6` make a bound of NaN on WASM, and a damaged model would look like a sound one; its
 * `maximum` and `minimum` do so where the second operand is NaN.
 */
export function clip(x: Tensor, low: number, high: number): Tensor {
  return tf.cast(tf.minimum(tf.maximum(x, low), high), x.dtype);
}

/** `x > 0 ? x : alpha (e^x - 1)`. */
export function elu(x: Tensor, alpha: number): Tensor {
  return tf.add(tf.relu(x), tf.mul(tf.expm1(tf.minimum(x, 0)), alpha));
}

/** `x / (1 + e^(-beta x))`. */
export function silu(x: Tensor, beta: number): Tensor {
  return tf.mul(x, tf.sigmoid(tf.mul(x, beta)));
}

/** `x P(X <= x)` for a normal X, or its approximation by a tanh. */
export function gelu(x: Tensor, isApproximate: boolean): Tensor {
  const inner = isApproximate
    ? tf.tanh(tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI)))
    : tf.erf(tf.mul(x, Math.SQRT1_2));
  return tf.mul(tf.mul(x, 0.5), tf.add(inner, 1));
}

/** Over any axes; tfjs' own operation takes the last one alone. */
export function softmax(x: Tensor, axes: number[]): Tensor {
  const exponentials = tf.exp(tf.sub(x, tf.max(x, axes, true)));
  return tf.div(exponentials, tf.sum(exponentials, axes, true));
}

/** The logarithm of {@link softmax}. */
export function logSoftmax(x: Tensor, axes: number[]): Tensor {
  return tf.sub(x, tf.logSumExp(x, axes, true));
}
