/**
 * AIMET's example `cross_layer_equalization_auto_stepwise` against a live model of TF.js: the same steps on a
 * `tf.LayersModel` in memory, with no file in between. In a page the only difference is where `tf` comes from.
 *
 *     npm run build
 *     node examples/tfjs.mjs
 */

import * as core from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-cpu';
import { CrossLayerScaling, foldAllBatchNorms, HighBiasFold, replaceRelu6WithRelu } from 'crosslayer/aimet';
import { fromLayersModel, toLayersModel } from 'crosslayer/tfjs';

// `import * as tf from '@tensorflow/tfjs'` is these and more
const tf = { ...core, ...layers };

export async function main() {
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
  /** @type {Map<import('crosslayer').Layer, import('crosslayer').Layer>} */
  const bnOfLayer = new Map();
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
function exampleModel() {
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

/**
 * @param {layers.LayerVariable} variable
 * @param {number} seed
 */
function exampleWeight({ originalName, shape }, seed) {
  const size = /** @type {number[]} */ (shape);
  const [lowest, highest] = /gamma|moving_variance/.test(originalName) ? [0.5, 1.5] : [-0.5, 0.5];
  return tf.randomUniform(size, lowest, highest, 'float32', seed);
}

/**
 * @param {layers.LayersModel} model
 * @param {core.Tensor} image
 */
function predict(model, image) {
  return tf.tidy(() => {
    const output = /** @type {core.Tensor} */ (model.predict(image));
    return Float32Array.from(output.dataSync());
  });
}

/**
 * @param {Float32Array} before
 * @param {Float32Array} after
 */
function largestDifference(before, after) {
  return Math.max(...before.map((value, index) => Math.abs(value - (after[index] ?? Number.NaN))));
}

if (process.argv[1] === import.meta.filename) await main();
