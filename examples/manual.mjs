/**
 * AIMET's example `cross_layer_equalization_manual`: the four steps one at a time, with the pairs to fold and the sets to
 * scale chosen by hand, for a ResNet50 of `keras.applications`.
 *
 *     npm run build
 *     node examples/manual.mjs resnet50.h5 equalized.h5
 */

import { CrossLayerScaling, foldGivenBatchNorms, HighBiasFold, replaceRelu6WithRelu } from 'crosslayer/aimet';
import { loadModel, saveModel, Tensor } from 'crosslayer/node';

/**
 * @typedef {import('crosslayer').Layer} Layer
 * @typedef {import('crosslayer').Model} Model
 * @typedef {import('crosslayer/aimet').ClsSet} ClsSet
 * @typedef {import('crosslayer/aimet').ClsSetInfo} ClsSetInfo
 * @typedef {import('crosslayer/aimet').ScaleFactors} ScaleFactors
 * @typedef {readonly [Layer, Layer, boolean]} FoldPair
 */

/**
 * @param {string} input
 * @param {string} output
 */
export async function main(input, output) {
  // Load the model to equalize
  const model = await loadModel(input);

  // Replace any ReLU6 layers with ReLU
  const [modelForCle] = replaceRelu6WithRelu(model);

  // Pick potential pairs of conv and bn layers for fold
  const layerPairs = exampleLayerPairsForFolding(modelForCle);

  // Create a list of consecutive conv layers to be equalized. Before the fold, for folded batch norms leave the list of
  // layers, and the numbers of those behind them change.
  const consecutiveLayers = consecutiveLayersForScaling(modelForCle);

  // Fold given layers
  foldGivenBatchNorms(modelForCle, layerPairs);
  for (const [conv, bn] of layerPairs) console.log(`folded ${bn.name} into ${conv.name}`);

  // Perform scaling on the given list of cls sets
  const scaleFactors = CrossLayerScaling.scaleClsSets(consecutiveLayers);
  for (const set of consecutiveLayers) console.log(`scaled ${set.map(({ name }) => name).join(', ')}`);

  // Bring info from fold and scaling into the format required for high-bias fold
  const [foldedPairs, clsSetInfoList] = formatInfoForHighBiasFold(
    layerPairs,
    consecutiveLayers,
    scaleFactors,
  );

  const [firstSet] = clsSetInfoList;
  const biasBefore = biasOf(firstSet);
  HighBiasFold.biasFold(clsSetInfoList, foldedPairs);
  followInShortcut(modelForCle.layer('conv2_block1_0_conv'), firstSet, biasBefore);

  const { dropped, warnings } = await saveModel(modelForCle, output);
  console.log([`written to ${output}`, ...dropped, ...warnings].join('\n'));
}

/**
 * Picks example conv and batch norm layers, with a flag that tells whether the batch norm folds into what is before.
 *
 * @param {Model} model
 * @returns {FoldPair[]}
 */
function exampleLayerPairsForFolding(model) {
  return [
    [layerAt(model, 2), layerAt(model, 3), true],
    [layerAt(model, 7), layerAt(model, 8), true],
    [layerAt(model, 10), layerAt(model, 11), true],
  ];
}

/**
 * Picks example consecutive layers for scaling.
 *
 * @param {Model} model
 * @returns {ClsSet[]}
 */
function consecutiveLayersForScaling(model) {
  const [conv1, conv2, conv3] = [layerAt(model, 2), layerAt(model, 7), layerAt(model, 10)];
  return [
    [conv1, conv2],
    [conv2, conv3],
  ];
}

/**
 * The layer of that number; as in Keras, the InputLayer of a functional model is number 0.
 *
 * @param {Model} model
 * @param {number} index
 */
function layerAt(model, index) {
  const layer = model.layers[index];
  if (!layer)
    throw new RangeError(`${model.name} has ${model.layers.length} layers, none of number ${index}`);
  return layer;
}

/**
 * Formats what fold and scaling gave for high-bias fold.
 *
 * @param {readonly FoldPair[]} layerPairs
 * @param {readonly ClsSet[]} consecutiveLayers
 * @param {readonly ScaleFactors[]} scaleFactors
 * @returns {[Map<Layer, Layer>, ClsSetInfo[]]}
 */
function formatInfoForHighBiasFold(layerPairs, consecutiveLayers, scaleFactors) {
  const foldedPairs = new Map(layerPairs.map(([conv, bn]) => [conv, bn]));

  // Whether there is a ReLU between the layers of each set: conv1_relu, conv2_block1_1_relu
  const isReluActivationInClsSets = [true, true];

  const clsSetInfoList = CrossLayerScaling.createClsSetInfoList(
    consecutiveLayers,
    scaleFactors,
    isReluActivationInClsSets,
  );
  return [foldedPairs, clsSetInfoList];
}

/**
 * Not in AIMET's example, which changes the function without it: the shortcut of the first block reads the output of
 * conv1 as well, and a set names one reader alone. So the shortcut's inputs are multiplied by the same factors, and its
 * bias takes up what left the bias of conv1. (`scaleModel` would have left conv1 alone, and said why.)
 *
 * @param {Layer} shortcut
 * @param {ClsSetInfo | undefined} set
 * @param {ArrayLike<number>} biasBefore
 */
function followInShortcut(shortcut, set, biasBefore) {
  const factors = set?.clsPairInfoList[0]?.scaleFactor;
  if (!factors) return;
  const biasAfter = biasOf(set);
  // A 1x1 kernel: its rows are the input channels.
  const kernel = shortcut.requireWeight('kernel').scaled('rows', factors);
  const weights = kernel.toFloat64();
  const bias = shortcut.requireWeight('bias').toFloat64();
  for (let row = 0; row < kernel.rows; row++) {
    const absorbed = (biasBefore[row] ?? 0) - (biasAfter[row] ?? 0);
    for (let column = 0; column < bias.length; column++) {
      bias[column] = (bias[column] ?? 0) + absorbed * (weights[row * bias.length + column] ?? 0);
    }
  }
  shortcut.setWeight('kernel', kernel);
  shortcut.setWeight('bias', Tensor.fromNumbers(shortcut.weightDtype, [bias.length], bias));
}

/**
 * The bias of the first layer of a set.
 *
 * @param {ClsSetInfo | undefined} set
 */
function biasOf(set) {
  return set?.clsPairInfoList[0]?.layer1.requireWeight('bias').toFloat64() ?? new Float64Array(0);
}

if (process.argv[1] === import.meta.filename) {
  const [input, output] = process.argv.slice(2);
  if (input === undefined || output === undefined) {
    console.error('usage: node examples/manual.mjs IN OUT');
    process.exitCode = 2;
  } else {
    await main(input, output);
  }
}
