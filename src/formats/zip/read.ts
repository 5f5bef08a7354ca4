/**
 * Reading zip files. Stored members are read in place; compressed ones are inflated into memory when they are opened.
 * Every member's CRC is checked when it is opened: a weight that changed on the way would otherwise go unnoticed.
 *
 * @module
 */

import { CrosslayerError, FormatError, LimitError, UnsupportedModelError } from '../../errors.ts';
import { type ByteSource, memorySource, sourceSlice } from '../bytes.ts';
import { MAX_DEFLATE_RATIO, MAX_INFLATED_BYTES, MAX_ZIP_ENTRIES } from '../limits.ts';
import { crc32, crc32OfSource } from './crc32.ts';

/** How a member lies in the file; a copy keeps all of it. */
export interface ZipMemberHeader {
  readonly name: string;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly crc32: number;
  /** Bytes once inflated. */
  readonly size: number;
  /** Date and time in the MS-DOS form. */
  readonly dosDate: number;
  /** Permissions, as the system that wrote the file has them. */
  readonly externalAttributes: number;
  readonly versionMadeBy: number;
}

/** A file in a zip file. */
export interface ZipMember {
  readonly header: ZipMemberHeader;
  /** Its bytes as they are stored, compressed or not. */
  readonly stored: ByteSource;
  /**
   * Its bytes.
   *
   * @throws {@link FormatError} where they are damaged; {@link LimitError} where they are too many to be inflated.
   */
  open(): Promise<ByteSource>;
}

/** The members of a zip file by name, in the order of its directory. */
export type ZipArchive = ReadonlyMap<string, ZipMember>;

const STORED = 0;
const DEFLATED = 8;
const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER_SIGNATURE = 0x04034b50;

/** What is used of an entry of zip.js. */
interface DirectoryEntry {
  readonly filename: string;
  readonly directory: boolean;
  readonly encrypted: boolean;
  readonly offset: number;
  readonly compressedSize: number;
  readonly uncompressedSize: number;
  readonly compressionMethod: number;
  readonly rawLastModDate: number | bigint;
  readonly signature?: number;
  readonly externalFileAttributes: number;
  readonly versionMadeBy: number;
}

/**
 * Reads the directory of a zip file.
 *
 * @throws {@link FormatError} where it is damaged or names files outside of itself.
 */
export async function openZip(source: ByteSource): Promise<ZipArchive> {
  const entries = await readDirectory(source);
  if (entries.length > MAX_ZIP_ENTRIES) {
    throw new LimitError(`${source.name}: entries`, entries.length, MAX_ZIP_ENTRIES);
  }
  const members = new Map<string, ZipMember>();
  for (const entry of entries) {
    checkName(entry.filename, source);
    if (members.has(entry.filename)) {
      throw new FormatError(source.name, entry.filename, 'there are two entries of this name');
    }
    if (!entry.directory) members.set(entry.filename, memberOf(entry, source));
  }
  return members;
}

async function readDirectory(source: ByteSource): Promise<DirectoryEntry[]> {
  const { Reader, ZipReader, configure } = await import('@zip.js/zip.js');
  configure({ useWebWorkers: false });
  class SourceReader extends Reader<ByteSource> {
    override size = source.size;
    override async readUint8Array(index: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, source.size - index)));
      return bytes.subarray(0, source.read(index, bytes));
    }
  }
  try {
    return (await new ZipReader(new SourceReader(source)).getEntries()) as DirectoryEntry[];
  } catch (cause) {
    if (cause instanceof CrosslayerError) throw cause;
    if (cause instanceof Error && 'filename' in cause && typeof cause.filename === 'string') {
      throw unsafeName(source, cause.filename);
    }
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError(source.name, '', `not readable as a zip file: ${reason}`, { cause });
  }
}

/** Names that lead out of the folder that a zip file is unpacked into, or that systems read differently. */
function checkName(name: string, source: ByteSource): void {
  const isUnsafe =
    name === '' ||
    /^\/|^[a-z]:|\\|\0/i.test(name) ||
    name.split('/').some((part) => part === '..' || part === '.');
  if (isUnsafe) throw unsafeName(source, name);
}

