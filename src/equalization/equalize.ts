/**
 * Equalization in one call, for what the weights are going to be quantized with.
 *
 * @module
 */

import type { Model } from '../model/model.ts';
import { chooseSettings } from './choose-settings.ts';
import { type EqualizationRecord, equalizationStages } from './equalization-recipe.ts';
import { measureStatistics } from './moments/measured-statistics.ts';
import type { EqualizeOptions } from './options.ts';

/**
 * Equalizes a copy of `model` for a target. The same for the same model and options.
 *
 * The copy computes what the model does, up to rounding, but for ReLU6 with the policy `relu`, for corrected biases, which
 * make up for what the quantizer of the target is going to change and are off by as much before it does, for weights that are
 * rounded here, and a little for biases that were moved, where activations are stated.
 *
 * @throws RangeError where an option is none; CannotRunError where samples are given and the model cannot be run.
 */
export async function equalize(
  model: Model,
  options: EqualizeOptions = {},
): Promise<{ readonly model: Model; readonly report: EqualizationRecord }> {
  const copy = model.clone();
  // Before settings are tried: what is judged has to be what comes out.
  if (options.samples) await measureStatistics(copy, options.samples);
  const { options: chosen, trials } = await chooseSettings(copy, options);
  const { stages, record } = equalizationStages(copy, chosen);
  for (const stage of stages) await stage.run();
  return { model: copy, report: { ...record(), trials } };
}
