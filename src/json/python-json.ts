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
  return write(value, read === undefined ? undefined : new JsonParser(read).whole());
}

/**
 * Parses JSON with Python's `NaN` and `Infinity`.
 *
 * @throws SyntaxError where it is none.
 */
export function parsePythonJson(text: string): JsonValue {
  return toNumbers(new JsonParser(text).whole());
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
const WORD = /true|false|null/y;
const NUMBER = /-?(?:Infinity|NaN|(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y;
const SPACE = /\s*/y;

/** Parses JSON and leaves its numbers as they are written. */
class JsonParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): WrittenJson {
    const value = this.#value(0);
    this.#match(SPACE);
    if (this.#at < this.#text.length) throw this.#error();
    return value;
  }

  #value(depth: number): WrittenJson {
    if (depth > DEEPEST) throw new SyntaxError(`nested deeper than ${DEEPEST}`);
    if (this.#skip('{')) return this.#object(depth);
    if (this.#skip('[')) return this.#list(depth);
    const word = this.#match(WORD);
    if (word !== undefined) return word === 'null' ? null : word === 'true';
    const number = this.#match(NUMBER);
    return number === undefined ? this.#string() : new NumberLiteral(number);
  }

  #object(depth: number): ReadonlyMap<string, WrittenJson> {
    const entries = new Map<string, WrittenJson>();
    if (this.#skip('}')) return entries;
    do {
      const key = this.#string();
      this.#expect(':');
      entries.set(key, this.#value(depth + 1));
    } while (this.#skip(','));
    this.#expect('}');
    return entries;
  }

  #list(depth: number): WrittenJson[] {
    const items: WrittenJson[] = [];
    if (this.#skip(']')) return items;
    do items.push(this.#value(depth + 1));
    while (this.#skip(','));
    this.#expect(']');
    return items;
  }

  /** Character by character: a pattern would need stack for each escape in a text of megabytes. */
  #string(): string {
    this.#match(SPACE);
    let end = this.#at + 1;
    while (this.#text[end] !== '"') {
      if (end >= this.#text.length) throw this.#error();
      end += this.#text[end] === '\\' ? 2 : 1;
    }
    const literal = this.#text.slice(this.#at, end + 1);
    this.#at = end + 1;
    return JSON.parse(literal) as string;
  }

  #expect(character: string): void {
    if (!this.#skip(character)) throw this.#error();
  }

  #skip(character: string): boolean {
    this.#match(SPACE);
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    if (pattern !== SPACE) this.#match(SPACE);
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #error(): SyntaxError {
    const found = this.#text.slice(this.#at, this.#at + 10);
    return new SyntaxError(`unexpected ${JSON.stringify(found)} at ${this.#at}`);
  }
}
