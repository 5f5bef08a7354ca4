/**
 * Running models and comparing what they compute: runners, inputs, recorded runs, tolerances, proofs. Runs in Node and in browsers.
 *
 * @module
 */

export { type NpzArchive, openNpz } from './formats/npy/npz.ts';
export { type NpyOptions, readNpy } from './formats/npy/read.ts';
export type { ModelRunner, RunOptions } from './model/model-runner.ts';
export { type Accuracy, accuracyOf } from './verification/comparing/accuracy.ts';
export {
  compareOutputs,
  decisionAgreement,
  type OutputComparison,
  top1Agreement,
} from './verification/comparing/compare-outputs.ts';
export {
  compareRuns,
  type MeasuredOutput,
  type OutputDifference,
  type RunComparison,
  type Verdict,
} from './verification/comparing/compare-runs.ts';
export {
  floatModel,
  type IntegerModel,
  type IntegerModelOptions,
  integerModel,
} from './verification/comparing/integer-model.ts';
export {
  type ModelWithLogits,
  type ScoreSource,
  scoresOf,
  withLogits,
} from './verification/comparing/logits.ts';
export { type ModelRun, type RecordOptions, recordRun } from './verification/comparing/model-run.ts';
export {
  type GridRun,
  type GridRunOptions,
  type Grids,
  isWholeInteger,
  recordOnGrids,
} from './verification/comparing/record-on-grids.ts';
export {
  type DefaultTolerances,
  defaultTolerances,
  LEAST_SQNR_DB,
  type Tolerances,
  type WeightPrecision,
} from './verification/comparing/tolerances.ts';
export { type FittedArray, fitArray } from './verification/inputs/array-inputs.ts';
export { labelsOf } from './verification/inputs/class-labels.ts';
export { guessNormalization, type NormalizationGuess } from './verification/inputs/guess-normalization.ts';
export { inputRanges, inputRangesOn } from './verification/inputs/input-ranges.ts';
export {
  describeScaling,
  type ImageLayout,
  type ModelInput,
  modelInputs,
} from './verification/inputs/model-inputs.ts';
export {
  describeNormalization,
  NORMALIZATIONS,
  type Normalization,
  normalizePixels,
  type PixelScaling,
  pixelScaling,
} from './verification/inputs/normalization.ts';
export {
  SEEDED_IMAGE_SIZE,
  SEEDED_SIZE,
  type SeededInputOptions,
} from './verification/inputs/seeded-inputs.ts';
export { type RecordTfliteOptions, recordTflite } from './verification/litert/compare-tflite.ts';
export { type RunTfliteOptions, runTflite } from './verification/litert/run-tflite.ts';
export {
  Litert,
  type LitertFactory,
  type LitertFiles,
  type LitertModel,
} from './verification/litert/runtime.ts';
export { type TfliteCandidate, verifyTflite } from './verification/litert/verify-tflite.ts';
export {
  type PassProof,
  type ProofOptions,
  provePasses,
  type RecipeProof,
  type UndoneEdit,
} from './verification/proving/prove-passes.ts';
export { type SqnrJudgeOptions, sqnrJudge } from './verification/proving/sqnr-judge.ts';
export { LAYERS_SCRIPT, layersScriptFor, type ScriptedReport } from './verification/run/layers-script-for.ts';
export { runWithTfjs } from './verification/run/run-with-tfjs.ts';
export { forChoosing } from './verification/run/samples.ts';
export type { Backend, BackendOptions } from './verification/run/tfjs-backend.ts';
