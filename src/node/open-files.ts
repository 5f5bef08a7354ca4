/**
 * Files of Node as the sources that formats read.
 *
 * @module
 */

import fs from 'node:fs';
import path from 'node:path';
import { FormatError, messageOf } from '../errors.ts';
import type { ByteSource, ModelFiles } from '../formats/bytes.ts';
import { mainFileOfFolder } from '../formats/detect.ts';
import { describeForeign } from '../formats/foreign.ts';

/** A file that is open for reading; `using` closes it. */
export interface OpenFile extends ByteSource, Disposable {
  close(): void;
}

/** Files that are open for reading; closes those that nobody holds any more. */
const forgotten = new FinalizationRegistry<number>((descriptor) => fs.closeSync(descriptor));

/**
 * Opens a file for reading. It is closed by `close`, or when the source is no longer reachable.
 *
 * @throws {@link FormatError} where it cannot be opened.
 */
export function openFile(name: string): OpenFile {
  let descriptor: number;
  let size: number;
  try {
    const stats = fs.statSync(name);
    if (!stats.isFile()) throw new FormatError(name, '', 'neither a file nor a folder of a model');
    descriptor = fs.openSync(name, 'r');
    size = fs.fstatSync(descriptor).size;
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError(name, '', readingReason(cause), { cause });
  }
  let isOpen = true;
  const source = {
    name,
    size,
    read(byteOffset: number, target: Uint8Array): number {
      if (!isOpen) throw new FormatError(name, '', 'the file was closed before its weights were read');
      try {
        return readFully(descriptor, byteOffset, target);
      } catch (cause) {
        throw new FormatError(name, `offset ${byteOffset}`, readingReason(cause), { cause });
      }
    },
    close(): void {
      if (!isOpen) return;
      isOpen = false;
      forgotten.unregister(source);
      fs.closeSync(descriptor);
    },
    [Symbol.dispose](): void {
      source.close();
    },
  };
  forgotten.register(source, descriptor, source);
  return source;
}

/** The files of a model on disk, with a way to close those that were opened. */
export interface OpenModelFiles extends ModelFiles {
  /** All that were opened, in that order: the main file, then its shards as its manifest lists them. */
  readonly opened: readonly ByteSource[];
  close(): void;
}

/**
 * Opens the model at `name`: a file, or a folder with a model.json.
 *
 * @throws {@link FormatError} or UnsupportedModelError where there is no model.
 */
export function openModelFiles(name: string): OpenModelFiles {
  const main = openFile(isFolder(name) ? path.join(name, mainFileOfFolder(name, entriesOf(name))) : name);
  const opened = [main];
  return {
    main,
    opened,
    open(sibling) {
      const at = path.join(path.dirname(main.name), sibling);
      if (!fs.existsSync(at)) return undefined;
      const source = openFile(at);
      opened.push(source);
      return source;
    },
    close() {
      for (const source of opened) source.close();
    },
  };
}

function entriesOf(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch (cause) {
    throw new FormatError(folder, '', readingReason(cause), { cause });
  }
}

/** Whether there is a folder of that name, as far as that can be told. */
export function isFolder(name: string): boolean {
  try {
    return fs.statSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    // Whoever opens it is told why it cannot be.
    return false;
  }
}

/** Whether both names lead to one file, by whatever path or link. */
export function isSameFile(name: string, other: string): boolean {
  try {
    const [one, two] = [fs.statSync(name, { bigint: true }), fs.statSync(other, { bigint: true })];
    return one.ino === two.ino && one.dev === two.dev;
  } catch {
    return false;
  }
}

/** Fills `target` from an open file as far as that reaches; returns how far. */
export function readFully(descriptor: number, byteOffset: number, target: Uint8Array): number {
  let done = 0;
  while (done < target.length) {
    const count = fs.readSync(descriptor, target, done, target.length - done, byteOffset + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

function readingReason(cause: unknown): string {
  switch (codeOf(cause)) {
    case 'ENOENT':
      return 'no such file';
    case 'EACCES':
    case 'EPERM':
      return 'no permission to read it';
    default:
      return `cannot be read: ${messageOf(cause)}`;
  }
}

/** The code of an error of the system, such as `ENOENT`. */
export function codeOf(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
}

/** The bytes of a file that was written. */
export function readWritten(name: string): Uint8Array {
  return new Uint8Array(fs.readFileSync(name));
}

/** Whether a file begins as models of TensorFlow Lite do. */
export function isTfliteFile(name: string): boolean {
  if (!fs.statSync(name, { throwIfNoEntry: false })?.isFile()) return false;
  using file = openFile(name);
  return describeForeign(file)?.feature === 'tflite';
}
