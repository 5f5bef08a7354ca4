/**
 * Encodings in the form that AIMET's on-target tools read.
 *
 * @module
 */

import type { QuantizationEncoding } from '../encoding.ts';
import type { ActivationQuantizer, WeightQuantizer } from '../quantizer.ts';

/** One encoding in the file. */
export interface ExportedEncoding {
  readonly bitwidth: number;
  readonly dtype: 'int';
  readonly is_symmetric: 'True' | 'False';
  readonly max: number;
  readonly min: number;
  /** A whole number, 0 or less: a quantized q stands for `scale * (q + offset)`. */
  readonly offset: number;
  readonly scale: number;
}

/**
 * What `aimet_tensorflow.keras.quantsim.QuantizationSimModel.export` writes to its `.encodings` file, version 0.6.1:
 * lists of encodings under the names of tensors and of weights. The list of a tensor has one entry; that of a weight one,
 * or one for each output channel. (The PyTorch variant nests `input` and `output` in `activation_encodings`; this one,
 * `get_encodings_dict` for Keras, does not.)
 */
export interface ExportedEncodings {
  readonly version: '0.6.1';
  readonly activation_encodings: Readonly<Record<string, readonly ExportedEncoding[]>>;
  readonly param_encodings: Readonly<Record<string, readonly ExportedEncoding[]>>;
  readonly quantizer_args: ExportedQuantizers;
}

/** How encodings were found. */
export interface ExportedQuantizers {
  readonly quant_scheme: 'post_training_tf';
  readonly param_bitwidth: number;
  readonly activation_bitwidth: number;
  readonly dtype: 'int';
  readonly is_symmetric: boolean;
  readonly per_channel_quantization: boolean;
}

/** The encodings of a tensor or a weight in version 1.0.0. */
export interface ExportedTensorEncodings {
  readonly name: string;
  readonly dtype: 'INT';
  readonly bw: number;
  readonly enc_type: 'PER_TENSOR' | 'PER_CHANNEL';
  readonly is_sym: boolean;
  /** One, or one for each output channel. */
  readonly scale: readonly number[];
  /** As many, with the signs of version 0.6.1. */
  readonly offset: readonly number[];
}

/** What AIMET 2 writes where it is asked for version 1.0.0: a list with an entry for each tensor and weight. */
export interface ExportedEncodingLists {
  readonly version: '1.0.0';
  readonly activation_encodings: readonly ExportedTensorEncodings[];
  readonly param_encodings: readonly ExportedTensorEncodings[];
  readonly quantizer_args: ExportedQuantizers;
}

/** Encodings under their names. */
export type NamedEncodings = Iterable<readonly [name: string, encodings: readonly QuantizationEncoding[]]>;

/** What encodings were found with. */
interface Quantizers {
  readonly weights: WeightQuantizer;
  readonly activations: ActivationQuantizer;
}

/** The document for these encodings. */
export function exportedEncodings(
  activations: NamedEncodings,
  parameters: NamedEncodings,
  quantizers: Quantizers,
): ExportedEncodings {
  return {
    version: '0.6.1',
    activation_encodings: exportedLists(activations),
    param_encodings: exportedLists(parameters),
    quantizer_args: exportedQuantizers(quantizers),
  };
}

/** The document for these encodings in version 1.0.0. */
export function exportedEncodingLists(
  activations: NamedEncodings,
  parameters: NamedEncodings,
  quantizers: Quantizers,
): ExportedEncodingLists {
  return {
    version: '1.0.0',
    activation_encodings: Array.from(activations, exportedTensor),
    param_encodings: Array.from(parameters, exportedTensor),
    quantizer_args: exportedQuantizers(quantizers),
  };
}

function exportedQuantizers({ weights, activations }: Quantizers): ExportedQuantizers {
  return {
    quant_scheme: 'post_training_tf',
    param_bitwidth: weights.bits,
    activation_bitwidth: activations.bits,
    dtype: 'int',
    is_symmetric: weights.symmetric,
    per_channel_quantization: weights.perChannel,
  };
}

function exportedTensor([name, encodings]: readonly [
  string,
  readonly QuantizationEncoding[],
]): ExportedTensorEncodings {
  const [first] = encodings;
  return {
    name,
    dtype: 'INT',
    bw: first?.bitwidth ?? 0,
    enc_type: encodings.length > 1 ? 'PER_CHANNEL' : 'PER_TENSOR',
    is_sym: first?.isSymmetric ?? false,
    scale: encodings.map(({ scale }) => scale),
    offset: encodings.map(({ offset }) => offset),
  };
}

function exportedLists(named: NamedEncodings): Record<string, ExportedEncoding[]> {
  return Object.fromEntries(Array.from(named, ([name, encodings]) => [name, encodings.map(exported)]));
}

function exported({
  bitwidth,
  isSymmetric,
  max,
  min,
  offset,
  scale,
}: QuantizationEncoding): ExportedEncoding {
  return { bitwidth, dtype: 'int', is_symmetric: isSymmetric ? 'True' : 'False', max, min, offset, scale };
}
