/**
 * What quantized models are judged by.
 *
 * @module
 */

import type { Model } from '../model/model.ts';
import type { Settings } from './options.ts';

/** How near a quantized model comes to the float original. */
export interface Judgement {
  /** Of the scores behind the output that suffers most, in dB. */
  readonly sqnrDb: number;
  /** Share of samples with the same largest class, null where there are no classes. */
  readonly top1Agreement: number | null;
}

/** Judges models whose kernels are quantized; see `sqnrJudge`. */
export interface Judge {
  judge(quantized: Model): Promise<Judgement>;
  /** By how much, in dB, settings have to be better than the usual ones to be taken: as far as the inputs can be trusted. */
  readonly margin: number;
}

/** Settings that were tried, and what the judge found. */
export interface Trial extends Settings, Judgement {}

const SETTINGS = ['objective', 'relu6', 'rounding', 'biasCorrection'] as const;

/** The settings in which trials differ, in the order in which they are told. */
export function settingsTried(trials: readonly Trial[]): (typeof SETTINGS)[number][] {
  return SETTINGS.filter((name) => trials.some((trial) => trial[name] !== trials[0]?.[name]));
}
