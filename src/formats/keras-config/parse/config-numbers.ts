import { mismatch, type Place } from '../../../json/place.ts';
import { isObject } from '../../../json/value.ts';

/** The number in `value`, also where Keras wrapped it as `{"type": "ndarray", "value": 0.3}`; else undefined. */
export function optionalNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (isObject(value)) return optionalNumber(value['value'] ?? value['config']);
  return undefined;
}

/** @throws FormatError where `value` is given and is no finite number. */
export function numberOr(value: unknown, fallback: number, place: Place): number {
  if (value === undefined || value === null) return fallback;
  const number = optionalNumber(value);
  if (number === undefined || !Number.isFinite(number)) throw mismatch(place, 'a number', value);
  return number;
}

/** @throws FormatError where `value` is given and is no positive whole number. */
export function positiveInteger(value: unknown, fallback: number | undefined, place: Place): number {
  if ((value === undefined || value === null) && fallback !== undefined) return fallback;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) {
    throw mismatch(place, 'a positive whole number', value);
  }
  return value;
}
