/**
 * The reference API: the functions and classes of AIMET's `aimet_tensorflow.keras` under the reference's names, in camelCase.
 * docs/porting.md has both side by side. Runs in Node and in browsers.
 *
 * @module
 */

export {
  type FoldedBatchNorm,
  type FoldedPair,
  foldAllBatchNorms,
  foldGivenBatchNorms,
  foldsOf,
  type LayerPair,
} from './primitives/batch-norm-fold.ts';
export { ClsSetInfo, ClsSetLayerPairInfo } from './primitives/cls-set-info.ts';
export {
  CrossLayerScaling,
  type ScaledSet,
  type ScaleFactors,
  scaleSetsPass,
} from './primitives/cross-layer-scaling.ts';
export {
  equalizeBnFoldedModel,
  equalizeModel,
  referencePasses,
  STEPS,
  type Step,
  type StepPass,
  type StepRecord,
} from './primitives/equalize-model.ts';
export { HighBiasFold, highBiasFoldPass, type MovedBias } from './primitives/high-bias-fold.ts';
export type { ClsSet, ReluFlags } from './primitives/layer-groups.ts';
export type { OnSkip, StepOptions } from './primitives/pass.ts';
export { replaceRelu6Pass, replaceRelu6WithRelu } from './primitives/replace-relu6.ts';
export type { QuantizationEncoding } from './quantization/encoding.ts';
export type {
  ExportedEncoding,
  ExportedEncodingLists,
  ExportedEncodings,
  ExportedQuantizers,
  ExportedTensorEncodings,
} from './quantization/simulation/export-encodings.ts';
export {
  type ActivationEncoding,
  QuantizationSimModel,
  type QuantizationSimOptions,
  type WeightEncodings,
} from './quantization/simulation/quantization-sim-model.ts';
