/**
 * Quantizing weights: quantizers, encodings, the simulation of the reference, packing into few bits, rounding whose errors cancel.
 * Runs in Node and in browsers.
 *
 * @module
 */

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
export { type QuantizationRecord, type QuantizePass, quantizationPasses } from './equalization/quantize.ts';
export {
  cancellingQuantizer,
  quantizeKernels,
} from './equalization/rounding/cancelling-quantizer.ts';
export type { InputCorrelation } from './kernels/cancelling-rounding.ts';
export type { Rounding } from './kernels/rounding.ts';
export type { QuantizationEncoding } from './quantization/encoding.ts';
export { fakeQuantize } from './quantization/fake-quantize.ts';
export { PACKED_DTYPES, type PackedDType, packedWeight } from './quantization/packing/packed-dtypes.ts';
export type { CoarseWeight } from './quantization/packing/quantized-before.ts';
export { layersQuantizedBefore, storedCoarsely } from './quantization/packing/quantized-before.ts';
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
