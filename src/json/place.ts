/**
 * Looking into JSON of unknown shape.
 *
 * @module
 */

import { FormatError, LimitError } from '../errors.ts';
import { isObject, type JsonObject, type JsonValue } from './value.ts';

/** A place in a configuration, for messages. */
export interface ConfigPlace {
  /** The file. */
  readonly source: string;
  /** The path to here, such as `conv1.config`. */
  readonly where: string;
}

/** `place` one step further in. */
export function inside(place: ConfigPlace, step: string): ConfigPlace {
  return { source: place.source, where: place.where === '' ? step : `${place.where}.${step}` };
}

/** A FormatError that says what was found instead of what was expected. */
export function mismatch(place: ConfigPlace, expected: string, found: unknown): FormatError {
  const text = JSON.stringify(found) ?? 'nothing';
  const shown = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return new FormatError(place.source, place.where, `expected ${expected}, found ${shown}`);
}

/** @throws FormatError where `value` is no object. */
export function requireObject(value: unknown, place: ConfigPlace): JsonObject {
  if (!isObject(value)) throw mismatch(place, 'an object', value);
  return value;
}

/** @throws FormatError where `value` is no list. */
export function requireArray(value: unknown, place: ConfigPlace): JsonValue[] {
  if (!Array.isArray(value)) throw mismatch(place, 'a list', value);
  return value as JsonValue[];
}

/** @throws FormatError where `value` is no text. */
export function requireString(value: unknown, place: ConfigPlace): string {
  if (typeof value !== 'string') throw mismatch(place, 'a text', value);
  return value;
}

/** The number in `value`, also where Keras wrapped it as `{"type": "ndarray", "value": 0.3}`; else undefined. */
export function optionalNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (isObject(value)) return optionalNumber(value['value'] ?? value['config']);
  return undefined;
}

/** @throws FormatError where `value` is given and is no finite number. */
export function numberOr(value: unknown, fallback: number, place: ConfigPlace): number {
  if (value === undefined || value === null) return fallback;
  const number = optionalNumber(value);
  if (number === undefined || !Number.isFinite(number)) throw mismatch(place, 'a number', value);
  return number;
}

/** @throws FormatError where `value` is given and is no positive whole number. */
export function positiveInteger(value: unknown, fallback: number | undefined, place: ConfigPlace): number {
  if ((value === undefined || value === null) && fallback !== undefined) return fallback;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) {
    throw mismatch(place, 'a positive whole number', value);
  }
  return value;
}

/** JSON nested deeper than this is no configuration; walking it could exhaust the stack. */
const DEEPEST_JSON = 500;

/** @throws LimitError where `value` is nested too deep to be walked. */
export function checkDepth(value: unknown): void {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST_JSON) throw new LimitError('nesting of the model configuration', depth, DEEPEST_JSON);
    level = level.flatMap((node) => (typeof node === 'object' && node !== null ? Object.values(node) : []));
  }
}
