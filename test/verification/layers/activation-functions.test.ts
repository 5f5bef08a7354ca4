import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import { activationFunction, clip, relu } from '../../../src/verification/layers/activation-functions.ts';
import { operatorFunction } from '../../../src/verification/layers/operators/operators.ts';

/** Their softmax and its logarithm make NaN of every number beside one. */
const NAMES = (
  'celu elu exponential gelu hardShrink hardSigmoid keras3HardSigmoid hardSilu hardSwish hardTanh leakyRelu linear ' +
  'logSigmoid logSoftmax mish relu relu6 selu sigmoid silu softmax softplus softShrink softsign sparsePlus ' +
  'sparseSigmoid squareplus swish tanh tanhShrink'
).split(' ');

const values = (compute: (x: tf.Tensor) => tf.Tensor, numbers: number[]): number[] =>
  Array.from(tf.tidy(() => compute(tf.tensor1d(numbers)).dataSync()));

describe.each(['cpu', 'wasm'])('on the %s backend', (backend) => {
  beforeAll(async () => {
    tf.env().set('PROD', true);
    expect(await tf.setBackend(backend)).toBe(true);
  });

  it.each(NAMES)('%s leaves a NaN to be seen', (name) => {
    expect(values(activationFunction(name), [1, Number.NaN, -2])[1]).toBeNaN();
  });

  it('clips numbers and infinities, and no NaN', () => {
    const numbers = [-7, 0.5, 7, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
    const clipped = [-1, 0.5, 6, 6, -1, Number.NaN];
    expect(values((x) => clip(x, -1, 6), numbers)).toEqual(clipped);
    expect(values((x) => operatorFunction('clip')([x, -1, 6], {}) as tf.Tensor, numbers)).toEqual(clipped);
    expect(values((x) => operatorFunction('relu6')([x], {}) as tf.Tensor, [Number.NaN, 7])).toEqual([
      Number.NaN,
      6,
    ]);
    expect(values((x) => relu(x, { maxValue: 6, threshold: 1 }), [Number.NaN, 0.5, 7])).toEqual([
      Number.NaN,
      0,
      6,
    ]);
  });

  it('clips whole numbers to whole numbers', () => {
    const clipped = tf.tidy(() => {
      const made = clip(tf.tensor1d([-3, 2, 9], 'int32'), 0, 6);
      return { dtype: made.dtype, values: Array.from(made.dataSync()) };
    });
    expect(clipped).toEqual({ dtype: 'int32', values: [0, 2, 6] });
  });
});
