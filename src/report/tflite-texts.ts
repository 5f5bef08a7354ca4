/**
 * What a model in whole numbers is told by, in the terminal and on the page.
 *
 * @module
 */

import type { SourcedRange } from '../equalization/ranges/tensor-ranges.ts';
import { named } from '../text/names.ts';
import { count, short } from '../text/numbers.ts';
import { LEAST_SQNR_DB } from '../verification/comparing/tolerances.ts';
import type { RunCheck } from './quantize-report.ts';
import type { NotTakenOperators, TfliteReport } from './tflite-report.ts';

/** Tensors named in a line; the report has all. */
const NAMED = 3;

/** `65: 35 CONV_2D, …`. */
export function operatorsText(operators: TfliteReport['operators']): string {
  const all = operators.reduce((sum, { count: some }) => sum + some, 0);
  return `${all}: ${operators.map(({ op, count: some }) => `${some} ${op}`).join(', ')}`;
}

/** For each hardware and reason a line. Nothing of it is lost: other kernels compute it. */
export function notTakenTexts(notTaken: readonly NotTakenOperators[]): string[] {
  const lines = new Map<string, string[]>();
  for (const { hardware, op, reason, layers } of notTaken) {
    const key = JSON.stringify([hardware, reason]);
    lines.set(key, [...(lines.get(key) ?? []), `${layers.length} ${op}`]);
  }
  return [...lines].map(([key, parts]) => {
    const [hardware, reason] = JSON.parse(key) as [string, string];
    return `not for ${hardware}: ${parts.join(', ')} (${reason})`;
  });
}

/** Where ranges are from: `of 65 tensors: 1 of the input, …`. */
export function rangesText(ranges: readonly SourcedRange[]): string {
  const told = (
    [
      ['given', 'of the input'],
      ['statistics', 'from statistics of batch norms'],
      ['samples', 'from the inputs'],
      ['stand-ins', 'guessed'],
    ] as const
  ).map(([source, what]) => ({ some: ranges.filter((range) => range.source === source).length, what }));
  return `of ${count(ranges.length, 'tensor')}: ${told
    .filter(({ some }) => some > 0)
    .map(({ some, what }) => `${some} ${what}`)
    .join(', ')}`;
}

/** Of which tensors nothing but made-up inputs told the range, and what it is; undefined where there are none. */
export function guessedText(ranges: readonly SourcedRange[]): string | undefined {
  const guessed = ranges
    .filter(({ source }) => source === 'stand-ins')
    .map(({ path, min, max }) => `${path} ${rangeText(min, max)}`);
  return guessed.length === 0 ? undefined : `guessed from made-up inputs: ${named(guessed, NAMED)}`;
}

function rangeText(min: number, max: number): string {
  const end = (value: number): string => (value < 0 ? `-${short(-value)}` : short(value));
  return `[${end(min)}, ${end(max)}]`;
}

/** Whether a file does what the model does, as `verify` judges those in whole numbers: all outputs have 10 dB or more. */
export function works(check: RunCheck | null): boolean {
  if (check === null || check.notCompared !== undefined) return false;
  return check.outputs.every(({ sqnrDb }) => sqnrDb >= LEAST_SQNR_DB);
}

/** What may help where a file was compared and does not; undefined otherwise. */
export function farText(check: RunCheck | null): string | undefined {
  if (check === null || check.notCompared !== undefined || works(check)) return undefined;
  return 'that is far from the float model: the statistics of batch norms may not fit the inputs; measure ranges on real inputs';
}
