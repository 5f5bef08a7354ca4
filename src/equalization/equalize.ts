/**
 * Equalization in one call, for what the weights are going to be quantized with.
 *
 * @module
 */

import type { Model } from '../model/model.ts';
import { watchOf } from '../model/progress.ts';
import { foldPass } from '../primitives/batch-norm-fold.ts';
import { type RecordOf, runPasses } from '../primitives/pass.ts';
import { replaceRelu6Pass } from '../primitives/replace-relu6.ts';
import { correctPass } from './biases/correct-pass.ts';
import { carryPass } from './carriers/scale-carriers.ts';
import { chooseSettings } from './choose-settings.ts';
import { measureStatistics } from './moments/measured-moments.ts';
import {
  type EqualizeOptions,
  quantizerOf,
  type Settings,
  settingsOf,
  type Target,
  type Trial,
} from './options.ts';
import { cancellingQuantizer } from './rounding/cancelling-quantizer.ts';
import { scalePass } from './scaling/scale-pass.ts';

/** A pass of the recipe for a target. */
export type EqualizePass = ReturnType<
  typeof replaceRelu6Pass | typeof foldPass | typeof scalePass | typeof carryPass | typeof correctPass
>;

/** What was done, and with which settings. */
export interface EqualizationRecord extends Settings {
  /** What was tried, with what was taken first; empty where nothing was. */
  readonly trials: readonly Trial[];
  /** What each pass did, in the order in which they ran. */
  readonly passes: readonly RecordOf<EqualizePass>[];
}

/**
 * Equalizes a copy of `model` for a target. The same for the same model and options.
 *
 * The copy computes what the model does, up to rounding, but for ReLU6 with the policy `relu`, for corrected biases, which
 * make up for what the quantizer of the target is going to change and are off by as much before it does, and for weights that
 * are rounded here.
 *
 * @throws RangeError where an option is none; CannotRunError where samples are given and the model cannot be run; the reason of
 * the signal, which is looked at between passes, between batches of samples, and whenever there is progress.
 */
export async function equalize(
  model: Model,
  options: EqualizeOptions = {},
): Promise<{ readonly model: Model; readonly report: EqualizationRecord }> {
  const { copy, passes, settings } = await prepareEqualization(model, options);
  return { model: copy, report: { ...settings, passes: await runPasses(copy, passes, watchOf(options)) } };
}

/** A copy of `model`, the passes that equalize it, and the settings that were chosen. */
export async function prepareEqualization(
  model: Model,
  options: EqualizeOptions,
): Promise<{
  readonly copy: Model;
  readonly passes: readonly EqualizePass[];
  readonly settings: Omit<EqualizationRecord, 'passes'>;
}> {
  const copy = model.clone();
  // Before settings are tried: what is judged has to be what comes out.
  if (options.samples) await measureStatistics(copy, { ...options.samples, ...watchOf(options) });
  const { options: chosen, trials } = await chooseSettings(copy, options, equalizationPasses);
  return { copy, passes: equalizationPasses(chosen), settings: { ...settingsOf(chosen), trials } };
}

/** The passes that make a model ready for a target; before them comes `relu6`, where that is the policy. */
const PASSES: Readonly<Record<Target, readonly EqualizePass['name'][]>> = {
  'int8-per-tensor': ['fold', 'scale', 'correct'],
  'int8-per-tensor-symmetric': ['fold', 'scale', 'correct'],
  'tfjs-uint8': ['carry', 'correct'],
  'int8-per-channel': ['fold', 'correct'],
  float: ['fold', 'scale'],
};

/**
 * The recipe that `equalize` runs, as a list of passes. Nothing is tried: settings that are left out are the usual ones.
 *
 * @throws RangeError where an option is none.
 */
export function equalizationPasses(options: EqualizeOptions = {}): EqualizePass[] {
  const settings = settingsOf(options);
  const names = PASSES[settings.target];
  return (settings.relu6 === 'relu' ? (['relu6', ...names] as const) : names).flatMap(
    (name) => passFor(name, settings, options) ?? [],
  );
}

/** The pass with its settings; undefined where nothing asks for it. */
function passFor(
  name: EqualizePass['name'],
  { target, relu6, objective, activations, biasCorrection, rounding }: Settings,
  options: EqualizeOptions,
): EqualizePass | undefined {
  switch (name) {
    case 'relu6':
      return replaceRelu6Pass();
    case 'fold':
      return foldPass();
    case 'scale':
      return scalePass({ objective, throughBounded: relu6 === 'exact', tensors: activations !== undefined });
    case 'carry':
      return carryPass();
    case 'correct': {
      const quantizer = quantizerOf({ ...options, target });
      const rounds = rounding === 'cancelling';
      const corrects = biasCorrection !== 'none';
      if (!corrects && !rounds) return undefined;
      return correctPass({
        quantizer: rounds ? (model, moments) => cancellingQuantizer(model, quantizer, moments) : quantizer,
        corrects,
        rounds,
        ...(biasCorrection === 'measured' && options.samples ? { samples: options.samples } : {}),
      });
    }
  }
}
