/**
 * Writing zip files. Members are copied as they are stored, or written in place, uncompressed, so that a file of any
 * size needs no memory and no second copy. The same members give the same bytes: no clock is read.
 *
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 *
 * @module
 */

import type { ByteSink } from '../bytes.ts';
import { ByteBuilder } from '../hdf5/byte-builder.ts';
import { crc32, crc32OfSource } from './crc32.ts';
import type { ZipMember, ZipMemberHeader } from './read.ts';

/** 1980-01-01 00:00, the earliest date that a zip file can say. */
const EARLIEST_DATE = ((1 << 5) | 1) << 16;
/** Made on Unix, by a program that knows version 2.0 of the format: what Python's zipfile writes. */
const MADE_BY = (3 << 8) | 20;
/** A plain file that only its owner can read, as Python's zipfile writes it. */
const ATTRIBUTES = 0o600 * 2 ** 16;
const NAMES_ARE_UTF8 = 1 << 11;
const FOUR_GB = 0xffffffff;
const COPY_BYTES = 2 ** 22;

/** What of a member's header is kept when its bytes are replaced. */
export type KeptHeader = Pick<ZipMemberHeader, 'dosDate' | 'externalAttributes' | 'versionMadeBy'>;

interface WrittenMember extends ZipMemberHeader {
  readonly storedSize: number;
  readonly offset: number;
}

/** A zip file being written to a sink, one member after the other. */
export class ZipWriter {
  readonly #sink: ByteSink;
  readonly #members: WrittenMember[] = [];
  #end = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** Copies a member of another zip file as it is stored there. */
  copy(member: ZipMember): void {
    const { header, stored } = member;
    const offset = this.#end;
    const start = this.#writeLocal({ ...header, storedSize: stored.size, offset });
    const block = new Uint8Array(Math.min(COPY_BYTES, stored.size));
    for (let done = 0; done < stored.size; ) {
      const length = stored.read(done, block.subarray(0, Math.min(block.length, stored.size - done)));
      if (length === 0) throw new TypeError(`${stored.name} became shorter while it was copied`);
      this.#sink.write(start + done, block.subarray(0, length));
      done += length;
    }
    this.#add({ ...header, storedSize: stored.size, offset }, start);
  }

  /** Writes a small member; deflated where `method` is 8. */
  async bytes(
    name: string,
    bytes: Uint8Array<ArrayBuffer>,
    method: number,
    kept?: KeptHeader,
  ): Promise<void> {
    const isDeflated = method === 8;
    const stored = isDeflated ? await deflate(bytes) : bytes;
    const offset = this.#end;
    const member: WrittenMember = {
      ...headerOf(name, kept),
      method: isDeflated ? 8 : 0,
      crc32: crc32(bytes),
      size: bytes.length,
      storedSize: stored.length,
      offset,
    };
    const start = this.#writeLocal(member);
    this.#sink.write(start, stored);
    this.#add(member, start);
  }

  /**
   * Lets `write` write a member in place, uncompressed, at any offsets.
   *
   * @param mayBeLarge whether it may have 4 GB or more, which its header must have room for.
   */
  async inPlace<Result>(
    name: string,
    mayBeLarge: boolean,
    write: (sink: ByteSink) => Promise<Result>,
    kept?: KeptHeader,
  ): Promise<Result> {
    const offset = this.#end;
    const header = headerOf(name, kept);
    const unknown = mayBeLarge ? FOUR_GB : 0;
    const start = this.#writeLocal({
      ...header,
      method: 0,
      crc32: 0,
      size: unknown,
      storedSize: unknown,
      offset,
    });
    const sink = subSink(this.#sink, `${this.#sink.name}: ${name}`, start);
    const result = await write(sink);
    const { size } = sink;
    if (size >= FOUR_GB && !mayBeLarge) throw new RangeError(`${name}: more bytes than were expected`);
    const member: WrittenMember = {
      ...header,
      method: 0,
      crc32: crc32OfSource(sink),
      size,
      storedSize: size,
      offset,
    };
    this.#sink.write(offset, encodeLocal(member, mayBeLarge));
    this.#add(member, start);
    return result;
  }

  /** Writes the directory: before this there is no zip file. */
  close(): void {
    const directory = new ByteBuilder();
    for (const member of this.#members) appendDirectoryEntry(directory, member);
    const start = this.#end;
    const count = this.#members.length;
    const { length } = directory;
    if (start >= FOUR_GB || count >= 0xffff) appendZip64End(directory, start, length, count);
    directory.text('PK').u8(5, 6).u16(0, 0, Math.min(count, 0xffff), Math.min(count, 0xffff));
    directory.u32(length, Math.min(start, FOUR_GB)).u16(0);
    this.#sink.write(start, directory.build());
  }

  #writeLocal(member: WrittenMember): number {
    const local = encodeLocal(member, member.size >= FOUR_GB || member.storedSize >= FOUR_GB);
    this.#sink.write(this.#end, local);
    return this.#end + local.length;
  }

  #add(member: WrittenMember, start: number): void {
    this.#members.push(member);
    this.#end = start + member.storedSize;
  }
}

