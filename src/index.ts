/**
 * Crosslayer: cross-layer equalization of Keras models for 8-bit weights. Everything here runs in Node and in browsers;
 * `crosslayer/node` adds reading and writing of paths.
 *
 * @module
 */

export type { AbsorbedBias, AbsorbOptions } from './equalization/biases/bias-absorption.ts';
export { type AbsorptionRecord, absorbBiases, absorbPass } from './equalization/biases/bias-absorption.ts';
export {
  type BiasCorrectionRecord,
  type CorrectedBias,
  correctBias,
} from './equalization/biases/bias-correction.ts';
export { type CorrectPassOptions, correctPass } from './equalization/biases/correct-pass.ts';
export {
  correctBiasWithInputs,
  type MeasuredCorrectionOptions,
} from './equalization/biases/measured-correction.ts';
export {
  type ActivationCap,
  type CapRecord,
  capActivations,
  describeCap,
} from './equalization/caps/relu6-caps.ts';
export { type Relu6Damage, relu6Damage } from './equalization/caps/relu6-damage.ts';
export {
  type CarriedLayer,
  type CarryOptions,
  type CarryRecord,
  carryPass,
  carryScales,
} from './equalization/carriers/scale-carriers.ts';
export {
  type EqualizationRecord,
  type EqualizePass,
  equalizationPasses,
  equalize,
} from './equalization/equalize.ts';
export {
  ActivationMoments,
  type ActivationMomentsOptions,
  activationMoments,
} from './equalization/moments/activation-moments.ts';
export type { ChannelDistribution, ChannelMoments } from './equalization/moments/channel-distribution.ts';
export type { ExpectedRange } from './equalization/moments/expected-range.ts';
export { type MeasureMomentsOptions, measureMoments } from './equalization/moments/measured-moments.ts';
export {
  type MeasuredStatisticsOptions,
  measureStatistics,
} from './equalization/moments/measured-statistics.ts';
export { type KernelNoise, type KernelNoiseOptions, kernelNoise } from './equalization/noise/kernel-noise.ts';
export type { KernelQuantizer } from './equalization/noise/quantized-kernels.ts';
export type { Judge, Judgement, QuantizeOptions, Trial } from './equalization/options.ts';
export {
  BIAS_CORRECTIONS,
  type BiasCorrection,
  type EqualizeOptions,
  RELU6_POLICIES,
  type Relu6Policy,
  ROUNDINGS,
  type Settings,
  TARGETS,
  type Target,
  type WeightRounding,
} from './equalization/options.ts';
export {
  type DTypeOptionsSettings,
  dtypeOptions,
} from './equalization/packing/dtype-options.ts';
export {
  type DTypeOption,
  type PlannedWeight,
  type PlannedWeightOptions,
  planDTypes,
} from './equalization/packing/dtype-plan.ts';
export {
  type PackedWeight,
  type PackOptions,
  type PackRecord,
  packPass,
  WeightPacker,
} from './equalization/packing/pack-pass.ts';
export type { WeightPlan } from './equalization/packing/weight-plan.ts';
export {
  type QuantizationRecord,
  type QuantizePass,
  quantizationPasses,
  quantize,
} from './equalization/quantize.ts';
export {
  cancellingQuantizer,
  quantizeKernels,
} from './equalization/rounding/cancelling-quantizer.ts';
export type { SolverOptions } from './equalization/scaling/equal-ranges.ts';
export { type ScalePassOptions, type ScaleRecord, scalePass } from './equalization/scaling/scale-pass.ts';
export {
  OBJECTIVES,
  type Objective,
  type RegionRecord,
  type ScaledBound,
  type ScaledRegion,
  type ScaleRegionsOptions,
  scaleRegions,
} from './equalization/scaling/scale-regions.ts';
export {
  crosslayerSidecar,
  readSidecar,
  restoreStatistics,
  type Sidecar,
  type SidecarCorrection,
  type SidecarOptions,
  type SidecarRecord,
  type SidecarSkip,
  takeBackCorrections,
  writeSidecar,
} from './equalization/sidecar/sidecar.ts';
export {
  CannotRunError,
  CrosslayerError,
  type ErrorCode,
  FormatError,
  InvalidModelError,
  LimitError,
  OutputError,
  UnsupportedModelError,
} from './errors.ts';
export {
  type ByteSink,
  type ByteSource,
  type ModelFiles,
  memorySource,
  type OutputFiles,
} from './formats/bytes.ts';
export type { ModelFormat, WriteOptions, WriteReport } from './formats/format.ts';
export { modelFilesAmong, type NamedFile } from './formats/model-among.ts';
export { type NpzArchive, openNpz } from './formats/npy/npz.ts';
export { type NpyOptions, readNpy } from './formats/npy/read.ts';
export { memoryFiles, readModel } from './formats/read.ts';
export { releaseModel } from './formats/release.ts';
export { type MemoryOutput, writeModel, writeModelToMemory } from './formats/write.ts';
export { zipFiles } from './formats/zip/write.ts';
export type { JsonObject, JsonValue } from './json/value.ts';
export type { InputCorrelation } from './kernels/cancelling-rounding.ts';
export type { Rounding } from './kernels/rounding.ts';
export { GraphCall, GraphTensor } from './model/graph.ts';
export {
  type FoldRecord,
  Layer,
  type LayerOrigin,
  type LayerStatistics,
} from './model/layer.ts';
export type { WeightName } from './model/layer-weights.ts';
export {
  Call,
  type CallArgument,
  type CallOrigin,
  type Dialect,
  Model,
  type ModelOrigin,
  ModelTensor,
} from './model/model.ts';
export type { ModelRunner, RunOptions } from './model/model-runner.ts';
export type {
  Activation,
  BatchNormOperation,
  ConvOperation,
  ConvTransposeOperation,
  DataFormat,
  DenseOperation,
  DepthwiseConvOperation,
  MergeKind,
  Operation,
  Padding,
  PoolOperation,
  SeparableConvOperation,
  Shape,
} from './model/operation.ts';
export { describeSkip, type RegionBorder, type SkipCode, type SkipReason } from './model/skip-reason.ts';
export {
  type FoldedBatchNorm,
  type FoldedPair,
  foldAllBatchNorms,
  foldGivenBatchNorms,
  foldPass,
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
export {
  allIn,
  type OnSkip,
  type Pass,
  type PassContext,
  type PassRecord,
  type PassWatch,
  type RecordOf,
  runPasses,
  type StepOptions,
  type Veto,
} from './primitives/pass.ts';
export { replaceRelu6Pass, replaceRelu6WithRelu } from './primitives/replace-relu6.ts';
export type { QuantizationEncoding } from './quantization/encoding.ts';
export { fakeQuantize } from './quantization/fake-quantize.ts';
export { PACKED_DTYPES, type PackedDType, packedWeight } from './quantization/packing/packed-dtypes.ts';
export type { CoarseWeight } from './quantization/packing/quantized-before.ts';
export { weightBytes } from './quantization/packing/weight-bytes.ts';
export type { QuantizedWeightsOptions } from './quantization/quantized-weights.ts';
export {
  type ActivationQuantizer,
  parseQuantizer,
  QUANTIZER_PRESETS,
  type QuantizerName,
  type WeightQuantizer,
} from './quantization/quantizer.ts';
export type { ExportedEncoding, ExportedEncodings } from './quantization/simulation/export-encodings.ts';
export {
  type ActivationEncoding,
  QuantizationSimModel,
  type QuantizationSimOptions,
  type WeightEncodings,
} from './quantization/simulation/quantization-sim-model.ts';
export {
  parseQuantization,
  QUANTIZATIONS,
  type QuantizationName,
  type WeightQuantization,
} from './quantization/weight-quantizations.ts';
export { type WeightSqnr, weightSqnr } from './quantization/weight-sqnr.ts';
export {
  type EqualizeForTargetOptions,
  equalizeForTarget,
  type TargetReport,
} from './report/equalize-for-target.ts';
export type { EqualizeReport, WrittenNotes } from './report/equalize-report.ts';
export {
  type EvaluatedModel,
  type EvaluateOptions,
  type EvaluateReport,
  evaluateModel,
  evaluateWeights,
  type QuantizedLayer,
} from './report/evaluate-report.ts';
export { htmlReport } from './report/html/html-report.ts';
export { inspectContent, inspectSubject } from './report/html/inspect-content.ts';
export { quantizeContent } from './report/html/quantize-content.ts';
export type { DamageShare, ReportBlock, ReportContent, ReportSection } from './report/html/report-content.ts';
export {
  type LayerFacts,
  type ReportSubject,
  type ReportSubjectOptions,
  reportSubject,
} from './report/html/report-subject.ts';
export { stepsContent } from './report/html/steps-content.ts';
export { targetContent } from './report/html/target-content.ts';
export { type InspectReport, inspectModel } from './report/inspect-report.ts';
export {
  DAMAGE_TARGETS,
  type DamageReport,
  type DamageTarget,
  damageReport,
  type LayerDamage,
} from './report/layer-damage.ts';
export {
  isProven,
  type ProofReport,
  type ProvenRunOptions,
  type RunnableOn,
  runWithProof,
} from './report/proof-report.ts';
export type { ModelBytes, QuantizeReport, WrittenCheck } from './report/quantize-report.ts';
export { largestSpread, type RangeSpread, rangeSpreads } from './report/range-spread.ts';
export { type SidecarReport, stepsSidecar, targetSidecar } from './report/sidecar-report.ts';
export { type ChannelRanges, type ChannelStrip, channelStrips } from './report/strips/channel-strips.ts';
export type { DType, FloatValues, TensorValues } from './tensor/dtype.ts';
export type { PackedValues, Packing } from './tensor/packed-values.ts';
export {
  type ReducedRows,
  type Reduction,
  type ScaleAxis,
  Tensor,
  type TensorSource,
} from './tensor/tensor.ts';
export type { TrailingFactors } from './tensor/trailing-scale.ts';
export {
  compareOutputs,
  decisionAgreement,
  type OutputComparison,
  top1Agreement,
} from './verification/comparing/compare-outputs.ts';
export type { OutputDifference, RunComparison, Verdict } from './verification/comparing/compare-runs.ts';
export {
  type ModelWithLogits,
  type ScoreSource,
  scoresOf,
  withLogits,
} from './verification/comparing/logits.ts';
export {
  type DefaultTolerances,
  defaultTolerances,
  type Tolerances,
  type WeightPrecision,
} from './verification/comparing/tolerances.ts';
export { type VerifyOptions, type VerifyReport, verify } from './verification/comparing/verify.ts';
export { type FittedArray, fitArray } from './verification/inputs/array-inputs.ts';
export { labelsOf } from './verification/inputs/class-labels.ts';
export { guessNormalization, type NormalizationGuess } from './verification/inputs/guess-normalization.ts';
export { type ImageLayout, type ModelInput, modelInputs } from './verification/inputs/model-inputs.ts';
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
  seededInputs,
} from './verification/inputs/seeded-inputs.ts';
export {
  type PassProof,
  type ProofOptions,
  provePasses,
  type RecipeProof,
  type UndoneEdit,
} from './verification/proving/prove-passes.ts';
export { type SqnrJudgeOptions, sqnrJudge } from './verification/proving/sqnr-judge.ts';
export { runWithTfjs } from './verification/run/run-with-tfjs.ts';
export { TfjsRunner } from './verification/run/runner.ts';
export type { Backend, BackendOptions } from './verification/run/tfjs-backend.ts';
