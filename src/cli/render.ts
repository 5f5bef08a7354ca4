/**
 * Text for people: tables, sizes, numbers, colours.
 *
 * @module
 */

import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** `text` in a style where standard output is a terminal that takes it and `NO_COLOR` is not set. */
export function styled(style: Style, text: string): string {
  const coloured = process.stdout.isTTY === true && !process.env['NO_COLOR'];
  return coloured ? styleText(style, text) : text;
}

/** Rows in aligned columns; columns named in `right` (by index) are aligned to the right. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return right.includes(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const [head = '', ...body] = all.map(line);
  return [styled('bold', head), ...body].join('\n');
}

/** A number with three significant digits. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return value >= 1000 ? grouped(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** A number of any size with two significant digits: 0.031, 1.2e-6. */
export function small(value: number): string {
  const rounded = Number(value.toPrecision(2));
  return rounded !== 0 && Math.abs(rounded) < 1e-3 ? rounded.toExponential() : String(rounded);
}

/** A share as `93.8 %`; with more digits where it would look like all. */
export function percent(share: number): string {
  const digits = share > 0.9994 && share < 1 ? 3 : 1;
  return `${Number((100 * share).toFixed(digits))} %`;
}

/** A share with two digits, `0.0031 %`: what is too rare to be seen is no 0. */
export function tinyPercent(share: number): string {
  return share > 0 && share < 1e-5 ? '< 0.001 %' : `${small(100 * share)} %`;
}

/** `38.9 dB`, `Infinity dB`; `-` where there is none. */
export function decibels(value: number | undefined): string {
  return value === undefined ? '-' : `${Number.isFinite(value) ? value.toFixed(1) : value} dB`;
}

/** A whole number with its thousands apart; Intl would take longer to load than the number to be found. */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 layer`, `2 layers`; `plural` where an s is not enough. */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${grouped(number)} ${number === 1 ? noun : plural}`;
}

/** What would help with the reasons of one kind; undefined where nothing would. */
export type ReasonHint = (code: string, messages: readonly string[]) => string | undefined;

/** Reasons of one kind in a summary; `--json` has all. */
const REASONS_SHOWN = 3;

/** The first reasons of each kind, with a count of the others, and what would help. */
export function groupedReasons(
  skipped: readonly { readonly code: string; readonly message: string }[],
  hintFor: ReasonHint = () => undefined,
): string[] {
  const kinds = new Map<string, string[]>();
  for (const { code, message } of skipped) kinds.set(code, [...(kinds.get(code) ?? []), message]);
  return [...kinds].flatMap(([code, messages]) => {
    const more = messages.length - REASONS_SHOWN;
    const others = more > 0 ? [`… and ${more} more like these (${code}); --json lists all`] : [];
    return [...messages.slice(0, REASONS_SHOWN), ...others, ...[hintFor(code, messages) ?? []].flat()];
  });
}

/** A shape as `32 x 32 x 8`, the batch left out; `?` where a dimension is not known. */
export function shapeText(shape: readonly (number | null)[] | undefined): string {
  if (shape === undefined) return '?';
  const inner = shape.slice(1).map((dimension) => (dimension === null ? '?' : String(dimension)));
  return inner.length === 0 ? 'scalar' : inner.join(' x ');
}

/** Progress lines on standard error, only where that is a terminal. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Clears the line of {@link progress}. */
export function progressDone(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}