function headerOf(name: string, kept?: KeptHeader): { name: string } & KeptHeader {
  return {
    name,
    dosDate: kept?.dosDate ?? EARLIEST_DATE,
    externalAttributes: kept?.externalAttributes ?? ATTRIBUTES,
    versionMadeBy: kept?.versionMadeBy ?? MADE_BY,
  };
}

function encodeLocal(member: WrittenMember, isLarge: boolean): Uint8Array {
  const name = new TextEncoder().encode(member.name);
  const to = new ByteBuilder().text('PK').u8(3, 4);
  appendCommon(to, member, isLarge, isLarge);
  to.u16(name.length, isLarge ? 20 : 0).bytes(name);
  if (isLarge) to.u16(1, 16).u64(member.size, member.storedSize);
  return to.build();
}

/** What the header before a member and its entry in the directory share. */
function appendCommon(to: ByteBuilder, member: WrittenMember, isLarge: boolean, needsZip64: boolean): void {
  const isAscii = /^[\x20-\x7e]*$/.test(member.name);
  to.u16(needsZip64 ? 45 : 20, isAscii ? 0 : NAMES_ARE_UTF8, member.method);
  to.u32(member.dosDate, member.crc32);
  to.u32(isLarge ? FOUR_GB : member.storedSize, isLarge ? FOUR_GB : member.size);
}

function appendDirectoryEntry(to: ByteBuilder, member: WrittenMember): void {
  const isLarge = member.size >= FOUR_GB || member.storedSize >= FOUR_GB;
  const isFar = member.offset >= FOUR_GB;
  const extra = new ByteBuilder();
  if (isLarge) extra.u64(member.size, member.storedSize);
  if (isFar) extra.u64(member.offset);
  const name = new TextEncoder().encode(member.name);
  to.text('PK').u8(1, 2).u16(member.versionMadeBy);
  appendCommon(to, member, isLarge, isLarge || isFar);
  to.u16(name.length, extra.length === 0 ? 0 : 4 + extra.length, 0, 0, 0);
  to.u32(member.externalAttributes, isFar ? FOUR_GB : member.offset).bytes(name);
  if (extra.length > 0) to.u16(1, extra.length).bytes(extra.build());
}

function appendZip64End(to: ByteBuilder, start: number, length: number, count: number): void {
  to.text('PK').u8(6, 6).u64(44).u16(MADE_BY, 45).u32(0, 0).u64(count, count, length, start);
  to.text('PK')
    .u8(6, 7)
    .u32(0)
    .u64(start + length)
    .u32(1);
}

/** A part of a sink, from `start` to its end, as a sink of its own. */
function subSink(sink: ByteSink, name: string, start: number): ByteSink {
  let size = 0;
  return {
    name,
    get size() {
      return size;
    },
    write(byteOffset, bytes) {
      sink.write(start + byteOffset, bytes);
      size = Math.max(size, byteOffset + bytes.length);
    },
    read(byteOffset, target) {
      return sink.read(start + byteOffset, target);
    },
  };
}

async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
