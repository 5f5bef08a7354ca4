/**
 * The results as Markdown, and their place in docs/benchmarks.md.
 *
 * @module
 */

import { availableParallelism } from 'node:os';
import { OBJECTIVES } from '../src/quantization.ts';
import type { GrowthTimes, StepTimes } from './children/growth.ts';
import type { InMemoryTimes } from './children/in-memory.ts';
import type { FormCost, Relu6Cost } from './children/relu6-caps.ts';
import type { Verification, WholeProcess } from './measure.ts';
import type { Ending } from './model-files.ts';
import { replaceTables } from './replace-tables.ts';

/** All that was measured. */
export interface BenchResults {
  readonly rounds: number;
  readonly inMemory: (InMemoryTimes & { readonly title: string; readonly parameters: number })[];
  readonly wholeProcess: WholeProcessRow[];
  /** The model that is far larger than its largest layer. */
  readonly large: WholeProcessRow[];
  readonly verification: (Verification & { readonly title: string })[];
  readonly relu6: (Relu6Cost & { readonly title: string })[];
  readonly growth: { readonly title: string; readonly sizes: readonly GrowthTimes[] }[];
}

type WholeProcessRow = WholeProcess & { readonly title: string; readonly ending: Ending };

const DOCUMENT = 'docs/benchmarks.md';
const BEGIN = '<!-- results -->';
const END = '<!-- end of results -->';
const MEGABYTE = 1e6;

/** Largest peak that is aimed at, in bytes. */
const PEAK_FACTOR = 1.3;
const PEAK_EXTRA = 200 * MEGABYTE;
const LARGE_PEAK = 600 * MEGABYTE;
/** … with its proof. */
const PROVEN_FACTOR = 1.5;
const PROVEN_EXTRA = 150 * MEGABYTE;
/** The largest ratio of whole-graph equalization to the reference's recipe that is aimed at. */
const REGIONS_RATIO = 2;

/** All results as Markdown tables with a line on where they come from. */
export function renderTables(results: BenchResults): string {
  const { rounds, inMemory, wholeProcess, large, verification, relu6, growth } = results;
  const day = new Date().toISOString().slice(0, 10);
  const parts = [
    `${day}, Node ${process.version}, ${availableParallelism()} cores, ${rounds} rounds.`,
    '### In memory',
    table(
      ['network', 'parameters', 'fold + scale + bias', '… and all weights computed'],
      inMemory.map(({ title, parameters, steps, stepsAndValues }) => [
        title,
        parameters.toLocaleString('en-US'),
        seconds(steps),
        seconds(stepsAndValues),
      ]),
    ),
    '### Whole graph, in memory',
    table(
      [
        'network',
        "reference's recipe, all weights",
        'regions + correction',
        '… and all weights',
        'ratio',
        'at most',
      ],
      inMemory.flatMap(({ title, stepsAndValues, objectives }) =>
        OBJECTIVES.map((objective) => [
          `${title}, ${objective}`,
          seconds(stepsAndValues),
          seconds(objectives[objective].steps),
          seconds(objectives[objective].stepsAndValues),
          objectives[objective].ratio.toFixed(2),
          objective === 'equal-ranges' ? REGIONS_RATIO.toFixed(2) : '',
        ]),
      ),
    ),
    '### Whole process',
    wholeProcessTable(wholeProcess, 'reading + writing alone', (file) => PEAK_FACTOR * file + PEAK_EXTRA),
    '### A model of 1.4 GB',
    wholeProcessTable(large, 'h5wasm copy', () => LARGE_PEAK),
    '### Verification',
    verificationTable(verification),
    '### ReLU6',
    relu6Table(relu6),
    '### How it grows',
    ...growth.map(growthTable),
  ];
  return parts.join('\n\n');
}

/** Replaces the tables in docs/benchmarks.md. */
export function writeTables(tables: string): void {
  replaceTables(DOCUMENT, { begin: BEGIN, end: END }, tables);
}

function wholeProcessTable(
  rows: readonly WholeProcessRow[],
  baselineName: string,
  peakGoal: (fileBytes: number) => number,
): string {
  return table(
    ['model', 'size', baselineName, 'its peak memory', 'equalize', 'ratio', 'peak memory', 'peak at most'],
    rows.map(({ title, ending, fileBytes, baseline, equalize }) => [
      `${title} \`.${ending}\``,
      megabytes(fileBytes),
      seconds(baseline.seconds),
      megabytes(baseline.peakBytes),
      seconds(equalize.seconds),
      (equalize.seconds / baseline.seconds).toFixed(2),
      megabytes(equalize.peakBytes),
      megabytes(peakGoal(fileBytes)),
    ]),
  );
}

function verificationTable(rows: BenchResults['verification']): string {
  return table(
    [
      'model `.h5`',
      'size',
      'wasm',
      'cpu',
      'cpu / wasm',
      'equalize without proof',
      'with proof',
      'peak without',
      'peak with',
      'added',
      'peak at most',
    ],
    rows.map(({ title, fileBytes, wasm, cpu, without, with: proven }) => [
      title,
      megabytes(fileBytes),
      seconds(wasm.seconds),
      seconds(cpu.seconds),
      (cpu.seconds / wasm.seconds).toFixed(1),
      seconds(without.seconds),
      seconds(proven.seconds),
      megabytes(without.peakBytes),
      megabytes(proven.peakBytes),
      megabytes(proven.peakBytes - without.peakBytes),
      megabytes(PROVEN_FACTOR * fileBytes + PROVEN_EXTRA),
    ]),
  );
}

function relu6Table(rows: BenchResults['relu6']): string {
  const row = (title: string, { layers, seconds: time, ratio }: FormCost): string[] => [
    title,
    String(layers),
    seconds(time),
    ratio.toFixed(2),
  ];
  return table(
    ['model, in memory', 'layers', 'a batch on wasm', 'of the original'],
    rows.flatMap(({ title, batch, original, folded, capped }) => [
      row(`${title}, ${batch} pictures`, original),
      row('… folded', folded),
      row('… folded, regions, exact maxima', capped),
    ]),
  );
}

const STEPS = ['read', 'equalize', 'plan'] as const satisfies readonly (keyof StepTimes)[];

/** The last row has the exponents: the slopes of the logarithms of times over those of what grows. */
function growthTable({ title, sizes }: BenchResults['growth'][number]): string {
  const grown = (one: GrowthTimes): number => (title === 'layers' ? one.layers : one.parameters);
  const rows = sizes.map((one) => [
    grown(one).toLocaleString('en-US'),
    ...STEPS.map((step) => seconds(one[step])),
  ]);
  const slopes = STEPS.map((step) =>
    slopeOf(sizes.map((one) => [Math.log(grown(one)), Math.log(one[step])])),
  );
  return table([title, ...STEPS], [...rows, ['exponent', ...slopes.map((slope) => slope.toFixed(2))]]);
}

/** Of the line of least squares. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(([one]) => one)), mean(points.map(([, one]) => one))];
  const covariance = mean(points.map(([one, other]) => (one - x) * (other - y)));
  return covariance / mean(points.map(([one]) => (one - x) ** 2));
}

/** The first column is text, the others are numbers. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = header.map((_, column) => (column === 0 ? '---' : '---:'));
  return [header, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function seconds(value: number): string {
  return `${value.toFixed(value < 0.1 ? 3 : 2)} s`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / MEGABYTE).toLocaleString('en-US')} MB`;
}
