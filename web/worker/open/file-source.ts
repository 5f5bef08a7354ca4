/**
 * Dropped files as sources of bytes, read where they are: nothing is loaded whole.
 *
 * @module
 */

import { type ByteSource, FormatError } from 'crosslayer';

/** What reads a part of a file and waits for it; workers have it, and nobody else. */
declare class FileReaderSync {
  readAsArrayBuffer(part: Blob): ArrayBuffer;
}

/** Bytes read at a time: readers ask for a few at a time, and each read of a Blob takes a fraction of a millisecond. */
const READ_AHEAD = 2 ** 20;

/** Reads a part of a Blob at once. */
export type ReadPart = (part: Blob) => ArrayBuffer;

/**
 * A file as a source.
 *
 * @param read what reads; tests have another.
 */
export function fileSource(file: Blob, name: string, read: ReadPart = readerOfWorker()): ByteSource {
  let ahead = new Uint8Array();
  let aheadAt = 0;
  const fetch = (start: number, end: number): Uint8Array<ArrayBuffer> => {
    try {
      return new Uint8Array(read(file.slice(start, end)));
    } catch (cause) {
      throw new FormatError(name, '', 'can no longer be read; it was moved or changed: choose it again', {
        cause,
      });
    }
  };
  const copyAhead = (byteOffset: number, target: Uint8Array): number => {
    const part = ahead.subarray(Math.max(0, byteOffset - aheadAt)).subarray(0, target.length);
    target.set(part);
    return part.length;
  };
  return {
    name,
    size: file.size,
    read(byteOffset, target) {
      const length = Math.max(0, Math.min(target.length, file.size - byteOffset));
      const isAhead = byteOffset >= aheadAt && byteOffset < aheadAt + ahead.length;
      let filled = isAhead ? copyAhead(byteOffset, target.subarray(0, length)) : 0;
      if (filled === length) return length;
      const from = byteOffset + filled;
      const rest = target.subarray(filled, length);
      if (rest.length >= READ_AHEAD) {
        const bytes = fetch(from, from + rest.length);
        rest.set(bytes);
        return filled + bytes.length;
      }
      ahead = fetch(from, Math.min(file.size, from + READ_AHEAD));
      aheadAt = from;
      filled += copyAhead(from, rest);
      return filled;
    },
  };
}

function readerOfWorker(): ReadPart {
  const reader = new FileReaderSync();
  return (part) => reader.readAsArrayBuffer(part);
}
