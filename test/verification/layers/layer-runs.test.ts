/** Every layer of Keras in many configurations goes through the runner, as models from files do. */

import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { CannotRunError, type Model, Tensor, TfjsRunner } from '../../../src/index.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';
import { layerCases, layerModel, modelCases, modelOf, tensorOf } from './layer-model.ts';
import { relativeDifference, type Values } from './run-layer.ts';

/** Sums of up to a hundred float32 products in another order, and exponentials of another library. */
const TOLERANCE = 1e-5;

/** What Keras runs and the runner does not, by its reason. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  'keras3 LSTM hard sigmoid': /^layer: LSTM cannot be run: Unknown activation/,
  // TF.js takes the states as further inputs, and Keras 3 passes them by name.
  // The configuration goes to TF.js by way of that of Keras 2.
  'keras3 transpose3d dilated': /^layer: Conv3DTranspose cannot be run: .*dilation_rate/,
  'keras3 transpose3d dilated same': /^layer: Conv3DTranspose cannot be run: .*dilation_rate/,
};

const cases = [
  ...layerCases().map((one) => ({ ...one, outputs: [one.output], model: () => layerModel(one) })),
  ...modelCases().map((one) => ({ ...one, model: () => modelOf(one) })),
];

describe.each(['cpu', 'wasm'] as const)('the runner on the %s backend', (backend) => {
  let runner: TfjsRunner;
  beforeAll(async () => {
    runner = await TfjsRunner.create({ backend });
  });

  const expectRun = async (model: Model, inputs: readonly Values[], expected: readonly Values[]) => {
    const before = tf.memory().numTensors;
    const made = await runner.run(model, inputs.map(tensorOf));
    expect(made).toHaveLength(expected.length);
    for (const [index, tensor] of made.entries()) {
      const values = Array.from(tensor.values() as ArrayLike<number>);
      const found: Values = { dtype: tensor.dtype, shape: [...tensor.shape], values };
      expect(relativeDifference(found, expected[index] as Values)).toBeLessThanOrEqual(TOLERANCE);
    }
    expect(tf.memory().numTensors).toBe(before);
  };

  it.each(cases.filter(({ name }) => !(name in REFUSED)))('computes $name as Keras does', async (one) => {
    await expectRun(one.model(), one.inputs, one.outputs);
  });

  it.each(cases.filter(({ name }) => name in REFUSED))('says why it cannot run $name', async (one) => {
    const before = tf.memory();
    const error = await runner.run(one.model(), one.inputs.map(tensorOf)).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(CannotRunError);
    expect(error.message).toMatch(REFUSED[one.name] as RegExp);
    expect(tf.memory()).toEqual(before);
  });

  describe.each([
    ['one batch', 2],
    ['several batches', 20],
  ])('where a layer fails, in %s', (_, samples) => {
    const faults: Readonly<Record<string, [spec: LayerSpec, reason: RegExp]>> = {
      'a class that nobody has': [layer('Mystery', 'faulty'), /^faulty: .*no layer Mystery/],
      'an activation that nobody has': [
        layer('Dense', 'faulty', { units: 3, activation: 'glu' }),
        /^faulty: .*no activation "glu"/,
      ],
      'a weight too many': [layer('Dense', 'faulty', { units: 3 }), /^faulty: .*gives it 2 weights/],
      'an error while it runs': [
        layer('TFOpLambda', 'faulty', { function: 'reshape' }, { kwargs: { shape: [-1, 7] } }),
        /^faulty: /,
      ],
    };

    it.each(Object.keys(faults))('%s leaves TF.js as it was', async (fault) => {
      const [spec, reason] = faults[fault]!;
      const first = layer('Dense', 'first', { units: 3, activation: 'exponential' });
      const model = buildModel([input('x', [4]), first, spec, layer('ReLU', 'last')]);
      if (fault === 'a weight too many') {
        model.layer('faulty').weights.set('extra', Tensor.fromNumbers('float32', [1], [1]));
      }
      const values = Array.from({ length: 4 * samples }, (_value, index) => Math.sin(index));
      const before = state();
      const run = runner.run(model, [Tensor.fromNumbers('float32', [samples, 4], values)]);
      await expect(run).rejects.toThrow(reason);
      await expect(run).rejects.toBeInstanceOf(CannotRunError);
      expect(state()).toEqual(before);
    });
  });
});

/** All that a page shares with the runner. */
function state(): object {
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  return {
    memory: tf.memory(),
    backend: tf.getBackend(),
    variables: Object.keys(tf.engine().registeredVariables),
    scope: tf.engine().state.activeScope,
    classes: { ...classNameMap },
  };
}
