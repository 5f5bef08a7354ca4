import { FormatError, LimitError, messageOf } from '../errors.ts';
import { checkDepth } from './place.ts';
import { parsePythonJson } from './python-json.ts';

/** Bytes of a JSON text: configurations of the largest published models stay below 10 MB. */
export const MAX_JSON_BYTES: number = 256 * 2 ** 20;

/**
 * Parses JSON, also with Python's `NaN` and `Infinity`.
 *
 * @throws {@link FormatError} where it is none, {@link LimitError} where it is longer or deeper than any configuration.
 */
export function parseJson(text: string, source: string, where: string): unknown {
  if (text.length > MAX_JSON_BYTES) throw new LimitError(`${source}: ${where}`, text.length, MAX_JSON_BYTES);
  const value = parsed(text, source, where);
  checkDepth(value, where === '' ? source : `${source}: ${where}`);
  return value;
}

function parsed(text: string, source: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    try {
      return parsePythonJson(text);
    } catch {
      throw new FormatError(source, where, `not valid JSON: ${messageOf(cause)}`, { cause });
    }
  }
}
