/**
 * What a terminal shows: styles, tables, progress.
 *
 * @module
 */

import { styleText } from 'node:util';
import { largestOf } from '../tensor/extremes.ts';

type Style = Parameters<typeof styleText>[0];

/** `text` in a style where standard output is a terminal that takes it and `NO_COLOR` is not set. */
export function styled(style: Style, text: string): string {
  const coloured = process.stdout.isTTY === true && !process.env['NO_COLOR'];
  return coloured ? styleText(style, text) : text;
}

/** Lines of aligned columns; columns named in `right` (by index) are aligned to the right. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => largestOf(all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return right.includes(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const [head = '', ...body] = all.map(line);
  return [styled('bold', head), ...body];
}

/** Lines moved to the right. */
export function indented(lines: readonly string[], spaces = 2): string[] {
  return lines.map((line) => ' '.repeat(spaces) + line);
}

/** Progress lines on standard error, only where that is a terminal. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Clears the line of {@link progress}. */
export function progressDone(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}
