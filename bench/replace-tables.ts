import { readFileSync, writeFileSync } from 'node:fs';

/** Puts tables between two marks of a document, in place of those that are there. */
export function replaceTables(
  document: string,
  { begin, end }: { readonly begin: string; readonly end: string },
  tables: string,
): void {
  const text = readFileSync(document, 'utf8');
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from === -1 || to < from) throw new Error(`${document}: no ${begin} … ${end}`);
  writeFileSync(document, `${text.slice(0, from + begin.length)}\n\n${tables}\n\n${text.slice(to)}`);
}
