/**
 * A whole-integer model in one call.
 *
 * @module
 */

import type { Model } from '../model/model.ts';
import { type IntegerPlan, integerPlan } from '../quantization/integer/integer-plan.ts';
import { parseQuantizer, type WeightQuantizer } from '../quantization/quantizer.ts';
import { type EqualizationRecord, equalize } from './equalize.ts';
import type { BiasCorrection, EqualizeOptions, WeightRounding } from './options.ts';
import { type SourcedRange, type TensorRangeOptions, tensorRanges } from './ranges/tensor-ranges.ts';

/** Which weights of a whole-integer model share a scale. */
export const INTEGER_WEIGHTS = ['per-channel', 'per-tensor'] as const;

/** See {@link INTEGER_WEIGHTS}. */
export type IntegerWeights = (typeof INTEGER_WEIGHTS)[number];

/** How a model becomes one of whole numbers. */
export interface IntegerOptions extends TensorRangeOptions {
  /** `per-channel` where it is left out: a scale for each output channel; `per-tensor` for hardware that has no other. */
  readonly weights?: IntegerWeights;
  /** `cancelling` where it is left out. */
  readonly rounding?: WeightRounding;
  /** Left out: `measured` where there are samples, else `analytic`. */
  readonly biasCorrection?: BiasCorrection;
}

/** How a whole-integer model came to be. */
export interface IntegerRecord {
  readonly weights: IntegerWeights;
  /** What made the model ready for its integers. */
  readonly equalization: EqualizationRecord;
  /** The ranges that decide the grids of tensors, and where each is from. */
  readonly ranges: readonly SourcedRange[];
}

/** The quantizer of weights that a model is made ready for, and that its plan has. */
export function integerQuantizer(weights: IntegerWeights): WeightQuantizer {
  return parseQuantizer(targetOf(weights));
}

/** How a model is equalized for whole numbers. */
export function integerRecipe({
  weights = 'per-channel',
  rounding = 'cancelling',
  biasCorrection,
  samples,
}: IntegerOptions): EqualizeOptions {
  if (!INTEGER_WEIGHTS.includes(weights)) {
    throw new RangeError(`weights: '${weights}'; choose from ${INTEGER_WEIGHTS.join(', ')}`);
  }
  return {
    target: targetOf(weights),
    rounding,
    ...(biasCorrection ? { biasCorrection } : {}),
    ...(samples ? { samples } : {}),
  };
}

/**
 * The plan of `model` in whole numbers: batch norms folded, for weights per tensor its channels scaled, kernels rounded so that
 * errors cancel, biases corrected for it, and a grid for each tensor. `writeTflite` and `saveTflite` make a `.tflite` file of it. The same for the same model and options.
 *
 * Without samples the ranges of tensors are what the statistics of batch norms tell; give `inputRanges`, and `standIns` for tensors
 * of which they tell nothing.
 *
 * @throws RangeError where an option is none; InvalidModelError where nothing tells a range, or numbers do not fit; CannotRunError
 * where samples or stand-ins are given and the model cannot be run.
 */
export async function quantizeIntegers(
  model: Model,
  options: IntegerOptions = {},
): Promise<{ readonly plan: IntegerPlan; readonly report: IntegerRecord }> {
  const { weights = 'per-channel' } = options;
  const { model: ready, report: equalization } = await equalize(model, integerRecipe(options));
  const ranges = await tensorRanges(ready, options);
  const plan = integerPlan(ready, { weights: integerQuantizer(weights), ranges });
  return { plan, report: { weights, equalization, ranges: [...ranges.values()] } };
}

function targetOf(weights: IntegerWeights): 'int8-per-channel' | 'int8-per-tensor-symmetric' {
  return weights === 'per-channel' ? 'int8-per-channel' : 'int8-per-tensor-symmetric';
}
