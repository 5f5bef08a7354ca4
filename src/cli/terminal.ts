/**
 * What a terminal shows: lines, styles, tables, progress.
 *
 * All that the command prints goes through {@link printed} or {@link printError}, so that no name of a file or in one
 * writes on the terminal itself.
 *
 * @module
 */

import { styleText } from 'node:util';
import type { WatchOptions } from '../model/progress.ts';
import { largestOf } from '../tensor/extremes.ts';
import { visible } from '../text/visible.ts';
import { ProgressDisplay } from './progress-display.ts';
import { widthOf, wrapped } from './wrap.ts';

type Style = Parameters<typeof styleText>[0];

/** Text in a style, which it gets when it is printed. */
interface Styled {
  readonly style: Style;
  readonly text: string;
}

/** A line of a result, in one piece or in several of which some have a style. */
export type Line = string | readonly (string | Styled)[];

/** `text` in a style where standard output is a terminal that takes it and `NO_COLOR` is not set. */
export function styled(style: Style, text: string): Styled {
  return { style, text };
}

/** Lines as they go to standard output, whatever characters are in them. */
export function printed(lines: readonly Line[]): string {
  const isColoured = process.stdout.isTTY === true && !process.env['NO_COLOR'];
  const piece = (part: string | Styled): string => {
    if (typeof part === 'string') return visible(part);
    const text = visible(part.text);
    return isColoured ? styleText(part.style, text) : text;
  };
  const whole = lines.map((line) => piecesOf(line).map(piece).join(''));
  return whole.flatMap((line) => forTerminal(line, process.stdout)).join('\n');
}

/** A line in as many as it takes where `stream` is a terminal; elsewhere, for programs, as it is. */
function forTerminal(line: string, stream: NodeJS.WriteStream): string[] {
  const width = widthOf(stream);
  return width === undefined ? [line] : wrapped(line, width);
}

/** Lines on standard error. */
export function printError(...lines: readonly string[]): void {
  process.stderr.write(`${lines.flatMap((line) => forTerminal(visible(line), process.stderr)).join('\n')}\n`);
}

function piecesOf(line: Line): readonly (string | Styled)[] {
  return typeof line === 'string' ? [line] : line;
}

/** Lines of aligned columns; columns named in `right` (by index) are aligned to the right. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): Line[] {
  const all = [header, ...rows].map((row) => row.map(visible));
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
  return [[styled('bold', head)], ...body];
}

/** Lines moved to the right. */
export function indented(lines: readonly Line[]): Line[] {
  return lines.map((line) => ['  ', ...piecesOf(line)]);
}

/** What is shown of a command while it works. */
export const progress: ProgressDisplay = new ProgressDisplay(process.stderr, () => performance.now());

/** For long calls, whose progress is shown. */
export const SHOWN: Pick<WatchOptions, 'onProgress'> = { onProgress: progress.tell };
