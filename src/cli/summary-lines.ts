import type { Trial } from '../equalization/judge.ts';
import { decibels, percent } from '../report/number-text.ts';
import { table } from './terminal.ts';

/** What was tried; the settings that differ, and what they leave of the float model. Nothing where there was no choice. */
export function trialLines(trials: readonly Trial[], target: string): string[] {
  if (trials.length < 2) return [];
  const settings = (['objective', 'relu6', 'rounding', 'biasCorrection'] as const).filter((name) =>
    trials.some((trial) => trial[name] !== trials[0]?.[name]),
  );
  const rows = trials.map((trial) => [
    ...settings.map((name) => trial[name]),
    decibels(trial.sqnrDb),
    trial.top1Agreement === null ? '-' : percent(trial.top1Agreement),
  ]);
  const names = settings.map((name) => (name === 'biasCorrection' ? 'correction' : name));
  return [
    `tried, with kernels quantized for ${target}, against the float model; the first was taken:`,
    ...table([...names, 'SQNR', 'top-1'], rows, [settings.length, settings.length + 1])
      .split('\n')
      .map((line) => `  ${line}`),
  ];
}