function unsafeName(source: ByteSource, name: string): FormatError {
  return new FormatError(source.name, name, 'an entry with a name that is not safe to unpack');
}

function memberOf(entry: DirectoryEntry, source: ByteSource): ZipMember {
  const { filename: name, compressedSize, uncompressedSize: size, compressionMethod: method } = entry;
  if (entry.encrypted) {
    throw new UnsupportedModelError(
      'encrypted zip files',
      `${source.name}: ${name} is encrypted; decrypt it first`,
    );
  }
  if (method !== STORED && method !== DEFLATED) {
    throw new UnsupportedModelError(
      'zip compression',
      `${source.name}: ${name} is compressed by method ${method}; Keras stores its files, pack it again without`,
    );
  }
  if (method === STORED && size !== compressedSize) {
    throw new FormatError(source.name, name, `stored ${compressedSize} bytes, declared ${size}`);
  }
  if (size > compressedSize * MAX_DEFLATE_RATIO + 64) {
    throw new FormatError(source.name, name, `declares ${size} bytes, which ${compressedSize} cannot hold`);
  }
  const where = `${source.name}: ${name}`;
  const stored = sourceSlice(source, where, dataOffset(entry, source), compressedSize);
  const crc = (entry.signature ?? 0) >>> 0;
  const header: ZipMemberHeader = {
    name,
    method,
    crc32: crc,
    size,
    dosDate: Number(entry.rawLastModDate),
    externalAttributes: entry.externalFileAttributes,
    versionMadeBy: entry.versionMadeBy,
  };
  const open = async (): Promise<ByteSource> => {
    if (method === STORED) {
      if (crc32OfSource(stored) !== crc) throw damaged(source, name);
      return stored;
    }
    if (size > MAX_INFLATED_BYTES) {
      throw new LimitError(
        where,
        size,
        MAX_INFLATED_BYTES,
        'pack it again without compression, as Keras does',
      );
    }
    const bytes = await inflate(stored, size);
    if (!bytes || crc32(bytes) !== crc) throw damaged(source, name);
    return memorySource(where, bytes);
  };
  return { header, stored, open };
}

/** Where the bytes of a member start: behind its local header, whose length only the local header tells. */
function dataOffset(entry: DirectoryEntry, source: ByteSource): number {
  const header = new Uint8Array(LOCAL_HEADER_BYTES);
  const length = source.read(entry.offset, header);
  const view = new DataView(header.buffer);
  if (length < LOCAL_HEADER_BYTES || view.getUint32(0, true) !== LOCAL_HEADER_SIGNATURE) {
    throw new FormatError(source.name, entry.filename, `no entry at offset ${entry.offset}`);
  }
  const start = entry.offset + LOCAL_HEADER_BYTES + view.getUint16(26, true) + view.getUint16(28, true);
  if (start + entry.compressedSize > source.size) {
    throw new FormatError(
      source.name,
      entry.filename,
      `${entry.compressedSize} bytes at offset ${start}, the file ends at ${source.size}`,
    );
  }
  return start;
}

const INPUT_BYTES = 2 ** 16;

/** The inflated bytes; undefined where they are not `size` bytes of valid deflate. Never holds more than `size`. */
async function inflate(stored: ByteSource, size: number): Promise<Uint8Array | undefined> {
  let offset = 0;
  const input = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const block = new Uint8Array(Math.min(INPUT_BYTES, stored.size - offset));
      const length = stored.read(offset, block);
      offset += length;
      if (length > 0) controller.enqueue(block.subarray(0, length));
      if (length === 0 || offset >= stored.size) controller.close();
    },
  });
  const target = new Uint8Array(size);
  let filled = 0;
  const reader = input.pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return filled === size ? target : undefined;
      if (filled + value.length > size) {
        await reader.cancel();
        return undefined;
      }
      target.set(value, filled);
      filled += value.length;
    }
  } catch (error) {
    if (error instanceof CrosslayerError) throw error;
    return undefined;
  }
}

function damaged(source: ByteSource, name: string): FormatError {
  return new FormatError(
    source.name,
    name,
    'its bytes do not have the checksum that the zip file declares: the file is damaged, get it again',
  );
}
