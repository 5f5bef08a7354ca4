/**
 * Writing zip files: members are copied as they are stored, or added without compression, as Keras writes them. Both
 * are streamed, so a file of any size needs little memory. The same members give the same bytes: no clock is read.
 *
 * @module
 */

import type { EntryExtraField, FileEntry, ZipWriterConstructorOptions } from '@zip.js/zip.js';
import type { ByteSink, ByteSource } from '../bytes.ts';
import { Pauses } from '../pause.ts';
import { readerOf, ZIP_OPTIONS, zipLibrary } from './library.ts';
import type { ZipMember } from './read.ts';

/** New members are what Python's zipfile makes of them, from 1980-01-01, the earliest date there is. */
const NEW_MEMBER = {
  rawLastModDate: ((1 << 5) | 1) << 16,
  version: 20,
  /** Unix, 2.0. */
  versionMadeBy: (3 << 8) | 20,
  externalFileAttributes: 0o600 * 2 ** 16,
  extendedTimestamp: false,
} as const;
/** The sizes of large members in extra fields; they are written anew. */
const ZIP64_FIELD = 1;

/** A zip file being written, one member after the other. */
export interface ZipOutput {
  /** Copies a member of another zip file as it is stored there, with all that is said of it. */
  copy(member: ZipMember): Promise<void>;
  /**
   * Adds a member that is stored as it is. It is read twice: its checksum comes before it.
   *
   * @param replaced the member that it takes the place of, whose date and permissions it keeps.
   */
  add(name: string, content: ByteSource, replaced?: ZipMember): Promise<void>;
  /**
   * Writes the directory: before this there is no zip file.
   *
   * @param comment on the whole file.
   */
  close(comment?: Uint8Array): Promise<void>;
}

/** Starts a zip file. */
export async function createZip(sink: ByteSink): Promise<ZipOutput> {
  const library = await zipLibrary();
  let end = 0;
  const pauses = new Pauses();
  const target = new WritableStream<Uint8Array>({
    async write(bytes) {
      sink.write(end, bytes);
      end += bytes.length;
      await pauses.after(bytes.length);
    },
  });
  const zip = new library.ZipWriter(target, { ...ZIP_OPTIONS, supportZip64SplitFile: false });
  return {
    async copy({ entry, stored }) {
      await zip.add(entry.filename, readerOf(stored, library), {
        passThrough: true,
        compressionMethod: entry.compressionMethod,
        crc32: entry.crc32 ?? 0,
        uncompressedSize: entry.uncompressedSize,
        version: entry.version,
        ...attributesOf(entry),
        // Texts and fields byte for byte: zip.js would write what it understands of them in its own way.
        encodeText: (_, type) => (type === 'filename' ? entry.rawFilename : entry.rawComment),
        useUnicodeFileNames: entry.bitFlag?.languageEncodingFlag ?? false,
        extendedTimestamp: false,
        localExtraField: fieldsOf(entry.localDirectory?.extraField),
        centralExtraField: fieldsOf(entry.extraField),
      });
    },
    async add(name, content, replaced) {
      const reader = readerOf(content, library);
      await zip.add(name, reader, {
        ...NEW_MEMBER,
        ...(replaced ? attributesOf(replaced.entry) : {}),
        level: 0,
        bufferedWrite: true,
        // The buffer is the content itself: while it would be filled, only the checksum is computed.
        createTempStream: () => ({
          writable: new WritableStream(),
          readable: reader.createReadable({ size: content.size }),
        }),
      });
    },
    async close(comment) {
      await zip.close(comment);
    },
  };
}

/** Writes `files` into one zip, as they are: a TF.js model that has to be one download, say. */
export async function zipFiles(sink: ByteSink, files: Iterable<ByteSource>): Promise<void> {
  const zip = await createZip(sink);
  for (const file of files) await zip.add(file.name, file);
  await zip.close();
}

function attributesOf(entry: FileEntry): ZipWriterConstructorOptions {
  const { rawLastModDate, versionMadeBy, internalFileAttributes, externalFileAttributes } = entry;
  return {
    rawLastModDate: Number(rawLastModDate),
    versionMadeBy,
    internalFileAttributes,
    externalFileAttributes,
  };
}

function fieldsOf(fields: ReadonlyMap<number, EntryExtraField> = new Map()): Map<number, Uint8Array> {
  const kept = [...fields].filter(([type]) => type !== ZIP64_FIELD);
  return new Map(kept.map(([type, { data }]) => [type, data]));
}
