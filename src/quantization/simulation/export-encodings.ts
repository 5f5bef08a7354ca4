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
  readonly quantizer_args: {
    readonly quant_scheme: 'post_training_tf';
    readonly param_bitwidth: number;
    readonly activation_bitwidth: number;
    readonly dtype: 'int';
    readonly is_symmetric: boolean;
    readonly per_channel_quantization: boolean;
  };
}

/** Encodings under their names. */
export type NamedEncodings = Iterable<readonly [name: string, encodings: readonly QuantizationEncoding[]]>;

/** The document for these encodings. */
export function exportedEncodings(
  activations: NamedEncodings,
  parameters: NamedEncodings,
  quantizers: { readonly weights: WeightQuantizer; readonly activations: ActivationQuantizer },
): ExportedEncodings {
  return {
    version: '0.6.1',
    activation_encodings: exportedLists(activations),
    param_encodings: exportedLists(parameters),
    quantizer_args: {
      quant_scheme: 'post_training_tf',
      param_bitwidth: quantizers.weights.bits,
      activation_bitwidth: quantizers.activations.bits,
      dtype: 'int',
      is_symmetric: quantizers.weights.symmetric,
      per_channel_quantization: quantizers.weights.perChannel,
    },
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
