/**
 * Looking into JSON of unknown shape.
 *
 * @module
 */

import { FormatError, LimitError } from '../errors.ts';
import { isObject, type JsonObject, type JsonValue } from './value.ts';

/** A place in a document, for messages. */
export interface Place {
  /** The file. */
  readonly source: string;
  /** The path to here, such as `conv1.config`. */
  readonly where: string;
}

/** `place` one step further in. */
export function inside(place: Place, step: string): Place {
  return { source: place.source, where: place.where === '' ? step : `${place.where}.${step}` };
}

/** A FormatError that says what was found instead of what was expected. */
export function mismatch(place: Place, expected: string, found: unknown): FormatError {
  return new FormatError(place.source, place.where, `expected ${expected}, found ${shownValue(found)}`);
}

/** A value as text; of a list or an object its type, because what is in it may be deep and long. */
export function shownValue(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `a list of ${value.length}`;
  if (isObject(value)) return Object.keys(value).length === 0 ? '{}' : 'an object';
  // JSON has no NaN and no Infinity, which Python writes.
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(typeof value === 'string' ? value.slice(0, 80) : value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** @throws FormatError where `value` is no object. */
export function requireObject(value: unknown, place: Place): JsonObject {
  if (!isObject(value)) throw mismatch(place, 'an object', value);
  return value;
}

/** @throws FormatError where `value` is no list. */
export function requireArray(value: unknown, place: Place): JsonValue[] {
  if (!Array.isArray(value)) throw mismatch(place, 'a list', value);
  return value as JsonValue[];
}

/** What `parse` makes of each item. @throws FormatError where `value` is no list. */
export function requireItems<Item>(
  value: unknown,
  place: Place,
  parse: (item: unknown, place: Place) => Item,
): Item[] {
  const { source, where } = place;
  return requireArray(value, place).map((item, index) =>
    parse(item, { source, where: `${where}[${index}]` }),
  );
}

/** @throws FormatError where `value` is no text. */
export function requireString(value: unknown, place: Place): string {
  if (typeof value !== 'string') throw mismatch(place, 'a text', value);
  return value;
}

/** The least and the most that a number may be. */
interface Bounds {
  readonly least: number;
  readonly most?: number;
}

/** @throws FormatError where `value` is no whole number within bounds, the widest of which are those of exact numbers. */
export function requireWhole(
  value: unknown,
  { least, most = Number.MAX_SAFE_INTEGER }: Bounds,
  place: Place,
): number {
  const number = Number.isInteger(value) ? Number(value) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw mismatch(place, number > most ? `a whole number up to ${most}` : wholeNumberText(least), value);
}

function wholeNumberText(least: number): string {
  if (least === 1) return 'a positive whole number';
  return least === Number.MIN_SAFE_INTEGER ? 'a whole number' : `a whole number of at least ${least}`;
}

/** JSON nested deeper than this is no configuration; walking it could exhaust the stack. */
const DEEPEST_JSON = 500;

/** @throws LimitError where `value`, which messages call `what`, is nested too deep to be walked. */
export function checkDepth(value: unknown, what: string): void {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST_JSON) throw new LimitError(`${what}: lists in one another`, depth, DEEPEST_JSON);
    level = level.flatMap((node) => (typeof node === 'object' && node !== null ? Object.values(node) : []));
  }
}
