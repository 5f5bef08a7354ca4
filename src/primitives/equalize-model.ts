/**
 * The whole recipe of the reference, as AIMET's `aimet_tensorflow.keras.cross_layer_equalization.equalize_model` has it.
 *
 * @module
 */

import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import { type FoldedPair, foldAllBatchNorms } from './batch-norm-fold.ts';
import { CrossLayerScaling } from './cross-layer-scaling.ts';
import { HighBiasFold } from './high-bias-fold.ts';
import { replaceRelu6WithRelu } from './replace-relu6.ts';
import type { StepOptions } from './stage.ts';

/**
 * ReLU6 to ReLU, batch-norm folding, cross-layer scaling and high-bias fold, on a copy.
 *
 * The first and the last step may change the function, as they do in the reference.
 *
 * @returns the equalized copy; `model` is not touched.
 */
export function equalizeModel(model: Model, options: StepOptions = {}): Model {
  const [copy] = replaceRelu6WithRelu(model.clone(), options);
  const [foldedPairs] = foldAllBatchNorms(copy, options);
  equalizeBnFoldedModel(copy, foldedPairs, options);
  return copy;
}

/**
 * Cross-layer scaling and high-bias fold of a model whose batch norms are folded. Edits `model`.
 *
 * @param foldedPairs what {@link foldAllBatchNorms} returned
 */
export function equalizeBnFoldedModel(
  model: Model,
  foldedPairs: readonly FoldedPair[],
  options: StepOptions = {},
): void {
  const clsSetInfoList = CrossLayerScaling.scaleModel(model, options);
  HighBiasFold.biasFold(clsSetInfoList, backwardBatchNorms(foldedPairs), options);
}

/** For each layer the batch norm folded backward into it; the last of several, which shaped its output. */
export function backwardBatchNorms(foldedPairs: readonly FoldedPair[]): Map<Layer, Layer> {
  return new Map(
    foldedPairs.filter(([, bn]) => bn.foldedInto?.direction !== 'forward').map(([layer, bn]) => [layer, bn]),
  );
}
