/**
 * Entries of configurations that one dialect has and the other does not take.
 *
 * @module
 */

import { UnsupportedModelError } from '../../../errors.ts';
import { type JsonObject, type JsonValue, ownEntry, sameJson } from '../../../json/value.ts';

/** An entry that the other dialect lacks. */
export interface RemovedEntry {
  /** Values that change nothing, so that the entry can go; `any` where the entry says nothing about the function. */
  readonly neutral: readonly JsonValue[] | 'any';
  /** The classes that lack it; all where it is left out. */
  readonly classes?: RegExp;
}

/**
 * `config` without the entries that the other dialect does not take.
 *
 * @param where for messages: the layer and its class.
 * @param target for messages: the dialect that is written.
 * @throws UnsupportedModelError where such an entry is not neutral.
 */
export function removeEntries(
  config: JsonObject,
  className: string,
  removed: Readonly<Record<string, readonly RemovedEntry[]>>,
  where: string,
  target: string,
): JsonObject {
  return Object.fromEntries(
    Object.entries(config).filter(([key, value]) => {
      const rule = ownEntry(removed, key)?.find(
        ({ classes }) => classes === undefined || classes.test(className),
      );
      if (!rule) return true;
      if (rule.neutral === 'any' || rule.neutral.some((neutral) => sameJson(neutral, value))) return false;
      throw new UnsupportedModelError(
        key,
        `${where}: ${key} = ${JSON.stringify(value)} has no form in ${target}; write the model in the format that it was read from`,
      );
    }),
  );
}
