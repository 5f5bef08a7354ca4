import * as tf from '@tensorflow/tfjs-core';
import { expect, it, vi } from 'vitest';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

const FEATURES = 4099;
const UNITS = 4096;

it('a Dense with a large kernel computes its activation and bias, from slabs of rows', async () => {
  const kernel = Array.from({ length: FEATURES * UNITS }, (_, index) => ((index * 7919) % 23) - 11);
  const bias = Array.from({ length: UNITS }, (_, unit) => unit % 5);
  const dense = layer('Dense', 'large', { units: UNITS, activation: 'relu' }, { weights: { kernel, bias } });
  const model = buildModel([input('x', [FEATURES]), dense]);
  const x = Float32Array.from({ length: 2 * FEATURES }, (_, index) => (index % 3) - 1);
  const runner = await TfjsRunner.create();
  const uploaded = vi.spyOn(tf.engine(), 'makeTensor');
  const before = tf.memory().numTensors;
  const [output] = await runner.run(model, [Tensor.of('float32', [2, FEATURES], x)]);
  expect(tf.memory().numTensors).toBe(before);
  // Nothing that is handed to TF.js is larger than a slab.
  const largest = Math.max(...uploaded.mock.calls.map(([values]) => (values as Float32Array).length));
  expect(largest).toBe(Math.floor(2 ** 22 / UNITS) * UNITS);
  uploaded.mockRestore();
  const values = output?.values() as Float32Array;
  for (const [sample, unit] of [
    [0, 0],
    [0, 4095],
    [1, 1],
    [1, 2048],
  ] as const) {
    let sum = bias[unit] as number;
    // All are whole numbers below 2^24, which float32 has exactly.
    for (let row = 0; row < FEATURES; row++) {
      sum += (x[sample * FEATURES + row] as number) * (kernel[row * UNITS + unit] as number);
    }
    expect(values[sample * UNITS + unit]).toBe(Math.max(0, sum));
  }
});
