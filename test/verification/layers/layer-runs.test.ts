/** Every layer of Keras in many configurations goes through the runner, as models from files do. */

import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { CannotRunError, TfjsRunner } from '../../../src/index.ts';
import { layerCases, layerModel, tensorOf } from './layer-model.ts';
import { relativeDifference, type Values } from './run-layer.ts';

/** Sums of up to a hundred float32 products in another order, and exponentials of another library. */
const TOLERANCE = 1e-5;

/** What Keras runs and the runner does not, by its reason. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  // The layers inside of a Bidirectional cannot be replaced in TF.js.
  'keras3 GRU reset after': /^layer: GRU cannot be run: reset_after = true/,
  'keras2 GRU reset after': /^layer: GRU cannot be run: reset_after = true/,
  'keras3 LSTM hard sigmoid': /^layer: LSTM cannot be run: Unknown activation/,
  // The configuration goes to TF.js by way of that of Keras 2.
  'keras3 transpose3d dilated': /^layer: Conv3DTranspose cannot be run: .*dilation_rate/,
  'keras3 transpose3d dilated same': /^layer: Conv3DTranspose cannot be run: .*dilation_rate/,
};

const cases = layerCases();

describe.each(['cpu', 'wasm'] as const)('the runner on the %s backend', (backend) => {
  let runner: TfjsRunner;
  beforeAll(async () => {
    runner = await TfjsRunner.create({ backend });
  });

  it.each(cases.filter(({ name }) => !(name in REFUSED)))('computes $name as Keras does', async (one) => {
    const before = tf.memory().numTensors;
    const [output] = await runner.run(layerModel(one), one.inputs.map(tensorOf));
    const { dtype = '', shape = [] } = output ?? {};
    const values = Array.from((output?.values() ?? []) as ArrayLike<number>);
    const found: Values = { dtype, shape: [...shape], values };
    expect(relativeDifference(found, one.output)).toBeLessThanOrEqual(TOLERANCE);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(cases.filter(({ name }) => name in REFUSED))('says why it cannot run $name', async (one) => {
    const before = tf.memory();
    const error = await runner.run(layerModel(one), one.inputs.map(tensorOf)).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(CannotRunError);
    expect(error.message).toMatch(REFUSED[one.name] as RegExp);
    expect(tf.memory()).toEqual(before);
  });
});
