/**
 * The results as Markdown, and their place in docs/accuracy.md.
 *
 * @module
 */

import { availableParallelism } from 'node:os';
import { replaceTables } from '../replace-tables.ts';
import { type Cost, timeRatio } from './costs.ts';
import { type Installation, today } from './installations.ts';
import type { TfliteResults } from './tflite-networks.ts';
import type { WrittenModel } from './written-model.ts';

/** All that was measured. */
export interface ConverterResults {
  readonly rounds: number;
  readonly installations: readonly Installation[];
  readonly starts: readonly { readonly title: string; readonly cost: Cost }[];
  readonly networks: readonly NetworkResults[];
}

/** A network in each way, the converter's default first. */
export interface NetworkResults {
  readonly title: string;
  readonly ways: readonly { readonly title: string; readonly cost: Cost; readonly written: WrittenModel }[];
  /** Of the float original, where there are labels. */
  readonly accuracy: number | undefined;
}

const DOCUMENT = 'docs/accuracy.md';
const BEGIN = '<!-- converter -->';
const END = '<!-- end of converter -->';
const TFLITE_MARKS = { begin: '<!-- tflite converter -->', end: '<!-- end of tflite converter -->' } as const;
const MEGABYTE = 1e6;

/** All results as Markdown tables. */
export function renderTables({ rounds, installations, starts, networks }: ConverterResults): string {
  return [
    machineLine(rounds),
    ...networks.flatMap(networkParts),
    '### Starting the tools',
    table(
      ['command', 'time', 'cold', 'peak memory'],
      starts.map(({ title, cost }) => [title, ...costCells(cost)]),
    ),
    '### Installing them',
    table(
      ['package', 'packages with it', 'on disk', 'time', 'measured on'],
      installations.map(({ title, packages, bytes, seconds, day }) => [
        title,
        String(packages),
        `${Math.round(bytes / MEGABYTE).toLocaleString('en-US')} MB`,
        `${seconds.toFixed(0)} s`,
        day,
      ]),
    ),
  ].join('\n\n');
}

function machineLine(rounds: number): string {
  const machine = `Node ${process.version}, Python 3.11, ${availableParallelism()} cores`;
  return `${today()}, ${machine}; times are medians of ${rounds} rounds.`;
}

function networkParts({ title, ways, accuracy }: NetworkResults): string[] {
  const labelled = accuracy !== undefined;
  const [first] = ways;
  const header = [
    'top-1',
    'SQNR',
    'files',
    'weights',
    'time',
    "of the default's time",
    'cold',
    'peak memory',
  ];
  const rows = ways.map((way) => [
    way.title,
    ...(labelled ? [percent(way.written.accuracy)] : []),
    way.written.top1.toFixed(3),
    `${way.written.sqnrDb.toFixed(1)} dB`,
    megabytes(way.written.bytes),
    megabytes(way.written.weightBytes),
    seconds(way.cost.seconds),
    first ? timeRatio(way.cost, first.cost).toFixed(2) : '',
    ...costCells(way.cost).slice(1),
  ]);
  return [
    `### ${title}: files from each way`,
    ...(labelled ? [`In float: ${percent(accuracy)}.`] : []),
    table(['way', ...(labelled ? ['right'] : []), ...header], rows),
  ];
}

/** Full-integer `.tflite` files as Markdown tables. */
export function renderTfliteTables(networks: readonly TfliteResults[], rounds: number): string {
  const parts = networks.flatMap(({ title, ways, accuracy }) => {
    const labelled = accuracy !== undefined;
    const first = ways[0]?.cost;
    const rows = ways.map(({ title, cost, written }) => [
      title,
      ...(labelled ? [percent(written.accuracy)] : []),
      written.top1.toFixed(3),
      `${written.sqnrDb.toFixed(1)} dB`,
      `${Math.round(written.bytes / 1000)} kB`,
      ...(cost && first
        ? [seconds(cost.seconds), timeRatio(cost, first).toFixed(2), ...costCells(cost).slice(2)]
        : ['', '', '']),
    ]);
    const header = ['top-1', 'SQNR', 'file', 'time', "of the converter's time", 'peak memory'];
    return [
      `### ${title}: \`.tflite\` from each way`,
      ...(labelled ? [`In float: ${percent(accuracy)}.`] : []),
      table(['way', ...(labelled ? ['right'] : []), ...header], rows),
    ];
  });
  return [machineLine(rounds), ...parts].join('\n\n');
}

/** Replaces those tables in docs/accuracy.md. */
export function writeTfliteTables(tables: string): void {
  replaceTables(DOCUMENT, TFLITE_MARKS, tables);
}

/** Replaces the tables in docs/accuracy.md. */
export function writeTables(tables: string): void {
  replaceTables(DOCUMENT, { begin: BEGIN, end: END }, tables);
}

/** The first column is text, the others are numbers. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = header.map((_, column) => (column === 0 ? '---' : '---:'));
  return [header, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function costCells(cost: Cost): string[] {
  const cold = cost.cold === undefined ? '' : seconds(cost.cold);
  return [seconds(cost.seconds), cold, `${Math.round(cost.peakBytes / MEGABYTE)} MB`];
}

function seconds(value: number): string {
  return `${value.toFixed(2)} s`;
}

function megabytes(bytes: number): string {
  return `${(bytes / MEGABYTE).toFixed(2)} MB`;
}

function percent(share: number | undefined): string {
  return `${(100 * (share ?? Number.NaN)).toFixed(2)} %`;
}
