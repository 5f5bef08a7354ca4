import { stripVTControlCharacters } from 'node:util';

/** How wide a terminal is; undefined where a stream is none, or does not say (some report 0). */
export function widthOf({
  isTTY,
  columns = 0,
}: {
  readonly isTTY?: boolean;
  readonly columns?: number;
}): number | undefined {
  return isTTY === true && columns > 0 ? columns : undefined;
}

/**
 * A line broken at spaces such that no part is wider than `width` characters, unless a word is. Parts after the first begin
 * below the text of the first, behind its indent and the name of an entry: `  exact  each channel …`.
 */
export function wrapped(line: string, width: number): string[] {
  if (stripVTControlCharacters(line).length <= width) return [line];
  const [prefix = ''] = /^ *(?:\S+ {2,})?/.exec(line) ?? [];
  const column = stripVTControlCharacters(prefix).length;
  // Half of the width is left for the text in any case.
  const indent = ' '.repeat(Math.min(column, Math.floor(width / 2)));
  const lines: string[] = [];
  let current = prefix;
  for (const word of line.slice(prefix.length).split(' ')) {
    const isFirst = current === prefix || current === indent;
    const longer = isFirst ? current + word : `${current} ${word}`;
    if (!isFirst && stripVTControlCharacters(longer).length > width) {
      lines.push(current);
      current = indent + word;
    } else {
      current = longer;
    }
  }
  return [...lines, current];
}

/** Texts of entries and paragraphs in a line each: what goes on below is joined to what it goes on from. */
export function joined(text: string): string[] {
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    const last = lines.at(-1) ?? '';
    const isHanging = /^ {4}/.test(line);
    const isProse = /^\S/.test(line) && /^\S.*[^:]$/.test(last);
    // The text of an entry with a long name is below it.
    if (isHanging || isProse) lines.push(`${lines.pop()}${/^ *\S+$/.test(last) ? '  ' : ' '}${line.trim()}`);
    else lines.push(line);
  }
  return lines;
}
