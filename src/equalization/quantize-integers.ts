/**
 * A whole-integer model in one call, or a float one for what quantizes behind it.
 *
 * @module
 */

import type { Model } from '../model/model.ts';
import { type WatchOptions, watchOf } from '../model/progress.ts';
import { type FloatPlan, floatPlan } from '../quantization/integer/float-plan.ts';
import { type IntegerPlan, integerPlan } from '../quantization/integer/integer-plan.ts';
import type { WeightQuantizer } from '../quantization/quantizer.ts';
import { type EqualizationRecord, equalize } from './equalize.ts';
import { type BiasCorrection, type EqualizeOptions, quantizerOf, type WeightRounding } from './options.ts';
import { type SourcedRange, type TensorRangeOptions, tensorRanges } from './ranges/tensor-ranges.ts';

/** Which weights of a whole-integer model share a scale. */
export const INTEGER_WEIGHTS = ['per-channel', 'per-tensor'] as const;

/** See {@link INTEGER_WEIGHTS}. */
export type IntegerWeights = (typeof INTEGER_WEIGHTS)[number];

/** How a model becomes one of whole numbers. */
export interface IntegerOptions extends TensorRangeOptions {
  /** `per-channel` where it is left out: a scale for each output channel; `per-tensor` for hardware that has no other. */
  readonly weights?: IntegerWeights;
  /** Kernels of Dense layers, which older runtimes of microcontrollers take `per-tensor` alone; as `weights` where it is left out. */
  readonly dense?: IntegerWeights;
  /** `cancelling` where it is left out. */
  readonly rounding?: WeightRounding;
  /** Left out: `measured` where there are samples, else `analytic`. */
  readonly biasCorrection?: BiasCorrection;
}

/** How a float model is made ready. */
export interface FloatOptions extends WatchOptions {
  /** What a quantizer behind it will make of kernels, as {@link IntegerOptions.weights}. */
  readonly weights?: IntegerWeights;
}

/** How a whole-integer model came to be. */
export interface IntegerRecord {
  readonly weights: IntegerWeights;
  readonly dense: IntegerWeights;
  /** What made the model ready for its integers. */
  readonly equalization: EqualizationRecord;
  /** The ranges that decide the grids of tensors, and where each is from. */
  readonly ranges: readonly SourcedRange[];
}

/** The quantizer of weights that a model is made ready for, and that its plan has. */
export function integerQuantizer(options: Pick<IntegerOptions, 'weights' | 'dense'>): WeightQuantizer {
  return quantizerOf(targetOf(options));
}

/** How a model is equalized for whole numbers. */
export function integerRecipe(
  options: Omit<IntegerOptions, keyof TensorRangeOptions> &
    Pick<IntegerOptions, 'samples' | keyof WatchOptions>,
): EqualizeOptions {
  const { rounding = 'cancelling', biasCorrection, samples } = options;
  return {
    ...targetOf(options),
    ...watchOf(options),
    rounding,
    ...(biasCorrection ? { biasCorrection } : {}),
    ...(samples ? { samples } : {}),
  };
}

/** How a model is equalized that stays in float: what it computes stays too. */
export function floatRecipe(options: FloatOptions): EqualizeOptions {
  return { ...targetOf(options), ...watchOf(options), rounding: 'nearest', biasCorrection: 'none' };
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
  const { model: ready, report: equalization } = await equalize(model, integerRecipe(options));
  const ranges = await tensorRanges(ready, options);
  const plan = integerPlan(ready, { weights: integerQuantizer(options), ranges });
  return { plan, report: { ...scalesOf(options), equalization, ranges: [...ranges.values()] } };
}

/**
 * The plan of a float file of `model`, for a tool that quantizes it: batch norms folded, for weights per tensor its channels scaled.
 * It computes what the model does.
 *
 * @throws RangeError where an option is none.
 */
export async function equalizeFloat(
  model: Model,
  options: FloatOptions = {},
): Promise<{ readonly plan: FloatPlan; readonly report: Omit<IntegerRecord, 'ranges'> }> {
  const { model: ready, report: equalization } = await equalize(model, floatRecipe(options));
  return { plan: floatPlan(ready), report: { ...scalesOf(options), equalization } };
}

/** What kernels get, with what is usual where it is left out. */
export function scalesOf({
  weights = 'per-channel',
  dense = weights,
}: Pick<IntegerOptions, 'weights' | 'dense'>): Pick<IntegerRecord, 'weights' | 'dense'> {
  for (const [name, value] of Object.entries({ weights, dense })) {
    if (INTEGER_WEIGHTS.includes(value)) continue;
    throw new RangeError(`${name}: '${value}'; choose from ${INTEGER_WEIGHTS.join(', ')}`);
  }
  if (weights === 'per-tensor' && dense === 'per-channel') {
    throw new RangeError(
      "dense: 'per-channel' among weights that are 'per-tensor'; leave one of the two out",
    );
  }
  return { weights, dense };
}

function targetOf(
  options: Pick<IntegerOptions, 'weights' | 'dense'>,
): Pick<EqualizeOptions, 'target' | 'densePerTensor'> {
  const { weights, dense } = scalesOf(options);
  if (weights === 'per-tensor') return { target: 'int8-per-tensor-symmetric' };
  return { target: 'int8-per-channel', densePerTensor: dense === 'per-tensor' };
}
