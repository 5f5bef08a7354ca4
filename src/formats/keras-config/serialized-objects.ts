/**
 * Objects inside configurations: `{"class_name": …, "config": …}`, with `module` and `registered_name` where Keras 2.13
 * or newer wrote them.
 *
 * @module
 */

import { isObject, type JsonObject, type JsonValue, mapEntries } from '../../json/value.ts';
import { isCustomClass } from '../../model/layer.ts';

/** Whether `value` is a serialized object. */
export function isSerialized(value: JsonValue | undefined): value is JsonObject {
  return (
    isObject(value) && typeof value['class_name'] === 'string' && ('config' in value || 'items' in value)
  );
}

/**
 * `value` with every serialized object in it replaced, the inner ones first; arrays of numpy become plain numbers.
 *
 * @param key the entry that `value` stands under, which tells what kind of object it is.
 */
export function mapSerialized(
  value: JsonValue,
  key: string,
  convert: (object: JsonObject, key: string) => JsonValue,
): JsonValue {
  if (Array.isArray(value)) return value.map((item) => mapSerialized(item, key, convert));
  if (!isObject(value)) return value;
  const numbers = numbersIn(value);
  if (numbers !== undefined) return numbers;
  const mapped: JsonObject = mapEntries(value, (item, name) =>
    mapSerialized(item, name === 'config' || name === 'items' ? key : name, convert),
  );
  return isSerialized(mapped) ? convert(mapped, key) : mapped;
}

/** `value` with plain numbers in the place of arrays of numpy, which not every Keras of a dialect reads. */
export function plainNumbers(value: JsonValue): JsonValue {
  return mapSerialized(value, '', (object) => object);
}

/** The name to look a class up by: with its package where it is one that was registered, `package>Class`. */
export function classNameOf(object: JsonObject): string {
  return String(isCustomClass(object) ? object['registered_name'] : object['class_name']);
}

/** The entries of an object that is serialized with the `config` of an object; empty for a function's name. */
export function configOf(object: JsonObject): JsonObject {
  return isObject(object['config']) ? object['config'] : {};
}

/**
 * The numbers in an array of numpy that Keras wrote as an object; undefined where it is none. `{"type": "ndarray"}` is
 * the older form.
 */
export function numbersIn(value: JsonValue | undefined): JsonValue | undefined {
  if (!isObject(value)) return undefined;
  if (value['type'] === 'ndarray') return value['value'];
  const isArray = value['class_name'] === '__numpy__' || value['class_name'] === '__tensor__';
  return isArray ? configOf(value)['value'] : undefined;
}
