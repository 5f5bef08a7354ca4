/**
 * A model of 8-bit or 16-bit weights in one call.
 *
 * @module
 */

import type { Model } from '../model/model.ts';
import { watchOf } from '../model/progress.ts';
import { type RecordOf, runPasses } from '../primitives/pass.ts';
import type { FloatPlan } from '../quantization/integer/float-plan.ts';
import type { IntegerPlan } from '../quantization/integer/integer-plan.ts';
import {
  type CoarseWeight,
  layersQuantizedBefore,
  storedCoarsely,
} from '../quantization/packing/quantized-before.ts';
import { correctPass } from './biases/correct-pass.ts';
import { carryPass, carryScales } from './carriers/scale-carriers.ts';
import { chooseSettings } from './choose-settings.ts';
import { equalizationPasses } from './equalize.ts';
import { measureStatistics } from './moments/measured-moments.ts';
import { checkQuantizeOptions, type QuantizeOptions, type Trial } from './options.ts';
import { packPass, WeightPacker } from './packing/pack-pass.ts';
import { checkBudget } from './packing/weight-plan.ts';
import {
  equalizeFloat,
  type FloatOptions,
  type IntegerOptions,
  type IntegerRecord,
  quantizeIntegers,
} from './quantize-integers.ts';

/** A pass of `quantize`, of which the first two prepare. */
export type QuantizePass = ReturnType<typeof carryPass | typeof correctPass | typeof packPass>;

/** What was done. */
export interface QuantizationRecord {
  /** Settings that were tried, with what was taken first; empty where nothing was. */
  readonly trials: readonly Trial[];
  /** Layers, by their paths, whose kernels lay on a grid of 8 bits before anything was done. */
  readonly quantizedBefore: readonly string[];
  /** Weights besides kernels that came in 8 or 16 bits, such as variances of batch norms: what they lost is gone. */
  readonly storedCoarsely: readonly CoarseWeight[];
  /** What each pass did, in the order in which they ran. */
  readonly passes: readonly RecordOf<QuantizePass>[];
}

/**
 * A copy of `model` whose kernels are packed for a TF.js layers model, with batch norms that carry the scales of channels and
 * biases that make up for what rounding changes. All else stays in float32. The same for the same model and options.
 *
 * What it computes is what the written files compute: kernels have the values that TF.js makes of their bits. Write it with
 * `saveModel`, or `writeModelToMemory` and the format `tfjs-layers`; other formats get these values as floats.
 *
 * Only files become smaller: TF.js makes float32 of all weights when it loads them, so that neither speed nor memory at run
 * time changes.
 *
 * @throws RangeError where an option is none or a pattern matches nothing; InvalidModelError where a
 * weight cannot be packed; CannotRunError where samples are given and the model cannot be run; the reason of the signal, as
 * `equalize` does.
 */
export async function quantize(
  model: Model,
  options?: QuantizeOptions & { readonly format?: 'tfjs-layers' },
): Promise<{ readonly model: Model; readonly report: QuantizationRecord }>;
/**
 * The plan of `model` in whole numbers, which `writeTflite` makes a file of: see {@link quantizeIntegers}.
 *
 * @throws as {@link quantizeIntegers} does.
 */
export async function quantize(
  model: Model,
  options: IntegerOptions & { readonly format: 'tflite'; readonly float?: false },
): Promise<{ readonly plan: IntegerPlan; readonly report: IntegerRecord }>;
/**
 * The plan of `model` in float, which `writeTflite` makes a file of: see {@link equalizeFloat}.
 *
 * @throws as {@link equalizeFloat} does.
 */
export async function quantize(
  model: Model,
  options: FloatOptions & { readonly format: 'tflite'; readonly float: true },
): Promise<{ readonly plan: FloatPlan; readonly report: Omit<IntegerRecord, 'ranges'> }>;
export async function quantize(
  model: Model,
  options:
    | (QuantizeOptions & { readonly format?: 'tfjs-layers' })
    | (IntegerOptions & { readonly format: 'tflite'; readonly float?: false })
    | (FloatOptions & { readonly format: 'tflite'; readonly float: true }) = {},
): Promise<
  | { readonly model: Model; readonly report: QuantizationRecord }
  | { readonly plan: FloatPlan; readonly report: Omit<IntegerRecord, 'ranges'> }
