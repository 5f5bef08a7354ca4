/**
 * A model of 8-bit or 16-bit weights in one call.
 *
 * @module
 */

import type { Model } from '../model/model.ts';
import { chooseSettings } from './choose-settings.ts';
import type { Trial } from './judge.ts';
import { type QuantizationRecord, quantizationStages } from './quantization-recipe.ts';
import type { QuantizeOptions } from './quantize-options.ts';

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
 * weight cannot be packed; CannotRunError where samples are given and the model cannot be run.
 */
export async function quantize(
  model: Model,
  options: QuantizeOptions = {},
): Promise<{
  readonly model: Model;
  readonly report: QuantizationRecord & { readonly trials: readonly Trial[] };
}> {
  const copy = model.clone();
  const { options: chosen, trials } = await chooseQuantizeSettings(copy, options);
  const { stages, record } = quantizationStages(copy, chosen);
  for (const stage of stages) await stage.run();
  return { model: copy, report: { ...record(), trials } };
}

/**
 * Tries the roundings, and whether biases are corrected, where these are left open and there is a judge.
 *
 * @returns the options with the settings filled in, and the trials, the one that was taken first.
 */
export async function chooseQuantizeSettings(
  model: Model,
  options: QuantizeOptions,
): Promise<{ readonly options: QuantizeOptions; readonly trials: readonly Trial[] }> {
  const { judge, rounding, biasCorrection, samples } = options;
  if (!judge) return { options, trials: [] };
  const isPreparing = quantizationStages(model, options).stages.some(({ name }) => name === 'carry');
  if (!isPreparing) return { options, trials: [] };
  const chosen = await chooseSettings(model, {
    target: 'tfjs-uint8',
    judge,
    ...(rounding ? { rounding } : {}),
    ...(biasCorrection ? { biasCorrection } : {}),
    ...(samples ? { samples } : {}),
  });
  const { trials } = chosen;
  const [taken] = trials;
  const settings = taken && { rounding: taken.rounding, biasCorrection: taken.biasCorrection };
  return { options: { ...options, ...settings }, trials };
}
