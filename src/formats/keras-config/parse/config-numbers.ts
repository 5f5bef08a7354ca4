import { mismatch, type Place, requireWhole } from '../../../json/place.ts';
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

/** @throws FormatError where `value` is given and is no whole number of at least `least`. */
export function wholeNumber(
  value: unknown,
  { least, fallback }: { readonly least: number; readonly fallback?: number | undefined },
  place: Place,
): number {
  if ((value === undefined || value === null) && fallback !== undefined) return fallback;
  return requireWhole(optionalNumber(value) ?? value, { least }, place);
}

/** @throws FormatError where `value` is given and is no positive whole number. */
export function positiveInteger(value: unknown, fallback: number | undefined, place: Place): number {
  return wholeNumber(value, { least: 1, fallback }, place);
}

/** An axis, of which those below 0 are counted from behind. @throws FormatError where `value` is no whole number. */
export function axisNumber(value: unknown, place: Place): number {
  return wholeNumber(value, { least: Number.MIN_SAFE_INTEGER, fallback: -1 }, place);
}
