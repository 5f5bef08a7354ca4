/**
 * What a page does with a live model: it runs in the browser, with the `tf` that the page has.
 *
 * @module
 */

import type * as core from '@tensorflow/tfjs-core';
import type * as layers from '@tensorflow/tfjs-layers';
import { CrossLayerScaling, foldAllBatchNorms } from 'crosslayer/aimet';
import { fromLayersModel, toLayersModel } from 'crosslayer/tfjs';

/** All of TF.js. */
export type Tf = Omit<typeof core, 'default'> & Omit<typeof layers, 'default'>;

/** What the page tells the test. */
export interface Outcome {
  readonly backend: string;
  readonly foldedBatchNorms: number;
  readonly scaledSets: number;
  readonly layersAfter: readonly string[];
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** `tf.memory().numTensors`: with the live model, after reading it, with both models, and with all disposed. */
  readonly tensors: {
    readonly start: number;
    readonly live: number;
    readonly read: number;
    readonly both: number;
    readonly refused: number;
    readonly end: number;
  };
  readonly weightsAfter: number;
  /** The message for a model with a layer that TF.js does not know. */
  readonly refusal: string;
}

declare global {
  /** What {@link equalizeLive} gives, started by the test. */
  var runScenario: (backend: string) => Promise<Outcome>;
}

/**
 * Equalizes a live model on `backend`.
 *
 * @param isPassed whether `tf` is passed to the library, or left to it to import.
 */
export async function equalizeLive(tf: Tf, backend: string, isPassed: boolean): Promise<Outcome> {
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} does not start`);
  const options = isPassed ? { tf } : {};
  const count = (): number => tf.memory().numTensors;
  const start = count();
  const liveModel = exampleModel(tf);
  const before = predict(tf, liveModel);
  const live = count();

  const model = await fromLayersModel(liveModel);
  const read = count();
  const [foldedPairs] = foldAllBatchNorms(model);
  const sets = CrossLayerScaling.scaleModel(model);
  const equalized = await toLayersModel<layers.LayersModel>(model, options);
  const both = count();
  const after = predict(tf, equalized);

  const refusal = await withoutClass(tf, 'Dense', () => toLayersModel(model, options).then(String, String));
  const refused = count();
  const layersAfter = equalized.layers.map((layer) => layer.getClassName());
  const weightsAfter = equalized.weights.length;
  equalized.dispose();
  liveModel.dispose();
  return {
    backend: tf.getBackend(),
    foldedBatchNorms: foldedPairs.length,
    scaledSets: sets.length,
    layersAfter,
    before,
    after,
    tensors: { start, live, read, both, refused, end: count() },
    weightsAfter,
    refusal,
  };
}

function exampleModel(tf: Tf): layers.LayersModel {
  const { batchNormalization, conv2d, dense, depthwiseConv2d, globalAveragePooling2d, reLU } = tf.layers;
  const model = tf.sequential({
    layers: [
      conv2d({ inputShape: [16, 16, 3], filters: 8, kernelSize: 3, useBias: false }),
      batchNormalization(),
      reLU(),
      depthwiseConv2d({ kernelSize: 3, useBias: false }),
      batchNormalization(),
      reLU(),
      conv2d({ filters: 12, kernelSize: 1, useBias: false }),
      batchNormalization(),
      reLU(),
      globalAveragePooling2d({}),
      dense({ units: 5 }),
    ],
  });
  tf.tidy(() => {
    const values = model.weights.map(({ originalName, shape }, seed) => {
      const [lowest, highest] = /gamma|moving_variance/.test(originalName) ? [0.5, 1.5] : [-0.5, 0.5];
      return tf.randomUniform(shape as number[], lowest, highest, 'float32', seed);
    });
    model.setWeights(values);
  });
  return model;
}

function predict(tf: Tf, model: layers.LayersModel): number[] {
  return tf.tidy(() => {
    const images = tf.randomNormal([2, 16, 16, 3], 0, 1, 'float32', 7);
    return [...(model.predict(images) as core.Tensor).dataSync()];
  });
}

/** Does some work while TF.js does not know a class. */
async function withoutClass<Result>(tf: Tf, className: string, work: () => Promise<Result>): Promise<Result> {
  const classes = tf.serialization.SerializationMap.getMap().classNameMap;
  const known = classes[className];
  delete classes[className];
  try {
    return await work();
  } finally {
    if (known) classes[className] = known;
  }
}
