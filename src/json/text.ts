import { FormatError, LimitError, messageOf } from '../errors.ts';
import { MAX_JSON_BYTES } from '../formats/limits.ts';
import { parsePythonJson } from './python-json.ts';

/**
 * Parses JSON, also with Python's `NaN` and `Infinity`.
 *
 * @throws {@link FormatError} where it is none, {@link LimitError} where it is longer than any configuration.
 */
export function parseJson(text: string, source: string, where: string): unknown {
  if (text.length > MAX_JSON_BYTES) throw new LimitError(`${source}: ${where}`, text.length, MAX_JSON_BYTES);
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
