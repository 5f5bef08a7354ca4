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
/**
 * What decides how a text is read on: escapes, ends of texts, brackets, and numbers that are no key. No pattern for a whole
 * text, which would need stack for each escape in megabytes.
 */
const TOKENS = /\\.|["[\]{}]|-?(?:Infinity|NaN|(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?!\s*:)/g;

/** Parses JSON and leaves its numbers as they are written: as texts, which `n` marks, and `t` all others. */
function parseWritten(text: string): WrittenJson {
  let depth = 0;
  let isInText = false;
  const marked = text.replace(TOKENS, (token) => {
    if (token === '"') {
      isInText = !isInText;
      return isInText ? '"t' : token;
    }
    if (isInText || token.startsWith('\\')) return token;
    if (/[[\]{}]/.test(token)) {
      depth += /[[{]/.test(token) ? 1 : -1;
      if (depth > DEEPEST) throw new SyntaxError(`nested deeper than ${DEEPEST}`);
      return token;
    }
    return `"n${token}"`;
  });
  return withoutMarks(JSON.parse(marked));
}

function withoutMarks(value: JsonValue): WrittenJson {
  if (typeof value === 'string')
    return value.startsWith('n') ? new NumberLiteral(value.slice(1)) : value.slice(1);
  if (Array.isArray(value)) return value.map(withoutMarks);
  if (!isObject(value)) return value as boolean | null;
  return new Map(Object.entries(value).map(([key, inner]) => [key.slice(1), withoutMarks(inner)]));
}
