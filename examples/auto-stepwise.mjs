/**
 * AIMET's example `cross_layer_equalization_auto_stepwise`: the four steps one at a time, with the pairs to fold and the
 * sets to scale found automatically.
 *
 *     npm run build
 *     node examples/auto-stepwise.mjs resnet50.h5 equalized.h5
 */

import { CrossLayerScaling, foldAllBatchNorms, HighBiasFold, replaceRelu6WithRelu } from 'crosslayer/aimet';
import { loadModel, saveModel } from 'crosslayer/node';

/**
 * @param {string} input
 * @param {string} output
 */
export async function main(input, output) {
  // Load the model to equalize
  const model = await loadModel(input);

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

  const { dropped, warnings } = await saveModel(modelForCle, output);
  console.log([`written to ${output}`, ...dropped, ...warnings].join('\n'));
}

if (process.argv[1] === import.meta.filename) {
  const [input, output] = process.argv.slice(2);
  if (input === undefined || output === undefined) {
    console.error('usage: node examples/auto-stepwise.mjs IN OUT');
    process.exitCode = 2;
  } else {
    await main(input, output);
  }
}
