import type { Hdf5Type } from './type.ts';

/** Elements of a dataset or an attribute: raw bytes, or the bytes of each variable-length string. */
export type Content = { readonly bytes: Uint8Array } | { readonly strings: readonly Uint8Array[] };

/** An attribute of a group or dataset, with its exact type. */
export interface Attribute {
  readonly name: string;
  readonly type: Hdf5Type;
  /** Empty for a scalar, undefined where the attribute has a type but no value. */
  readonly shape: readonly number[] | undefined;
  readonly content: Content;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The strings of an attribute in order; undefined where its type is no string. */
export function attributeStrings(attribute: Attribute): string[] | undefined {
  const { type, content } = attribute;
  if ('strings' in content) return content.strings.map((bytes) => decoder.decode(bytes));
  if (attribute.shape?.includes(0)) return [];
  if (type.kind !== 'string') return undefined;
  return Array.from({ length: content.bytes.length / type.size }, (_, index) => {
    const bytes = content.bytes.subarray(index * type.size, (index + 1) * type.size);
    const end = bytes.indexOf(0);
    const text = decoder.decode(end === -1 ? bytes : bytes.subarray(0, end));
    return type.padding === 'spacePadded' ? text.trimEnd() : text;
  });
}

/** A scalar string of variable length, as h5py writes `bytes` (ascii) and `str` (utf8). */
export function stringAttribute(name: string, text: string, charset: 'ascii' | 'utf8' = 'ascii'): Attribute {
  return {
    name,
    type: { kind: 'variableString', padding: 'nullTerminated', charset },
    shape: [],
    content: { strings: [encoder.encode(text)] },
  };
}

/**
 * A list of strings, as h5py writes a list of `bytes`: variable-length ones, and no strings as float64 without
 * elements, which is what numpy makes of an empty list.
 */
export function stringListAttribute(name: string, texts: readonly string[]): Attribute {
  if (texts.length === 0) {
    return { name, type: { kind: 'float', size: 8 }, shape: [0], content: { bytes: new Uint8Array() } };
  }
  return {
    name,
    type: { kind: 'variableString', padding: 'nullTerminated', charset: 'ascii' },
    shape: [texts.length],
    content: { strings: texts.map((text) => encoder.encode(text)) },
  };
}
