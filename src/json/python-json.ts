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
 * JSON text of `value`, as Python writes it.
 *
 * @param read the text that `value` was made from, whose numbers are kept as they are written.
 * @param at where in that text the value stood, key by key.
 */
export function pythonJson(value: JsonValue, read?: string, at: readonly string[] = []): string {
  const style = { comma: ', ', colon: ': ', special: (text: string) => text };
  return write(value, partnerIn(read, at), style);
}

/**
 * JSON text of `value`, as JavaScript writes and reads it: without spaces, and with null for NaN and the infinities.
 *
 * @param read as in {@link pythonJson}.
 * @param onLost is told of each number that is null, and where it stands, with layers by their names.
 */
export function scriptJson(
  value: JsonValue,
  read: string | undefined,
  onLost: (place: string, number: string) => void,
): string {
  const place: string[] = [];
  const special = (text: string): string => {
    onLost(place.join('.'), text);
    return 'null';
  };
  return write(value, partnerIn(read, []), { comma: ',', colon: ':', special, place });
}

function partnerIn(read: string | undefined, at: readonly string[]): WrittenJson | undefined {
  if (read === undefined) return undefined;
  const whole: WrittenJson | undefined = parseWritten(read);
  return at.reduce<WrittenJson | undefined>(
    (outer, key) => (outer instanceof Map ? outer.get(key) : undefined),
    whole,
  );
}

/**
 * Parses JSON with Python's `NaN` and `Infinity`.
 *
 * @throws SyntaxError where it is none.
 */
export function parsePythonJson(text: string): JsonValue {
  return toNumbers(parseWritten(text));
}

interface Style {
  readonly comma: string;
  readonly colon: string;
  /** What is written for NaN and the infinities. */
  readonly special: (text: string) => string;
  /** Kept up while writing: the keys down to where the writer is. */
  readonly place?: string[];
}

function write(value: JsonValue, read: WrittenJson | undefined, style: Style): string {
  if (typeof value === 'number') return writeNumber(value, read, style);
  const { comma, colon, place } = style;
  const inside = (key: string, inner: JsonValue, partner: WrittenJson | undefined): string => {
    place?.push(key);
    const text = write(inner, partner, style);
    place?.pop();
    return text;
  };
  if (Array.isArray(value)) {
    const partnerOf = Array.isArray(read) ? matchItems(read, value.length) : () => undefined;
    const items = value.map((item, index) =>
      inside(nameOf(item) ?? String(index), item, partnerOf(item, index)),
    );
    return `[${items.join(comma)}]`;
  }
  if (!isObject(value)) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, inner]) => {
    const partner = read instanceof Map ? read.get(key) : undefined;
    return `${JSON.stringify(key)}${colon}${inside(key, inner, partner)}`;
  });
  return `{${entries.join(comma)}}`;
}

function writeNumber(value: number, read: WrittenJson | undefined, style: Style): string {
  const kept = read instanceof NumberLiteral && Object.is(numberOf(read), value) ? read.text : undefined;
  if (kept !== undefined && !SPECIAL_NUMBERS.has(kept)) return kept;
  for (const [text, special] of SPECIAL_NUMBERS) if (Object.is(special, value)) return style.special(text);
  // A whole number has no sign of zero in Python.
  return Object.is(value, -0) ? '-0.0' : JSON.stringify(value);
}

/**
 * What an item of a list was: the one of the same name, for layers; otherwise the one at the same place, if the list has as
 * many items still.
 */
function matchItems(
  read: readonly WrittenJson[],
  length: number,
): (item: JsonValue, index: number) => WrittenJson | undefined {
  const named = new Map(read.map((item): [unknown, WrittenJson] => [nameOf(item), item]));
  return (item, index) => {
    const name = nameOf(item);
    const atPlace = name === undefined || read.length === length ? read[index] : undefined;
    return (name === undefined ? undefined : named.get(name)) ?? atPlace;
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
  for (let at = 0; at < text.length; ) {
    const start = text.indexOf('"', at);
    const between = text.slice(at, start === -1 ? undefined : start);
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

function withoutMarks(value: JsonValue, depth = 0): WrittenJson {
  if (typeof value === 'string')
    return value.startsWith('n') ? new NumberLiteral(value.slice(1)) : value.slice(1);
  if (depth > DEEPEST) throw new SyntaxError(`nested deeper than ${DEEPEST}`);
  if (Array.isArray(value)) return value.map((inner) => withoutMarks(inner, depth + 1));
  if (!isObject(value)) return value as boolean | null;
  return new Map(Object.entries(value).map(([key, inner]) => [key.slice(1), withoutMarks(inner, depth + 1)]));
}
