/**
 * The whole recipe of the reference, as AIMET's `aimet_tensorflow.keras.cross_layer_equalization.equalize_model` has it.
 *
 * @module
 */

import type { Model } from '../model/model.ts';
import { type FoldedPair, foldAllBatchNorms, foldPass } from './batch-norm-fold.ts';
import { CrossLayerScaling, scaleSetsPass } from './cross-layer-scaling.ts';
import { backwardBatchNorms, HighBiasFold, highBiasFoldPass } from './high-bias-fold.ts';
import type { RecordOf, StepOptions } from './pass.ts';
import { replaceRelu6Pass, replaceRelu6WithRelu } from './replace-relu6.ts';

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

/** The steps of the reference in the order in which they run. */
export const STEPS = ['relu6', 'fold', 'scale', 'bias'] as const;

/** One of the {@link STEPS}. */
export type Step = (typeof STEPS)[number];

/** A pass of the reference's recipe. */
export type StepPass = ReturnType<
  typeof replaceRelu6Pass | typeof foldPass | typeof scaleSetsPass | typeof highBiasFoldPass
>;

const PASSES: Readonly<Record<Step, () => StepPass>> = {
  relu6: replaceRelu6Pass,
  fold: foldPass,
  scale: scaleSetsPass,
  bias: highBiasFoldPass,
};

/** What a step of the reference did. */
export type StepRecord = RecordOf<StepPass>;

/**
 * The recipe of the reference as a list of passes: all {@link STEPS}, or `steps` in their order, whatever the order given.
 * `fold` and `scale` keep the function; `relu6` and `bias` may change it, as in the reference.
 */
export function referencePasses(steps: readonly Step[] = STEPS): StepPass[] {
  return STEPS.filter((step) => steps.includes(step)).map((step) => PASSES[step]());
}
