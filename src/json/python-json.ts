/**
 * JSON as Python writes it: its separators, `1.0` for a float that is whole, `NaN` and `Infinity`.
 *
 * Keras tells 1 from 1.0 (a constant of an operator layer becomes an int32 tensor), which JavaScript cannot. So a
 * text is written with the numbers of the text that was read, where they are still the same.
 *
 * @module
 */

import type { JsonValue } from './value.ts';

/** A number as it is written in a text. */
class NumberLiteral {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** JSON whose numbers are still text. */
type LiteralValue =
  | string
  | boolean
  | null
  | NumberLiteral
  | LiteralValue[]
  | { [key: string]: LiteralValue };

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
  return write(value, read === undefined ? undefined : new LiteralParser(read).parse());
}

/**
 * Parses JSON with Python's `NaN` and `Infinity`.
 *
 * @throws SyntaxError where it is none.
 */
export function parsePythonJson(text: string): JsonValue {
  return toNumbers(new LiteralParser(text).parse());
}

/** Whether two values are the same JSON; the order of keys does not matter. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((value, index) => sameJson(value, b[index]));
  }
  if (isRecord(a) && isRecord(b)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]))
    );
  }
  return Object.is(a, b) || a === b;
}

function write(value: JsonValue, read: LiteralValue | undefined): string {
  if (typeof value === 'number') return writeNumber(value, read);
  if (Array.isArray(value)) {
    const partnerOf = Array.isArray(read) ? matchItems(read) : () => undefined;
    return `[${value.map((item, index) => write(item, partnerOf(item, index))).join(', ')}]`;
  }
  if (!isRecord(value)) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, inner]) => {
    const partner = isRecord(read) && Object.hasOwn(read, key) ? read[key] : undefined;
    return `${JSON.stringify(key)}: ${write(inner as JsonValue, partner as LiteralValue | undefined)}`;
  });
  return `{${entries.join(', ')}}`;
}

function writeNumber(value: number, read: LiteralValue | undefined): string {
  if (read instanceof NumberLiteral && Object.is(numberOf(read.text), value)) return read.text;
  for (const [text, special] of SPECIAL_NUMBERS) if (Object.is(special, value)) return text;
  return JSON.stringify(value);
}

/** What an item of a list was: the one of the same name, for layers; otherwise the one at the same place. */
function matchItems(
  read: readonly LiteralValue[],
): (item: JsonValue, index: number) => LiteralValue | undefined {
  const named = new Map(read.map((item): [unknown, LiteralValue] => [nameOf(item), item]));
  return (item, index) => {
    const name = nameOf(item);
    return name === undefined ? read[index] : named.get(name);
  };
}

function nameOf(item: unknown): unknown {
  if (!isRecord(item)) return undefined;
  if (typeof item['name'] === 'string') return item['name'];
  const config = item['config'];
  return isRecord(config) && typeof config['name'] === 'string' ? config['name'] : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberLiteral)
  );
}

function numberOf(text: string): number {
  return SPECIAL_NUMBERS.get(text) ?? Number(text);
}

function toNumbers(value: LiteralValue): JsonValue {
  if (value instanceof NumberLiteral) return numberOf(value.text);
  if (Array.isArray(value)) return value.map(toNumbers);
  if (!isRecord(value)) return value as JsonValue;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, toNumbers(inner as LiteralValue)]),
  );
}

const DEEPEST = 1000;
const NUMBER = /-?(?:Infinity|NaN|(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/y;
const STRING = /"(?:[^"\\\n]|\\.)*"/y;
const SPACE = /\s*/y;

/** Parses JSON and leaves its numbers as they are written. */
class LiteralParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): LiteralValue {
    const value = this.#value(0);
    this.#match(SPACE);
    if (this.#at < this.#text.length) throw this.#error();
    return value;
  }

  #value(depth: number): LiteralValue {
    if (depth > DEEPEST) throw new SyntaxError(`nested deeper than ${DEEPEST}`);
    this.#match(SPACE);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#list(depth);
      case '"':
        return this.#string();
    }
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    const number = this.#match(NUMBER);
    if (!number) throw this.#error();
    return new NumberLiteral(number);
  }

  #object(depth: number): LiteralValue {
    const entries: [string, LiteralValue][] = [];
    this.#at++;
    if (this.#skip('}')) return {};
    do {
      this.#match(SPACE);
      const key = this.#string();
      if (!this.#skip(':')) throw this.#error();
      entries.push([key, this.#value(depth + 1)]);
    } while (this.#skip(','));
    if (!this.#skip('}')) throw this.#error();
    return Object.fromEntries(entries);
  }

  #list(depth: number): LiteralValue {
    const items: LiteralValue[] = [];
    this.#at++;
    if (this.#skip(']')) return items;
    do items.push(this.#value(depth + 1));
    while (this.#skip(','));
    if (!this.#skip(']')) throw this.#error();
    return items;
  }

  #string(): string {
    const literal = this.#match(STRING);
    if (!literal) throw this.#error();
    return JSON.parse(literal) as string;
  }

  #skip(character: string): boolean {
    this.#match(SPACE);
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #error(): SyntaxError {
    return new SyntaxError(
      `unexpected ${JSON.stringify(this.#text.slice(this.#at, this.#at + 10))} at ${this.#at}`,
    );
  }
}