> {
  if (options.format === 'tflite') {
    return options.float === true ? equalizeFloat(model, options) : quantizeIntegers(model, options);
  }
  const { copy, passes, told } = await prepareQuantization(model, options);
  return { model: copy, report: { ...told, passes: await runPasses(copy, passes, watchOf(options)) } };
}

/** A copy of `model`, the passes that quantize it, and what is told besides what they do. */
export async function prepareQuantization(
  model: Model,
  options: QuantizeOptions,
): Promise<{
  readonly copy: Model;
  readonly passes: readonly QuantizePass[];
  readonly told: Omit<QuantizationRecord, 'passes'>;
}> {
  const copy = model.clone();
  checkQuantization(copy, options);
  const { samples } = options;
  if (samples && prepares(copy, options)) await measureStatistics(copy, { ...samples, ...watchOf(options) });
  const { options: chosen, trials } = await chosenOptions(copy, options);
  const quantizedBefore = layersQuantizedBefore(copy).map(({ path }) => path);
  const told = { trials, quantizedBefore, storedCoarsely: storedCoarsely(copy) };
  return { copy, passes: quantizationPasses(copy, chosen), told };
}

/**
 * What speaks against options, before anything is measured or tried.
 *
 * @throws RangeError as {@link quantizationPasses} does.
 */
export function checkQuantization(model: Model, options: QuantizeOptions): void {
  // A trial may find that biases are better left alone, which takes fewer bytes.
  const isOpen = options.judge !== undefined && options.biasCorrection === undefined;
  quantizationPasses(model, isOpen ? { ...options, biasCorrection: 'none' } : options);
}

/** Tries the roundings, and whether biases are corrected, where these are left open and there is a judge. */
async function chosenOptions(
  model: Model,
  options: QuantizeOptions,
): Promise<{ readonly options: QuantizeOptions; readonly trials: readonly Trial[] }> {
  const { judge, rounding, biasCorrection, samples } = options;
  if (!judge || !prepares(model, options)) return { options, trials: [] };
  const { trials } = await chooseSettings(
    model,
    {
      target: 'tfjs-uint8',
      judge,
      ...(rounding ? { rounding } : {}),
      ...(biasCorrection ? { biasCorrection } : {}),
      ...(samples ? { samples } : {}),
      ...watchOf(options),
    },
    equalizationPasses,
  );
  const [taken] = trials;
  const settings = taken && { rounding: taken.rounding, biasCorrection: taken.biasCorrection };
  return { options: { ...options, ...settings }, trials };
}

function prepares(model: Model, { dtype = 'uint8', prepare }: QuantizeOptions): boolean {
  return prepare ?? (dtype === 'uint8' && layersQuantizedBefore(model).length === 0);
}

/**
 * The recipe that `quantize` runs, as a list of passes for `model`. Nothing is tried: settings that are left out are the usual
 * ones.
 *
 * @throws RangeError where an option is none, a pattern matches nothing, or a budget is too small.
 */
export function quantizationPasses(model: Model, options: QuantizeOptions = {}): QuantizePass[] {
  checkQuantizeOptions(options);
  const { plan, samples, rounding = 'cancelling', biasCorrection } = options;
  const isPrepared = prepares(model, options);
  const corrects = isPrepared && biasCorrection !== 'none';
  const weights = new WeightPacker(model, {
    ...options,
    ...plan,
    cancels: isPrepared && rounding === 'cancelling',
    corrects,
  });
  if (plan) {
    // Before anything is done, on a copy with what preparing will add.
    const copy = model.clone();
    if (isPrepared) carryScales(copy);
    checkBudget(copy, weights.chosen, { ...plan, corrects });
  }
  const measured = samples && biasCorrection !== 'analytic' ? { samples } : {};
  const quantizer = (_: Model, moments: Parameters<WeightPacker['kernels']>[0]) => weights.kernels(moments);
  return [
    ...(isPrepared ? [carryPass()] : []),
    ...(corrects ? [correctPass({ quantizer, ...measured })] : []),
    packPass(weights),
  ];
}
