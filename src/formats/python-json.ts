import type { JsonValue } from '../model/layer.ts';

/** JSON with the separators of Python's `json.dumps`, which Keras' files are written with. */
export function pythonJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(
      ([key, inner]) => `${JSON.stringify(key)}: ${pythonJson(inner)}`,
    );
    return `{${entries.join(', ')}}`;
  }
  return JSON.stringify(value);
}

/** Whether two values are the same JSON; the order of keys does not matter. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((value, index) => sameJson(value, b[index]));
  }
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null && !Array.isArray(a)) {
    const [left, right] = [Object.entries(a), new Map(Object.entries(b))];
    return (
      !Array.isArray(b) &&
      left.length === right.size &&
      left.every(([key, value]) => right.has(key) && sameJson(value, right.get(key)))
    );
  }
  return a === b;
}
