/**
 * Zip files taken apart and put together with headers of our choice, independently of the code under test.
 *
 * @module
 */

import { crc32, inflateRawSync } from 'node:zlib';

/** An entry of a zip file; what is left out of its headers is filled in truthfully. */
export interface ZipPart {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Bytes that the directory claims to be stored. */
  readonly storedSize?: number;
  /** Bytes that the directory claims to come out. */
  readonly size?: number;
}

const LOCAL_BYTES = 30;
const DIRECTORY_BYTES = 46;
const END_BYTES = 22;

/** The entries of a zip file whose directory is right. */
export function unpack(zip: Uint8Array): ZipPart[] {
  const buffer = Buffer.from(zip.buffer, zip.byteOffset, zip.length);
  const end = buffer.length - END_BYTES;
  const parts: ZipPart[] = [];
  let at = buffer.readUInt32LE(end + 16);
  for (let count = buffer.readUInt16LE(end + 10); count > 0; count--) {
    const nameLength = buffer.readUInt16LE(at + 28);
    const name = buffer.toString('utf8', at + DIRECTORY_BYTES, at + DIRECTORY_BYTES + nameLength);
    const local = buffer.readUInt32LE(at + 42);
    const start = local + LOCAL_BYTES + buffer.readUInt16LE(local + 26) + buffer.readUInt16LE(local + 28);
    const stored = buffer.subarray(start, start + buffer.readUInt32LE(at + 20));
    const bytes = buffer.readUInt16LE(at + 10) === 8 ? inflateRawSync(stored) : stored;
    parts.push({ name, bytes: new Uint8Array(bytes) });
    at += DIRECTORY_BYTES + nameLength + buffer.readUInt16LE(at + 30) + buffer.readUInt16LE(at + 32);
  }
  return parts;
}

/** A zip file of these entries, uncompressed. */
export function pack(parts: readonly ZipPart[]): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const part of parts) {
    const name = Buffer.from(part.name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(0x5a217b3c, 6);
    common.writeUInt32LE(crc32(part.bytes), 10);
    common.writeUInt32LE(part.storedSize ?? part.bytes.length, 14);
    common.writeUInt32LE(part.size ?? part.storedSize ?? part.bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    pieces.push(Buffer.from('PK\x03\x04', 'latin1'), common, name, part.bytes);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), common, rest, name);
    offset += LOCAL_BYTES + name.length + part.bytes.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(END_BYTES);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(parts.length, 8);
  end.writeUInt16LE(parts.length, 10);
  end.writeUInt32LE(listing.length, 12);
  end.writeUInt32LE(offset, 16);
  return new Uint8Array(Buffer.concat([...pieces, listing, end]));
}

/** `zip` with the bytes of one entry replaced. */
export function withEntry(
  zip: Uint8Array,
  name: string,
  edit: (bytes: Uint8Array) => Uint8Array,
): Uint8Array<ArrayBuffer> {
  return pack(unpack(zip).map((part) => (part.name === name ? { ...part, bytes: edit(part.bytes) } : part)));
}
