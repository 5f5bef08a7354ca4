/**
 * Reading zip files. Stored members are read in place; compressed ones are inflated into memory when they are opened.
 * Every member's CRC is checked when it is opened: a weight that changed on the way would otherwise go unnoticed.
 *
 * @module
 */

import type { Entry, FileEntry } from '@zip.js/zip.js';
import { CrosslayerError, FormatError, LimitError, messageOf, UnsupportedModelError } from '../../errors.ts';
import { type ByteSource, memorySource, sourceSlice, startsWith } from '../bytes.ts';
import { MAX_DEFLATE_RATIO, MAX_INFLATED_BYTES, MAX_ZIP_ENTRIES } from '../limits.ts';
import { readerOf, ZIP_OPTIONS, type ZipLibrary, zipLibrary } from './library.ts';

/** A file in a zip file. */
export interface ZipMember {
  /** Bytes once inflated. */
  readonly size: number;
  /** Its bytes as they are stored, compressed or not. */
  readonly stored: ByteSource;
  /** All that the zip file says of it; a copy keeps it. */
  readonly entry: FileEntry;
  /**
   * Its bytes.
   *
   * @throws {@link FormatError} where they are damaged; {@link LimitError} where they are too many to be inflated.
   */
  open(): Promise<ByteSource>;
}

/** The members of a zip file by name, in the order of its directory. */
export interface ZipArchive extends ReadonlyMap<string, ZipMember> {
  /** On the whole file. */
  readonly comment: Uint8Array;
}

const STORED = 0;
const DEFLATED = 8;

/** Whether `source` begins as a zip file does, also one without members. */
export function isZip(source: ByteSource): boolean {
  return startsWith(source, [0x50, 0x4b, 0x03, 0x04]) || startsWith(source, [0x50, 0x4b, 0x05, 0x06]);
}

/**
 * Reads the directory of a zip file.
 *
 * @throws {@link FormatError} where it is damaged or names files outside of itself.
 */
export async function openZip(source: ByteSource): Promise<ZipArchive> {
  const library = await zipLibrary();
  const zip = new library.ZipReader(readerOf(source, library), ZIP_OPTIONS);
  const entries = await readDirectory(zip, source, library);
  if (entries.length > MAX_ZIP_ENTRIES) {
    throw new LimitError(`${source.name}: entries`, entries.length, MAX_ZIP_ENTRIES);
  }
  const members = new Map<string, ZipMember>();
  for (const entry of entries) {
    checkName(entry.filename, source);
    if (members.has(entry.filename)) {
      throw new FormatError(source.name, entry.filename, 'there are two entries of this name');
    }
    if (!entry.directory) members.set(entry.filename, await memberOf(entry, source, library));
  }
  return Object.assign(members, { comment: zip.comment });
}

async function readDirectory(
  zip: InstanceType<ZipLibrary['ZipReader']>,
  source: ByteSource,
  library: ZipLibrary,
): Promise<Entry[]> {
  try {
    return await zip.getEntries();
  } catch (cause) {
    if (cause instanceof Error && 'filename' in cause && typeof cause.filename === 'string') {
      throw unsafeName(source, cause.filename);
    }
    throw errorOf(cause, source, '', library);
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
  const reason =
    'an entry with a name that is not safe to unpack; Keras and numpy write no such names: get the file from where it was made';
  return new FormatError(source.name, name, reason);
}

async function memberOf(entry: FileEntry, source: ByteSource, library: ZipLibrary): Promise<ZipMember> {
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
      `${source.name}: ${name} is compressed by method ${method}, and only deflate is known; pack it again without compression`,
    );
  }
  if (method === STORED && size !== compressedSize) {
    const reason = `declares ${size} bytes, but ${compressedSize} are stored: the file is damaged, get it again`;
    throw new FormatError(source.name, name, reason);
  }
  if (size > compressedSize * MAX_DEFLATE_RATIO + 64) {
    const reason = `declares ${size} bytes, which ${compressedSize} cannot hold: the file is damaged, get it again`;
    throw new FormatError(source.name, name, reason);
  }
  if (entry.offset + compressedSize > source.size) {
    throw new FormatError(
      source.name,
      name,
      `claims ${compressedSize} bytes at offset ${entry.offset}, but the file ends at ${source.size}: it is cut off or ` +
        'damaged, get it again',
    );
  }
  const where = `${source.name}: ${name}`;
  const stored = sourceSlice(source, where, await dataOffset(entry, source, library), compressedSize);
  const open = async (): Promise<ByteSource> => {
    if (method === DEFLATED && size > MAX_INFLATED_BYTES) {
      const advice = 'pack it again without compression';
      throw new LimitError(where, size, MAX_INFLATED_BYTES, advice);
    }
    const options = { checkCrc32: true };
    try {
      if (method === DEFLATED) {
        return memorySource(where, await entry.getData(new library.Uint8ArrayWriter(), options));
      }
      await entry.getData(new WritableStream(), options);
      return stored;
    } catch (cause) {
      throw cause instanceof CrosslayerError ? cause : damaged(source, name, cause);
    }
  };
  return { size, stored, entry, open };
}

/** Where the bytes of a member start: behind its local header, whose length only the local header tells. */
async function dataOffset(entry: FileEntry, source: ByteSource, library: ZipLibrary): Promise<number> {
  try {
    await entry.getData(new WritableStream(), { checkOverlappingEntryOnly: true });
  } catch (cause) {
    throw errorOf(cause, source, entry.filename, library);
  }
  return entry.localDirectory?.dataOffset ?? source.size;
}

function errorOf(cause: unknown, source: ByteSource, where: string, library: ZipLibrary): CrosslayerError {
  if (cause instanceof CrosslayerError) return cause;
  if (messageOf(cause) === library.ERR_EOCDR_NOT_FOUND) {
    const reason = `ends after ${source.size} bytes without the list of what is in it: it is cut off, get it again`;
    return new FormatError(source.name, where, reason, { cause });
  }
  return new FormatError(source.name, where, `not readable as a zip file: ${messageOf(cause)}`, { cause });
}

function damaged(source: ByteSource, name: string, cause: unknown): FormatError {
  return new FormatError(
    source.name,
    name,
    'its bytes do not have the checksum that the zip file declares: the file is damaged, get it again',
    { cause },
  );
}
