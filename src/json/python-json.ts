/**
 * JSON as Python writes it: its separators, `1.0` for a float that is whole, `NaN` and `Infinity`.
 *
 * Keras tells 1 from 1.0 (a constant of an operator layer becomes an int32 tensor), which JavaScript cannot. So a
 * text is written with the numbers of the text that was read, where they are still the same.
 *
 * @module
 */

import { isObject, type JsonValue, mapEntries, ownEntry } from './value.ts';

/** A number as it is written in a text. */
class NumberLiteral {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** JSON whose numbers are still text. Objects are Maps, so that no key means anything else. */
type WrittenJson = string | boolean | null | NumberLiteral | WrittenJson[] | ReadonlyMap<string, WrittenJson>;

const SPECIAL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/**
 * JSON text of `value`.
 *
 * @param read the text that `value` was made from, whose numbers are kept as they are written.
 */
export function pythonJson(value: JsonValue, read?: string): string {
  return write(value, read === undefined ? undefined : parseWritten(read));
}

/**
 * Parses JSON with Python's `NaN` and `Infinity`.
 *
 * @throws SyntaxError where it is none.
 */
export function parsePythonJson(text: string): JsonValue {
  return toNumbers(parseWritten(text));
}

function write(value: JsonValue, read: WrittenJson | undefined): string {
  if (typeof value === 'number') return writeNumber(value, read);
  if (Array.isArray(value)) {
    const partnerOf = Array.isArray(read) ? matchItems(read) : () => undefined;
    return `[${value.map((item, index) => write(item, partnerOf(item, index))).join(', ')}]`;
  }
  if (!isObject(value)) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, inner]) => {
    const partner = read instanceof Map ? read.get(key) : undefined;
    return `${JSON.stringify(key)}: ${write(inner, partner)}`;
  });
  return `{${entries.join(', ')}}`;
}

function writeNumber(value: number, read: WrittenJson | undefined): string {
  if (read instanceof NumberLiteral && Object.is(numberOf(read), value)) return read.text;
  for (const [text, special] of SPECIAL_NUMBERS) if (Object.is(special, value)) return text;
  return JSON.stringify(value);
}

/** What an item of a list was: the one of the same name, for layers; otherwise the one at the same place. */
function matchItems(
  read: readonly WrittenJson[],
): (item: JsonValue, index: number) => WrittenJson | undefined {
  const named = new Map(read.map((item): [unknown, WrittenJson] => [nameOf(item), item]));
  return (item, index) => {
    const name = nameOf(item);
    return name === undefined ? read[index] : named.get(name);
  };
}

function nameOf(item: JsonValue | WrittenJson): string | undefined {
  const name = entryOf(item, 'name') ?? entryOf(entryOf(item, 'config'), 'name');
  return typeof name === 'string' ? name : undefined;
}

type Entry = JsonValue | WrittenJson | undefined;

function entryOf(value: Entry, key: string): Entry {
  if (value instanceof Map) return value.get(key);
  return isObject(value) ? ownEntry(value, key) : undefined;
}

function numberOf({ text }: NumberLiteral): number {
  return SPECIAL_NUMBERS.get(text) ?? Number(text);
}

function toNumbers(value: WrittenJson): JsonValue {
  if (value instanceof NumberLiteral) return numberOf(value);
  if (Array.isArray(value)) return value.map(toNumbers);
  return value instanceof Map ? mapEntries(Object.fromEntries(value), toNumbers) : (value as JsonValue);
}

const DEEPEST = 1000;
const NUMBERS = /-?(?:Infinity|NaN|(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?!\s*:)/g;

/**
 * Parses JSON and leaves its numbers as they are written: JSON.parse is given them as texts, with `n` in front, and all
 * other texts with `t`.
 */
function parseWritten(text: string): WrittenJson {
  const marked: string[] = [];
  let depth = 0;
  for (let at = 0; at < text.length; ) {
    const start = text.indexOf('"', at);
    const between = text.slice(at, start === -1 ? undefined : start);
    for (const [bracket] of between.matchAll(/[[\]{}]/g)) {
      depth += bracket === '[' || bracket === '{' ? 1 : -1;
      if (depth > DEEPEST) throw new SyntaxError(`nested deeper than ${DEEPEST}`);
    }
    marked.push(between.replace(NUMBERS, '"n$&"'));
    if (start === -1) break;
    at = endOfText(text, start) + 1;
    marked.push('"t', text.slice(start + 1, at));
  }
  return withoutMarks(JSON.parse(marked.join('')));
}

/** Where the quotation mark is that ends the text that begins at `start`. */
function endOfText(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = end;
    while (text[escapes - 1] === '\\') escapes--;
    if ((end - escapes) % 2 === 0) return end;
  }
  return text.length;
}

function withoutMarks(value: JsonValue): WrittenJson {
  if (typeof value === 'string')
    return value.startsWith('n') ? new NumberLiteral(value.slice(1)) : value.slice(1);
  if (Array.isArray(value)) return value.map(withoutMarks);
  if (!isObject(value)) return value as boolean | null;
  return new Map(Object.entries(value).map(([key, inner]) => [key.slice(1), withoutMarks(inner)]));
}
