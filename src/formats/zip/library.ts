/**
 * The library that reads and writes zip files, loaded when the first one is opened.
 *
 * @module
 */

import type { Reader } from '@zip.js/zip.js';
import type { ByteSource } from '../bytes.ts';

/** All of zip.js. */
export type ZipLibrary = typeof import('@zip.js/zip.js');

/** For all readers and writers: sources are read where they are, so the work stays there too. */
export const ZIP_OPTIONS = { useWebWorkers: false } as const;

/** Loads zip.js: as one file, because it is fifty otherwise, and Node takes its time for each. */
export function zipLibrary(): Promise<ZipLibrary> {
  return import('@zip.js/zip.js/index.min.js') as Promise<ZipLibrary>;
}

/** A source as zip.js reads it. */
export function readerOf(source: ByteSource, library: ZipLibrary): Reader<ByteSource> {
  class SourceReader extends library.Reader<ByteSource> {
    override size = source.size;
    override async readUint8Array(index: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, source.size - index)));
      return bytes.subarray(0, source.read(index, bytes));
    }
  }
  return new SourceReader(source);
}
