/**
 * Lists of names in attributes of an HDF5 file, in pieces where they are too long for one.
 *
 * @module
 */

import { FormatError, UnsupportedModelError } from '../../errors.ts';
import { largestOf } from '../../tensor/extremes.ts';
import { type Attribute, attributeStrings, stringListAttribute } from '../hdf5/attribute.ts';
import type { Hdf5File } from '../hdf5/file.ts';

/** Keras' `HDF5_OBJECT_HEADER_LIMIT`: longer attributes do not fit the header of an HDF5 object. */
const ATTRIBUTE_LIMIT = 64512;

const encoder = new TextEncoder();

/**
 * The list `name` of a group: one attribute, or `name0`, `name1`, … in order; undefined where there is neither.
 *
 * @throws {@link FormatError} where an attribute of the name is not a list of strings.
 */
export function readNameList(file: Hdf5File, path: string, name: string): string[] | undefined {
  const parts = nameListAttributes(name, new Set(file.attributeNames(path)));
  return parts.length === 0 ? undefined : namesIn(file, path, file.attributes(path, parts));
}

/**
 * The names in attributes that were read from the group at `path`.
 *
 * @throws {@link FormatError} where one is not a list of strings.
 */
export function namesIn(file: Hdf5File, path: string, parts: readonly Attribute[]): string[] {
  return parts.flatMap((part) => {
    const strings = attributeStrings(part);
    if (!strings) throw new FormatError(file.name, `${path}@${part.name}`, 'expected a list of names');
    return strings;
  });
}

/** Which of the `existing` attributes of a group hold the list `name`, in order. */
export function nameListAttributes(name: string, existing: { has(name: string): boolean }): string[] {
  if (existing.has(name)) return [name];
  const parts: string[] = [];
  while (existing.has(`${name}${parts.length}`)) parts.push(`${name}${parts.length}`);
  return parts;
}

/**
 * The attributes that hold the list `name`, as Keras' `save_attributes_to_hdf5_group` splits it.
 *
 * @throws {@link UnsupportedModelError} where a name is longer than an attribute.
 * @param isFixed whether the file has it as strings of one fixed length, as h5py before 3 wrote a list.
 */
export function writeNameList(name: string, texts: readonly string[], isFixed = false): Attribute[] {
  const strings = texts.map((text) => encoder.encode(text));
  if (fitsOneAttribute(strings)) {
    return [isFixed && strings.length > 0 ? fixedList(name, strings) : stringListAttribute(name, texts)];
  }
  if (longest(strings) > ATTRIBUTE_LIMIT) {
    const reason = `a name of ${longest(strings)} bytes does not fit an HDF5 file, in which ${ATTRIBUTE_LIMIT} are the most`;
    throw new UnsupportedModelError('long names', `${name}: ${reason}; give the layer a shorter one`);
  }
  let count = 2;
  while (!splitEvenly(strings, count).every(fitsOneAttribute)) count++;
  return splitEvenly(strings, count).map((part, index) => fixedList(`${name}${index}`, part));
}

function longest(strings: readonly Uint8Array[]): number {
  return largestOf(
    strings.map(({ length }) => length),
    1,
  );
}

function fitsOneAttribute(strings: readonly Uint8Array[]): boolean {
  return longest(strings) * strings.length <= ATTRIBUTE_LIMIT;
}

/** Strings of one length, NUL-padded, as h5py writes a numpy array of `bytes`. */
function fixedList(name: string, strings: readonly Uint8Array[]): Attribute {
  const size = longest(strings);
  const bytes = new Uint8Array(size * strings.length);
  for (const [index, string] of strings.entries()) bytes.set(string, index * size);
  return {
    name,
    type: { kind: 'string', size, padding: 'nullPadded', charset: 'ascii' },
    shape: [strings.length],
    content: { bytes },
  };
}

/** numpy's `array_split`: parts of nearly equal length, the longer ones first. */
function splitEvenly<Item>(items: readonly Item[], count: number): Item[][] {
  const base = Math.floor(items.length / count);
  const longer = items.length % count;
  return Array.from({ length: count }, (_, index) => {
    const start = index * base + Math.min(index, longer);
    return items.slice(start, start + base + (index < longer ? 1 : 0));
  });
}
