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

/** A share as `93.8 %`. */
export function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`;
}

/** A whole number with its thousands apart; Intl would take longer to load than the number to be found. */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 layer`, `2 layers`. */
export function count(number: number, noun: string): string {
  return `${grouped(number)} ${noun}${number === 1 ? '' : 's'}`;
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
