/**
 * What `quantize` can be told, and what is usual where it is not.
 *
 * @module
 */

import type { ModelRunner } from '../model/model-runner.ts';
import { PACKED_DTYPES, type PackedDType } from '../quantization/packing/packed-dtypes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Judge } from './judge.ts';
import { BIAS_CORRECTIONS, type BiasCorrection, ROUNDINGS, type WeightRounding } from './options.ts';

/** How a model is quantized. */
export interface QuantizeOptions {
  /** What weights are packed as; `uint8` where it is left out. */
  readonly dtype?: PackedDType;
  /** Instead of one dtype for all: that of each kernel is chosen so that the outputs suffer least of it. */
  readonly plan?: {
    /** Bytes that all weights of the model may take together, those that stay in float32 among them. */
    readonly budget: number;
  };
  /** Patterns of names of layers, of which one has to match; all layers where it is left out. `*` stands for any characters. */
  readonly include?: readonly string[];
  /** Patterns of names of layers that stay in float32. */
  readonly exclude?: readonly string[];
  /**
   * Whether batch norms take the scales of channels and biases are corrected first. Left out: where kernels become uint8,
   * unless they lie on a grid of 8 bits already, which it would have them rounded to a second time.
   */
  readonly prepare?: boolean;
  /** How kernels come onto a grid of 8 bits; `cancelling` where it is left out. */
  readonly rounding?: WeightRounding;
  /** Left out: `measured` where there are samples, else `analytic`. */
  readonly biasCorrection?: BiasCorrection;
  /** What the model is run on for measured corrections; one tensor for each input, with the samples first. */
  readonly samples?: { readonly runner: ModelRunner; readonly inputs: readonly Tensor[] };
  /** What settings that are left out are tried by, as for `equalize`. */
  readonly judge?: Judge;
}

/** @throws RangeError where an option is none. */
export function checkQuantizeOptions(options: QuantizeOptions): void {
  const { dtype, plan, rounding, biasCorrection, samples } = options;
  if (dtype !== undefined && !PACKED_DTYPES.includes(dtype)) {
    throw new RangeError(`dtype: '${dtype}'; choose from ${PACKED_DTYPES.join(', ')}`);
  }
  if (plan && !(plan.budget > 0 && plan.budget < Infinity)) {
    throw new RangeError(`plan: a budget of ${plan.budget} bytes; give a number above 0`);
  }
  if (plan && dtype !== undefined) {
    throw new RangeError(`plan: it chooses the dtype of each kernel; leave the dtype ${dtype} out`);
  }
  if (rounding !== undefined && !ROUNDINGS.includes(rounding)) {
    throw new RangeError(`rounding: '${rounding}'; choose from ${ROUNDINGS.join(', ')}`);
  }
  if (biasCorrection !== undefined && !BIAS_CORRECTIONS.includes(biasCorrection)) {
    throw new RangeError(`biasCorrection: '${biasCorrection}'; choose from ${BIAS_CORRECTIONS.join(', ')}`);
  }
  if (biasCorrection === 'measured' && !samples) {
    throw new RangeError("biasCorrection: 'measured' takes samples to measure with");
  }
}
