/**
 * AIMET's example `cross_layer_equalization_auto_stepwise` against a live model of TF.js: the same steps on a
 * `tf.LayersModel` in memory, with no file in between. In a page the only difference is where `tf` comes from.
 *
 *     npm run build
 *     node examples/tfjs.ts
 *
 * Node runs this file as it is from version 22.18 on; before, use `npx tsx` instead of `node`.
 */

import * as core from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-cpu';
import type { Layer } from 'crosslayer';
import { CrossLayerScaling, foldAllBatchNorms, HighBiasFold, replaceRelu6WithRelu } from 'crosslayer/aimet';
import { fromLayersModel, toLayersModel } from 'crosslayer/tfjs';

// `import * as tf from '@tensorflow/tfjs'` is these and more
const tf = { ...core, ...layers };

export async function main(): Promise<void> {
  // Without this TF.js advises to install its Node backend
  tf.enableProdMode();
  await tf.setBackend('cpu');

  // The model to equalize. In a page: await tf.loadLayersModel(url)
  const liveModel = exampleModel();
  const image = tf.randomNormal([1, 32, 32, 3], 0, 1, 'float32', 1);
  const before = predict(liveModel, image);

  const model = await fromLayersModel(liveModel);

  // 1. Replace ReLU6 layers with ReLU
  const [modelForCle, replaced] = replaceRelu6WithRelu(model);
  console.log(`${replaced.length} ReLU6 replaced`);

  // 2. Fold all batch norms
  const [foldedPairs] = foldAllBatchNorms(modelForCle);
  console.log(`${foldedPairs.length} batch norms folded`);

  // A batch norm folded into the layer behind it says nothing of that layer's output. AIMET stops here if there is one.
  const bnOfLayer = new Map<Layer, Layer>();
  for (const [layer, bn] of foldedPairs) {
    if (bn.foldedInto?.direction === 'backward') bnOfLayer.set(layer, bn);
  }

  // 3. Perform cross-layer scaling on applicable layer groups
  const clsSetInfoList = CrossLayerScaling.scaleModel(modelForCle);
  console.log(`${clsSetInfoList.length} sets scaled`);

  // 4. Perform high-bias fold
  HighBiasFold.biasFold(clsSetInfoList, bnOfLayer);

  const equalized = await toLayersModel(modelForCle, { tf });
  console.log(`${liveModel.layers.length} layers before, ${equalized.layers.length} after`);

  const after = predict(equalized, image);
  console.log(
    `largest difference between the predictions: ${largestDifference(before, after).toExponential(1)}`,
  );

  // Both live models are ours to dispose
  equalized.dispose();
  liveModel.dispose();
  image.dispose();
  console.log(`${tf.memory().numTensors} tensors left`);
}

/** A small network of depthwise separable convolutions, with batch norms as training leaves them. */
function exampleModel(): layers.LayersModel {
  const model = tf.sequential();
  model.add(
    tf.layers.conv2d({ inputShape: [32, 32, 3], filters: 8, kernelSize: 3, strides: 2, useBias: false }),
  );
  model.add(tf.layers.batchNormalization());
  model.add(tf.layers.reLU());
  for (const filters of [16, 32]) {
    model.add(tf.layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', useBias: false }));
    model.add(tf.layers.batchNormalization());
    model.add(tf.layers.reLU());
    model.add(tf.layers.conv2d({ filters, kernelSize: 1, useBias: false }));
    model.add(tf.layers.batchNormalization());
    model.add(tf.layers.reLU());
  }
  model.add(tf.layers.globalAveragePooling2d({}));
  model.add(tf.layers.dense({ units: 10, activation: 'softmax' }));
  tf.tidy(() => model.setWeights(model.weights.map(exampleWeight)));
  return model;
}

function exampleWeight({ originalName, shape }: layers.LayerVariable, seed: number): core.Tensor {
  const size = shape as number[];
  const [lowest, highest] = /gamma|moving_variance/.test(originalName) ? [0.5, 1.5] : [-0.5, 0.5];
  return tf.randomUniform(size, lowest, highest, 'float32', seed);
}

function predict(model: layers.LayersModel, image: core.Tensor): Float32Array {
  return tf.tidy(() => Float32Array.from((model.predict(image) as core.Tensor).dataSync()));
}

function largestDifference(before: Float32Array, after: Float32Array): number {
  return Math.max(...before.map((value, index) => Math.abs(value - (after[index] ?? Number.NaN))));
}

if (process.argv[1] === import.meta.filename) await main();
