/**
 * Datatype messages of HDF5 files (version 1, as HDF5 writes them for the widest compatibility).
 *
 * https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, "The Datatype Message".
 *
 * @module
 */

import { ByteBuilder } from './byte-builder.ts';
import type { Charset, Hdf5Type, StringPadding } from './type.ts';

const PADDING_BITS: Record<StringPadding, number> = { nullTerminated: 0, nullPadded: 1, spacePadded: 2 };
const CHARSET_BITS: Record<Charset, number> = { ascii: 0, utf8: 1 };

/** IEEE 754 formats: sign bit, exponent's place and width, mantissa's width, exponent bias. */
const FLOATS: Readonly<Record<number, readonly [number, number, number, number, number]>> = {
  2: [15, 10, 5, 10, 15],
  4: [31, 23, 8, 23, 127],
  8: [63, 52, 11, 52, 1023],
};

/**
 * The datatype message of `type`; undefined for types that are not written.
 */
export function encodeType(type: Hdf5Type): Uint8Array | undefined {
  const to = new ByteBuilder();
  return appendType(to, type) ? to.build() : undefined;
}

/** Class and version, 24 bits of flags, size. */
function head(to: ByteBuilder, typeClass: number, flags: number, size: number, version = 1): ByteBuilder {
  return to.u8((version << 4) | typeClass, flags & 255, (flags >> 8) & 255, (flags >> 16) & 255).u32(size);
}

function appendType(to: ByteBuilder, type: Hdf5Type): boolean {
  switch (type.kind) {
    case 'integer':
      head(to, 0, type.signed ? 8 : 0, type.size).u16(0, 8 * type.size);
      return true;
    case 'float': {
      const format = FLOATS[type.size];
      if (!format) return false;
      const [sign, exponentAt, exponentBits, mantissaBits, bias] = format;
      const impliedBit = 2 << 4;
      head(to, 1, impliedBit | (sign << 8), type.size);
      to.u16(0, 8 * type.size)
        .u8(exponentAt, exponentBits, 0, mantissaBits)
        .u32(bias);
      return true;
    }
    case 'string':
      head(to, 3, PADDING_BITS[type.padding] | (CHARSET_BITS[type.charset] << 4), type.size);
      return true;
    case 'bitfield':
      head(to, 4, 0, type.size).u16(0, 8 * type.size);
      return true;
    case 'opaque':
      head(to, 5, 0, type.size);
      return true;
    case 'compound':
      return appendCompound(to, type);
    case 'enum':
      return appendEnum(to, type);
    case 'variableString': {
      const isString = 1;
      head(to, 9, isString | (PADDING_BITS[type.padding] << 4) | (CHARSET_BITS[type.charset] << 8), 16);
      return appendType(to, { kind: 'integer', size: 1, signed: false });
    }
    case 'array': {
      head(to, 10, 0, type.size, 2).u8(type.shape.length, 0, 0, 0);
      to.u32(...type.shape).u32(...type.shape.map((_, axis) => axis));
      return appendType(to, type.element);
    }
    case 'other':
      return false;
  }
}

function appendCompound(to: ByteBuilder, type: Hdf5Type & { kind: 'compound' }): boolean {
  // Members that are arrays need version 2, which has no dimensions of its own.
  head(to, 6, type.members.length, type.size, 2);
  return type.members.every((member) => {
    if (member.type.kind === 'variableString') return false;
    const name = new ByteBuilder().text(member.name).u8(0).align();
    to.bytes(name.build()).u32(member.offset);
    return appendType(to, member.type);
  });
}

function appendEnum(to: ByteBuilder, type: Hdf5Type & { kind: 'enum' }): boolean {
  const entries = Object.entries(type.members);
  head(to, 8, entries.length, type.size);
  appendType(to, { kind: 'integer', size: type.size, signed: type.signed });
  for (const [name] of entries) to.bytes(new ByteBuilder().text(name).u8(0).align().build());
  for (const [, value] of entries) {
    const bytes = new DataView(new ArrayBuffer(8));
    bytes.setBigInt64(0, BigInt(value), true);
    to.bytes(new Uint8Array(bytes.buffer, 0, type.size));
  }
  return true;
}
