import { LimitError } from '../errors.ts';
import { requireObject } from '../json/place.ts';
import { MAX_JSON_BYTES, parseJson } from '../json/text.ts';
import type { JsonObject } from '../json/value.ts';
import { type ByteSource, readAll } from './bytes.ts';

/**
 * The JSON in a file, or in an entry of one.
 *
 * @param source the file, for messages.
 * @param where the entry in it.
 * @throws FormatError where it is no JSON; LimitError where it is larger than any configuration.
 */
export function readJson(bytes: ByteSource, source: string = bytes.name, where = ''): unknown {
  if (bytes.size > MAX_JSON_BYTES) {
    throw new LimitError(`${source}: bytes of ${where === '' ? 'JSON' : where}`, bytes.size, MAX_JSON_BYTES);
  }
  return parseJson(new TextDecoder().decode(readAll(bytes)), source, where);
}

/** As {@link readJson}, of a JSON object; FormatError where it is something else. */
export function readJsonObject(bytes: ByteSource, source: string = bytes.name, where = ''): JsonObject {
  return requireObject(readJson(bytes, source, where), { source, where });
}
