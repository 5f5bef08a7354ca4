/**
 * Crosslayer: cross-layer equalization of Keras models for 8-bit weights. What a newcomer needs; runs in Node and in browsers.
 *
 * `crosslayer/node` adds reading and writing of paths, `crosslayer/tfjs` live models of TF.js, `crosslayer/aimet` the reference's
 * functions; `crosslayer/quantization`, `crosslayer/verification` and `crosslayer/report` are for those who go deeper.
 *
 * @module
 */

export { type EqualizationRecord, equalize } from './equalization/equalize.ts';
export {
  type EqualizeOptions,
  type QuantizeOptions,
  RELU6_POLICIES,
  type Relu6Policy,
  TARGETS,
  type Target,
} from './equalization/options.ts';
export { type QuantizationRecord, quantize } from './equalization/quantize.ts';
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
export type { ModelFormat, UnsupportedLayer, WriteOptions, WriteReport } from './formats/format.ts';
export { modelFilesAmong, type NamedFile } from './formats/model-among.ts';
export { memoryFiles, readModel } from './formats/read.ts';
export { releaseModel } from './formats/release.ts';
export { writeTflite } from './formats/tflite/write-plan.ts';
export { type MemoryOutput, writeModel, writeModelToMemory } from './formats/write.ts';
export { zipFiles } from './formats/zip/write.ts';
export { Layer } from './model/layer.ts';
export { Model } from './model/model.ts';
export type { Progress } from './model/progress.ts';
export { describeSkip, type SkipReason } from './model/skip-reason.ts';
export { Tensor } from './tensor/tensor.ts';
export { type VerifyOptions, type VerifyReport, verify } from './verification/comparing/verify.ts';
export { seededInputs } from './verification/inputs/seeded-inputs.ts';
export { TfjsRunner } from './verification/run/runner.ts';
