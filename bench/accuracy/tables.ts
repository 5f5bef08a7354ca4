/**
 * The results as Markdown, and their place in docs/accuracy.md.
 *
 * @module
 */

import { replaceTables } from '../replace-tables.ts';
import type { IntegerResult, Nearness, WorstTensor } from './integers.ts';
import type { Agreement, LabelledAccuracy } from './measure.ts';

/** All that was measured. */
export interface AccuracyResults {
  readonly networks: readonly { readonly title: string; readonly rows: readonly Agreement[] }[];
  /** Undefined where it was not asked for. */
  readonly example: ExampleResults | undefined;
}

interface ExampleResults {
  readonly title: string;
  readonly widths: readonly number[];
  readonly float: number;
  readonly rows: readonly LabelledAccuracy[];
}

const DOCUMENT = 'docs/accuracy.md';
const BEGIN = '<!-- results -->';
const END = '<!-- end of results -->';

/** All results as Markdown tables. */
export function renderTables({ networks, example }: AccuracyResults): string {
  const parts = networks.flatMap(({ title, rows }) => [
    `### ${title}`,
    table(
      ['recipe', 'top-1', 'SQNR', 'SQNR in float'],
      rows.map(({ recipe, top1, sqnrDb, floatDb }) => [
        recipe,
        top1.toFixed(3),
        decibels(sqnrDb),
        floatDb === undefined ? '' : decibels(floatDb),
      ]),
    ),
  ]);
  return [...parts, ...(example ? exampleParts(example) : [])].join('\n\n');
}

function exampleParts({ title, widths, float, rows }: ExampleResults): string[] {
  const accuracies = table(
    ['recipe', ...widths.map((bits) => `${bits} bits`)],
    rows.map((row) => [row.recipe, ...row.accuracies.map(percent)]),
  );
  return [`### ${title}`, `In float: ${percent(float)}.`, accuracies];
}

/** Replaces the tables in docs/accuracy.md. */
export function writeTables(tables: string): void {
  replaceTables(DOCUMENT, { begin: BEGIN, end: END }, tables);
}

/** What was measured on integers. */
export interface IntegerTables {
  readonly title: string;
  readonly rows: readonly IntegerResult[];
  readonly worst: readonly WorstTensor[];
}

const INTEGERS = { begin: '<!-- integers -->', end: '<!-- end of integers -->' };

/** Whole-integer models as Markdown tables. */
export function renderIntegerTables(networks: readonly IntegerTables[]): string {
  return networks
    .flatMap(({ title, rows, worst }) => [
      `### ${title}: on integers`,
      table(
        [
          'recipe',
          'without data',
          'calibrated',
          'kernels alone',
          'rounding of tensors alone',
          'their clipping alone',
        ],
        rows.map(({ recipe, expected, measured, kernels, rounding, clipping }) => [
          recipe,
          near(expected),
          near(measured),
          decibels(kernels.sqnrDb),
          decibels(rounding.sqnrDb),
          decibels(clipping.sqnrDb),
        ]),
      ),
      ...(worst.length === 0
        ? []
        : [
            `The worst tensors by themselves, with factors for kernels and tensors: ${worst
              .map(({ path, roundingDb, clippingDb }) =>
                roundingDb < clippingDb
                  ? `\`${path}\` (rounding, ${decibels(roundingDb)})`
                  : `\`${path}\` (clipping, ${decibels(clippingDb)})`,
              )
              .join(', ')}.`,
          ]),
    ])
    .join('\n\n');
}

function near({ top1, sqnrDb, accuracy }: Nearness): string {
  return `${accuracy === undefined ? top1.toFixed(3) : percent(accuracy)}, ${decibels(sqnrDb)}`;
}

/** Replaces those tables in docs/accuracy.md. */
export function writeIntegerTables(tables: string): void {
  replaceTables(DOCUMENT, INTEGERS, tables);
}

/** The first column is text, the others are numbers. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = header.map((_, column) => (column === 0 ? '---' : '---:'));
  return [header, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function decibels(value: number): string {
  return `${value.toFixed(1)} dB`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
