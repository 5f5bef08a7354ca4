/**
 * Crosslayer: cross-layer equalization of Keras models for 8-bit weights. Everything here runs in Node and in browsers;
 * `crosslayer/node` adds reading and writing of paths.
 *
 * @module
 */

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
export type { ByteSink, ByteSource, ModelFiles, OutputFiles } from './formats/bytes.ts';
export type { ModelFormat, WriteOptions, WriteReport } from './formats/format.ts';
export { memoryFiles, readModel } from './formats/read.ts';
export { type MemoryOutput, writeModel, writeModelToMemory } from './formats/write.ts';
export { GraphCall, GraphTensor } from './model/graph.ts';
export { type JsonObject, type JsonValue, Layer, type LayerOrigin, type WeightName } from './model/layer.ts';
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
export {
  type FoldedPair,
  foldAllBatchNorms,
  foldGivenBatchNorms,
  type LayerPair,
} from './primitives/batch-norm-fold.ts';
export { ClsSetInfo, ClsSetLayerPairInfo } from './primitives/cls-set-info.ts';
export { CrossLayerScaling, type ScaleFactors } from './primitives/cross-layer-scaling.ts';
export { equalizeBnFoldedModel, equalizeModel } from './primitives/equalize-model.ts';
export { HighBiasFold } from './primitives/high-bias-fold.ts';
export type { ClsSet, ReluFlags } from './primitives/layer-groups.ts';
export { replaceRelu6WithRelu } from './primitives/replace-relu6.ts';
export { runSteps, STEPS, type Step, type StepRecord, type StepWatch } from './primitives/run-steps.ts';
export {
  describeSkip,
  type OnSkip,
  type SkipCode,
  type SkipReason,
  type StepOptions,
} from './primitives/skip-reason.ts';
export { type EqualizeReport, equalizeReport } from './report/equalize-report.ts';
export { type InspectReport, inspectModel } from './report/inspect-report.ts';
export { largestSpread, type RangeSpread, rangeSpreads } from './report/range-spread.ts';
export type { DType, FloatValues, TensorValues } from './tensor/dtype.ts';
export {
  type ReducedRows,
  type Reduction,
  type ScaleAxis,
  Tensor,
  type TensorSource,
} from './tensor/tensor.ts';
export type { TrailingFactors } from './tensor/trailing-scale.ts';
