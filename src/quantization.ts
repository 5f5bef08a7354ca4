/**
 * Quantizing weights: quantizers, encodings, the simulation of the reference, packing into few bits, rounding whose errors cancel.
 * Runs in Node and in browsers.
 *
 * @module
 */

export {
  type AbsorbedBias,
  type AbsorbOptions,
  type AbsorptionRecord,
  absorbBiases,
  absorbPass,
} from './equalization/biases/bias-absorption.ts';
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
export { settingsTried } from './equalization/choose-settings.ts';
export { type EqualizePass, equalizationPasses } from './equalization/equalize.ts';
export {
  ActivationMoments,
  type ActivationMomentsOptions,
  activationMoments,
} from './equalization/moments/activation-moments.ts';
export type { ChannelDistribution, ChannelMoments } from './equalization/moments/channel-distribution.ts';
export type { ExpectedRange } from './equalization/moments/expected-range.ts';
export {
  type MeasuredStatisticsOptions,
  type MeasureMomentsOptions,
  measureMoments,
  measureStatistics,
} from './equalization/moments/measured-moments.ts';
export { type KernelNoise, type KernelNoiseOptions, kernelNoise } from './equalization/noise/kernel-noise.ts';
export type { KernelQuantizer } from './equalization/noise/quantized-kernels.ts';
export {
  BIAS_CORRECTIONS,
  type BiasCorrection,
  type Judge,
  type Judgement,
  ROUNDINGS,
  type Settings,
  type Trial,
  type WeightRounding,
} from './equalization/options.ts';
export type { DTypeOption } from './equalization/packing/dtype-plan.ts';
export {
  type PackedWeight,
  type PackOptions,
  type PackRecord,
  packPass,
  WeightPacker,
} from './equalization/packing/pack-pass.ts';
export type { WeightPlan } from './equalization/packing/weight-plan.ts';
export { type QuantizePass, quantizationPasses } from './equalization/quantize.ts';
export {
  equalizeFloat,
  type FloatOptions,
  floatRecipe,
  INTEGER_WEIGHTS,
  type IntegerOptions,
  type IntegerRecord,
  type IntegerWeights,
  integerQuantizer,
  integerRecipe,
  quantizeIntegers,
} from './equalization/quantize-integers.ts';
export {
  type ExpectedRangeOptions,
  expectedRanges,
  type RangeSamples,
  type RangeSource,
  type SourcedRange,
  type TensorRangeOptions,
  type TensorRanges,
  tensorRanges,
} from './equalization/ranges/tensor-ranges.ts';
export { cancellingQuantizer, quantizeKernels } from './equalization/rounding/cancelling-quantizer.ts';
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
export { messageOf } from './errors.ts';
export { checkForTflite } from './formats/tflite/check-model.ts';
export type {
  OptionValue,
  TfliteGraph,
  TfliteOperator,
  TflitePort,
  TfliteQuantization,
  TfliteTensor,
  TfliteType,
  TfliteValues,
} from './formats/tflite/graph.ts';
export { type NotTaken, operatorsNotTaken, type TfliteHardware } from './formats/tflite/hardware.ts';
export {
  type LowerOptions,
  layersInFloat,
  lowerPlan,
  TFLITE_IO,
  type TfliteIo,
} from './formats/tflite/lower.ts';
export type { OperatorName } from './formats/tflite/operators.ts';
export type { JsonObject, JsonValue } from './json/value.ts';
export type { InputCorrelation } from './kernels/cancelling-rounding.ts';
export type { ChannelLayout } from './kernels/channel-layout.ts';
export type { ClippedNormals } from './kernels/normal-pieces.ts';
export type { Rounding } from './kernels/rounding.ts';
export { withInputShapes } from './model/edit.ts';
export { buildGraph, type Graph, GraphCall, GraphTensor, tensorKey } from './model/graph.ts';
export { inInference } from './model/in-inference.ts';
export type { FoldRecord, LayerOrigin, LayerStatistics } from './model/layer.ts';
export type { WeightName } from './model/layer-weights.ts';
export {
  Call,
  type CallArgument,
  type CallOrigin,
  type Dialect,
  type ModelOrigin,
  ModelTensor,
} from './model/model.ts';
export type {
  Activation,
  AxisPart,
  BatchNormOperation,
  CapOperation,
  ConvOperation,
  ConvTransposeOperation,
  DataFormat,
  DenseOperation,
  DepthwiseConvOperation,
  MergeKind,
  Operation,
  Padding,
  PoolOperation,
  RescalingOperation,
  SeparableConvOperation,
  Shape,
} from './model/operation.ts';
export { castWeights, WEIGHT_DTYPES, type WeightDType } from './model/precision.ts';
export type { Tell, WatchOptions } from './model/progress.ts';
export type { DecidedBy, RegionBorder, SkipCode } from './model/skip-reason.ts';
export { foldPass } from './primitives/batch-norm-fold.ts';
export {
  allIn,
  type EntryOf,
  type FieldIn,
  type Pass,
  type PassContext,
  type PassRecord,
  type PassWatch,
  type RecordOf,
  runPasses,
  type Veto,
} from './primitives/pass.ts';
export { fakeQuantize } from './quantization/fake-quantize.ts';
export { separateOperands } from './quantization/integer/concatenated-grids.ts';
export { type FloatPlan, floatPlan } from './quantization/integer/float-plan.ts';
export {
  type GridGroup,
  type GridGroupOptions,
  gridGroups,
  type TensorScale,
} from './quantization/integer/grid-groups.ts';
export { integerForm } from './quantization/integer/integer-form.ts';
export {
  type IntegerPlan,
  type IntegerPlanOptions,
  integerPlan,
} from './quantization/integer/integer-plan.ts';
export { type IntegerBias, type IntegerKernel, kernelKey } from './quantization/integer/integer-weights.ts';
export { rangeGrid, type TensorRange } from './quantization/integer/range-grid.ts';
export { type PlanParts, type RunPlanOptions, runPlan } from './quantization/integer/simulate-plan.ts';
export { PACKED_DTYPES, type PackedDType } from './quantization/packing/packed-dtypes.ts';
export {
  type CoarseWeight,
  layersQuantizedBefore,
  storedCoarsely,
} from './quantization/packing/quantized-before.ts';
export { weightBytes } from './quantization/packing/weight-bytes.ts';
export type { QuantizedWeightsOptions } from './quantization/quantized-weights.ts';
export {
  type ActivationQuantizer,
  parseQuantizer,
  QUANTIZER_PRESETS,
  type QuantizerName,
  type WeightQuantizer,
} from './quantization/quantizer.ts';
export {
  parseQuantization,
  QUANTIZATIONS,
  type QuantizationName,
  type WeightQuantization,
} from './quantization/weight-quantizations.ts';
export { type WeightSqnr, weightSqnr } from './quantization/weight-sqnr.ts';
export type { DType, FloatValues, TensorValues } from './tensor/dtype.ts';
export type { PackedValues, Packing } from './tensor/packed-values.ts';
export type { ReducedRows, Reduction, ScaleAxis, TensorSource } from './tensor/tensor.ts';
export type { TrailingFactors } from './tensor/trailing-scale.ts';
