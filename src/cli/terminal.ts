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

/** Progress lines on standard error, only where that is a terminal. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** Clears the line of {@link progress}. */
export function progressDone(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}
