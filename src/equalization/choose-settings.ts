/**
 * Settings of a recipe chosen by what they leave of the model once its kernels are quantized.
 *
 * @module
 */

import type { Model } from '../model/model.ts';
import { checkpoint, stageOf } from '../model/progress.ts';
import { type Pass, runPasses } from '../primitives/pass.ts';
import { fakeQuantize } from '../quantization/fake-quantize.ts';
import { channelGraph } from './channels/channel-graph.ts';
import { type EqualizeOptions, hasKernelRanges, quantizerOf, settingsOf, type Trial } from './options.ts';

/**
 * Tries the settings that `options` leaves open and takes the best: for targets whose regions are scaled the objectives, and
 * for the better of them ReLU6 kept; for `tfjs-uint8` the roundings; then the best without bias correction. Other settings
 * than the usual ones have to be better by the margin of the judge. Without a judge, and for the target `float`, which is not
 * quantized, nothing is tried, and neither where no setting is left open. `model` is not changed.
 *
 * @param recipe the passes for options, with which settings are tried
 * @returns the options with the settings filled in, and the trials, the one that was taken first.
 * @throws RangeError where an option is none; what the judge throws; the reason of the signal.
 */
export async function chooseSettings(
  model: Model,
  options: EqualizeOptions,
  recipe: (options: EqualizeOptions) => readonly Pass[],
): Promise<{ readonly options: EqualizeOptions; readonly trials: readonly Trial[] }> {
  const { target = 'int8-per-tensor', judge } = options;
  if (!judge || target === 'float') return { options, trials: [] };
  const changes = openSettings(model, options);
  if (changes.length === 0) return { options, trials: [] };
  const quantizer = quantizerOf(options);
  const { activations } = settingsOf(options);
  const trials: Trial[] = [];
  const tell = stageOf(options, 'try');
  let best: { options: EqualizeOptions; trial: Trial } | undefined;
  const attempt = async (candidate: EqualizeOptions): Promise<void> => {
    tell(trials.length, 1 + changes.length);
    await checkpoint(options);
    const copy = model.clone();
    await runPasses(copy, recipe(candidate), { signal: options.signal });
    const judgement = activations
      ? await judge.judge(copy, { weights: quantizer, activations })
      : await judge.judge(fakeQuantize(copy, quantizer));
    const trial = { ...settingsOf(candidate), ...judgement };
    trials.push(trial);
    tell(trials.length, 1 + changes.length);
    if (!best || trial.sqnrDb > best.trial.sqnrDb + judge.margin) best = { options: candidate, trial };
  };
  await attempt(options);
  for (const change of changes) {
    const settings: EqualizeOptions = best?.options ?? options;
    await attempt({ ...settings, ...change });
  }
  const chosen = best ?? { options, trial: undefined };
  return {
    options: chosen.options,
    trials: [...trials].sort((one, other) => Number(other === chosen.trial) - Number(one === chosen.trial)),
  };
}

/** What can be changed in the usual settings, one after the other. */
function openSettings(model: Model, options: EqualizeOptions): Partial<EqualizeOptions>[] {
  const { target = 'int8-per-tensor', objective, relu6, rounding, biasCorrection, samples } = options;
  const changes: Partial<EqualizeOptions>[] = [];
  if (hasKernelRanges(target)) {
    if (objective === undefined) changes.push({ objective: 'equal-ranges' });
    if (relu6 === undefined && channelGraph(model, { throughBounded: true }).bounded.length > 0) {
      changes.push({ relu6: 'keep' });
    }
  }
  if (target === 'tfjs-uint8' && rounding === undefined) changes.push({ rounding: 'nearest' });
  if (biasCorrection === undefined && !samples) changes.push({ biasCorrection: 'none' });
  return changes;
}

const SETTINGS = ['objective', 'relu6', 'rounding', 'biasCorrection'] as const;

/** The settings in which trials differ, in the order in which they are told. */
export function settingsTried(trials: readonly Trial[]): (typeof SETTINGS)[number][] {
  return SETTINGS.filter((name) => trials.some((trial) => trial[name] !== trials[0]?.[name]));
}
