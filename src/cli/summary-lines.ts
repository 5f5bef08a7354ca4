/**
 * Lines that summaries of several commands have.
 *
 * @module
 */

import { settingsTried } from '../equalization/choose-settings.ts';
import type { Trial } from '../equalization/options.ts';
import type { WriteReport } from '../formats/format.ts';
import { type DescribedReason, messagesByCode } from '../model/skip-reason.ts';
import { allIn, type PassRecord } from '../primitives/pass.ts';
import type { SidecarReport } from '../report/sidecar-report.ts';
import { named } from '../text/names.ts';
import { decibels, percent } from '../text/numbers.ts';
import { sidecarLines } from './sidecar.ts';
import { indented, type Line, styled, table } from './terminal.ts';

/** What was tried; the settings that differ, and what they leave of the float model. Nothing where there was no choice. */
export function trialLines(trials: readonly Trial[], target: string): Line[] {
  if (trials.length < 2) return [];
  const settings = settingsTried(trials);
  const rows = trials.map((trial) => [
    ...settings.map((name) => trial[name]),
    decibels(trial.sqnrDb),
    trial.top1Agreement === null ? '-' : percent(trial.top1Agreement),
  ]);
  const names = settings.map((name) => (name === 'biasCorrection' ? 'correction' : name));
  const tensors = trials[0]?.activations ? ' and activations' : '';
  return [
    `tried, with kernels${tensors} quantized for ${target}, against the float model; the first was taken:`,
    ...indented(table([...names, 'SQNR', 'top-1'], rows, [settings.length, settings.length + 1])),
  ];
}

/** The summary of a model that was written: how it came to be, between what is said of side-cars. */
export function summaryOf(
  output: string,
  what: string,
  sidecar: SidecarReport | undefined,
  lines: readonly Line[],
): Line[] {
  const { before, after } = sidecar ? sidecarLines(sidecar) : { before: [], after: [] };
  return [[styled('bold', output), ` written${what}`], ...indented([...before, ...lines, ...after])];
}

/** What passes left alone and why, and what else there is to say of the model that was written. */
export function closingLines(
  { passes, ...written }: WriteReport & { readonly passes: readonly PassRecord[] },
  hintFor?: ReasonHint,
): Line[] {
  const left = allIn(passes, 'left');
  return [
    ...(left.length === 0
      ? []
      : [`left alone (${left.length}):`, ...indented(groupedReasons(left, hintFor))]),
    ...writtenLines(written),
  ];
}

/** What a format could not keep, and what else there is to say of what was written. */
export function writtenLines(written: WriteReport): string[] {
  const { dropped, warnings, notes = [] } = written;
  return [
    ...dropped.map((sentence) => `not kept: ${sentence}`),
    ...[...notes, ...warnings].map((sentence) => `note: ${sentence}`),
    ...unopenedLines(written),
  ];
}

/** Whether TF.js opens a model that was written for it, as far as its layers tell. */
export function isOpened({ unsupported = [] }: WriteReport): boolean {
  return unsupported.every(({ opens }) => opens);
}

function unopenedLines({ unsupported = [] }: WriteReport): string[] {
  const layers = unsupported
    .filter(({ opens }) => !opens)
    .map(({ path, className }) => `${path} (${className})`);
  if (layers.length === 0) return [];
  return [
    `TF.js does not open it, for ${named([...new Set(layers)], 3)}; where it lacks a class, --layers-script writes one beside it`,
  ];
}

/** What would help with the reasons of one kind; undefined where nothing would. */
export type ReasonHint = (code: string, messages: readonly string[]) => string | undefined;

/** Reasons of one kind in a summary; `--json` has all. */
const REASONS_SHOWN = 3;

/** The first reasons of each kind, with a count of the others, and what would help. */
function groupedReasons(
  skipped: readonly DescribedReason[],
  hintFor: ReasonHint = () => undefined,
): string[] {
  return [...messagesByCode(skipped)].flatMap(([code, messages]) => {
    const more = messages.length - REASONS_SHOWN;
    const others = more > 0 ? [`… and ${more} more like these (${code}); --json lists all`] : [];
    return [...messages.slice(0, REASONS_SHOWN), ...others, ...[hintFor(code, messages) ?? []].flat()];
  });
}
