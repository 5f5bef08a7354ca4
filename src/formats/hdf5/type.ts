/**
 * HDF5 datatypes: what elements of datasets and attributes are.
 *
 * @module
 */

import { bytesPerElement, type DType } from '../../tensor/dtype.ts';
import type { LibraryMetadata } from './library.ts';

/** How fixed-length strings are filled up: NUL after the end, NUL up to the size, spaces. */
export type StringPadding = 'nullTerminated' | 'nullPadded' | 'spacePadded';
/** The encoding that a string type declares. */
export type Charset = 'ascii' | 'utf8';

/** A member of a compound type. */
export interface CompoundMember {
  readonly name: string;
  readonly offset: number;
  readonly type: Hdf5Type;
}

/** A datatype. All numbers are little-endian; big-endian ones are swapped when they are read. */
export type Hdf5Type =
  | { readonly kind: 'integer'; readonly size: number; readonly signed: boolean }
  | { readonly kind: 'float'; readonly size: number }
  | { readonly kind: 'bitfield'; readonly size: number }
  | {
      readonly kind: 'string';
      readonly size: number;
      readonly padding: StringPadding;
      readonly charset: Charset;
    }
  | { readonly kind: 'variableString'; readonly padding: StringPadding; readonly charset: Charset }
  | { readonly kind: 'opaque'; readonly size: number }
  | {
      readonly kind: 'enum';
      readonly size: number;
      readonly signed: boolean;
      readonly members: Readonly<Record<string, number>>;
    }
  | { readonly kind: 'compound'; readonly size: number; readonly members: readonly CompoundMember[] }
  | {
      readonly kind: 'array';
      readonly size: number;
      readonly shape: readonly number[];
      readonly element: Hdf5Type;
    }
  /** What is not read or written here: references, variable-length sequences, times. */
  | { readonly kind: 'other'; readonly size: number; readonly name: string };

const PADDINGS: readonly StringPadding[] = ['nullTerminated', 'nullPadded', 'spacePadded'];
const CLASS_NAMES: Readonly<Record<number, string>> = {
  2: 'time',
  7: 'reference',
  9: 'variable-length sequence',
};

/** The type that h5wasm describes. */
export function typeFromLibrary(metadata: LibraryMetadata): Hdf5Type {
  const { size, signed } = metadata;
  switch (metadata.type) {
    case 0:
      return { kind: 'integer', size, signed };
    case 1:
      return { kind: 'float', size };
    case 3: {
      const padding = PADDINGS[metadata.strpad ?? 0] ?? 'nullTerminated';
      const charset: Charset = metadata.cset === 1 ? 'utf8' : 'ascii';
      return metadata.vlen
        ? { kind: 'variableString', padding, charset }
        : { kind: 'string', size, padding, charset };
    }
    case 4:
      return { kind: 'bitfield', size };
    case 5:
      return { kind: 'opaque', size };
    case 6: {
      const members = metadata.compound_type?.members ?? [];
      return {
        kind: 'compound',
        size,
        members: members.map((member) => ({
          name: member.name,
          offset: member.offset,
          type: typeFromLibrary(member),
        })),
      };
    }
    case 8:
      return { kind: 'enum', size, signed, members: metadata.enum_type?.members ?? {} };
    case 10:
      if (metadata.array_type) {
        const element = typeFromLibrary(metadata.array_type);
        return { kind: 'array', size, shape: metadata.array_type.shape ?? [], element };
      }
  }
  return { kind: 'other', size, name: CLASS_NAMES[metadata.type] ?? `type class ${metadata.type}` };
}

/** Bytes of one element in a file. */
export function typeSize(type: Hdf5Type): number {
  return type.kind === 'variableString' ? 16 : type.size;
}

/**
 * The tensor dtype of an HDF5 type; undefined where a tensor cannot have it.
 *
 * @param declared the `dtype` attribute beside the dataset: bfloat16 is two opaque bytes.
 */
export function dtypeOf(type: Hdf5Type, declared?: string): DType | undefined {
  switch (type.kind) {
    case 'float':
      if (type.size === 2) return declared === 'bfloat16' ? 'bfloat16' : 'float16';
      return type.size === 4 ? 'float32' : type.size === 8 ? 'float64' : undefined;
    case 'integer':
      if (declared === 'bfloat16' && type.size === 2) return 'bfloat16';
      return integerDtype(type.size, type.signed);
    case 'enum':
      return type.size === 1 && isBoolean(type.members) ? 'bool' : integerDtype(type.size, type.signed);
    case 'opaque':
      return declared === 'bfloat16' && type.size === 2 ? 'bfloat16' : undefined;
    default:
      return undefined;
  }
}

/** The HDF5 type that h5py, and so Keras, stores a dtype as. */
export function typeOfDtype(dtype: DType): Hdf5Type {
  const size = bytesPerElement(dtype);
  switch (dtype) {
    case 'float16':
    case 'float32':
    case 'float64':
      return { kind: 'float', size };
    case 'bfloat16':
      return { kind: 'opaque', size };
    case 'bool':
      return { kind: 'enum', size, signed: true, members: { FALSE: 0, TRUE: 1 } };
    default:
      return { kind: 'integer', size, signed: dtype.startsWith('int') };
  }
}

const INTEGERS: readonly DType[] = ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'];

function integerDtype(size: number, signed: boolean): DType | undefined {
  return INTEGERS.find((dtype) => dtype === `${signed ? 'int' : 'uint'}${8 * size}`);
}

/** h5py writes bool as an enum of these two. */
function isBoolean(members: Readonly<Record<string, number>>): boolean {
  return Object.keys(members).length === 2 && members['FALSE'] === 0 && members['TRUE'] === 1;
}
