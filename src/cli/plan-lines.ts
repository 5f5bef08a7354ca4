import { InvalidArgumentError } from 'commander';
import { byteText, decibels, grouped, tinyPercent } from '../report/number-text.ts';
import type { PlanReport } from '../report/plan-report.ts';
import { byteSize } from './byte-size.ts';
import { table } from './terminal.ts';

/** What `--plan` takes: `budget=3MB`. */
export function parsePlan(text: string): { readonly budget: number } {
  const [, size] = /^budget=(.*)$/.exec(text.trim()) ?? [];
  if (size === undefined) {
    throw new InvalidArgumentError('It must be budget= and the size of all weights, such as budget=3MB.');
  }
  return { budget: byteSize(size) };
}

/** Which kernel became what. */
export function planLines(plan: PlanReport | null): string[] {
  if (!plan) return [];
  const { budget, gainDb, weights } = plan;
  const gain =
    gainDb === null ? '' : `, ${decibels(gainDb)} less error of the outputs than with the smallest`;
  const rows = weights.map(({ layer, weight, dtype, bytes, share }) => [
    layer,
    weight,
    dtype,
    grouped(bytes),
    tinyPercent(share),
  ]);
  return [
    `plan     for ${byteText(budget)} of weights, by what is expected of each kernel${gain}:`,
    ...table(['layer', 'weight', 'dtype', 'bytes', 'of the error left'], rows, [3, 4])
      .split('\n')
      .map((line) => `  ${line}`),
  ];
}
