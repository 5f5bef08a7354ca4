/** Every layer of Keras in many configurations: TF.js computes what Keras does, or the writer says that it does not. */

import * as tf from '@tensorflow/tfjs-core';
import { models } from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { tfjsConfig } from '../../src/formats/tfjs-layers/tfjs-config.ts';
import { type DialectCase, layerCases, layerModel } from '../verification/layers/layer-model.ts';
import { prepared, relativeDifference, tensorOf } from '../verification/layers/run-layer.ts';

/** Sums of up to a hundred float32 products in another order, and exponentials of another library. */
const TOLERANCE = 1e-5;

/** Told of what is written otherwise and computes the same in inference. */
const HARMLESS = /computes the same|differs in training alone/;

/** What the WASM backend alone gets wrong, which may depend on the values. */
const ON_WASM = /: the WASM backend of TF\.js /;

/** What has no form in TF.js is not written at all. */
const REFUSED = /^keras3 (.* hard.sigmoid|transpose3d dilated.*)$/;

const cases = layerCases();

describe.each(['cpu', 'wasm'])('on the %s backend', (backend) => {
  beforeAll(async () => {
    tf.env().set('PROD', true);
    expect(await tf.setBackend(backend)).toBe(true);
  });
  // TF.js leaves those of layers behind that it does not load.
  afterEach(() => tf.disposeVariables());

  it.each(cases.filter(({ name }) => !REFUSED.test(name)))('$name', async (one) => {
    const told: string[] = [];
    const config = tfjsConfig(layerModel(one), (sentence) => told.push(sentence));
    const consequences = told.filter((sentence) => !HARMLESS.test(sentence));
    const everywhere = consequences.filter((sentence) => !ON_WASM.test(sentence));
    if (await isRight(config, one)) return expect(everywhere).toEqual([]);
    const of = backend === 'wasm' ? consequences : everywhere;
    // One of several cells may be told of as well as that they are several.
    expect(of).toHaveLength(one.name.endsWith('RNN cells') ? 2 : 1);
    for (const sentence of of) expect(sentence).toMatch(/^layer/);
  });
});

it.each(cases.filter(({ name }) => REFUSED.test(name)))('$name is refused', (one) => {
  expect(() => tfjsConfig(layerModel(one), () => {})).toThrow(/^layer.* Keras 2/);
});

/** Whether TF.js runs the model and computes what Keras does. */
async function isRight(config: object, { inputs, weights, output }: DialectCase): Promise<boolean> {
  try {
    // Some initial values take chained operations, which the core package alone lacks.
    const modelTopology = prepared(config, 'keras2');
    const model = await models.modelFromJSON({ modelTopology } as never);
    return tf.tidy(() => {
      model.setWeights(weights.map(tensorOf));
      const fed = inputs.map(tensorOf);
      const made = model.predict(fed.length === 1 ? (fed[0] as tf.Tensor) : fed) as tf.Tensor;
      const { shape, dtype } = made;
      return relativeDifference({ shape, dtype, values: [...made.dataSync()] }, output) <= TOLERANCE;
    });
  } catch {
    return false;
  }
}
