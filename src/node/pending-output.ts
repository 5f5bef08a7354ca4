/**
 * Files of Node as the sinks that formats write.
 *
 * @module
 */

import fs from 'node:fs';
import path from 'node:path';
import { messageOf, OutputError } from '../errors.ts';
import type { ByteSink, OutputFiles } from '../formats/bytes.ts';
import { codeOf, isFolder, readFully } from './open-files.ts';

interface PendingFile {
  readonly target: string;
  readonly temporary: string;
  readonly descriptor: number;
  readonly isScratch: boolean;
  readonly sink: ByteSink;
}

/**
 * Files being written under temporary names in the folder that they belong in. They get their names when all of them
 * are complete; until then nothing that was there is touched, also where it is being read.
 */
export class PendingOutput implements OutputFiles {
  readonly main: ByteSink;
  readonly #folder: string;
  readonly #force: boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #files: PendingFile[] = [];

  /**
   * @param target the main file.
   * @param options.force whether files that exist are replaced.
   * @param options.signal every write throws its reason once it is aborted.
   * @throws {@link OutputError} where the file exists, or its folder does not.
   */
  constructor(
    target: string,
    options: { readonly force: boolean; readonly signal?: AbortSignal | undefined },
  ) {
    const real = realTarget(target);
    this.#folder = path.dirname(real);
    this.#force = options.force;
    this.#signal = options.signal;
    this.main = this.#open(real);
  }

  create(name: string): ByteSink {
    const target = path.join(this.#folder, name);
    const inside = path.relative(this.#folder, target);
    if (inside.startsWith('..') || path.isAbsolute(inside)) {
      throw new OutputError(name, 'leads out of the folder of the model');
    }
    if (inside.includes(path.sep)) makeFolder(path.dirname(target));
    return this.#open(target);
  }

  scratch(): ByteSink {
    return this.#open(path.join(this.#folder, 'scratch'), true);
  }

  /** The files written so far, the main one first; they can be read back. */
  get written(): readonly ByteSink[] {
    return this.#files.filter(({ isScratch }) => !isScratch).map(({ sink }) => sink);
  }

  /** A file that belongs to the model, wherever it lies. */
  createBeside(target: string): ByteSink {
    return this.#open(realTarget(target));
  }

  /**
   * Gives all files their names, the main file last.
   *
   * @throws {@link OutputError} where one of them cannot have it.
   */
  commit(): void {
    this.#signal?.throwIfAborted();
    const results = this.#files.filter(({ isScratch }) => !isScratch);
    const placed: string[] = [];
    for (const { target } of results) if (!this.#force) refuseExisting(target);
    try {
      for (const file of this.#files.splice(0)) {
        fs.closeSync(file.descriptor);
        if (file.isScratch) fs.unlinkSync(file.temporary);
      }
      const [main, ...others] = results;
      for (const file of main ? [...others, main] : []) {
        this.#rename(file);
        placed.push(file.target);
      }
    } catch (cause) {
      for (const { temporary } of results) fs.rmSync(temporary, { force: true });
      // With force they have replaced what was there, which is gone either way.
      if (!this.#force) for (const target of placed) fs.rmSync(target, { force: true });
      throw cause instanceof OutputError
        ? cause
        : new OutputError(this.main.name, writingReason(cause), { cause });
    }
  }

  /** Deletes what was written. */
  discard(): void {
    for (const { descriptor, temporary } of this.#files.splice(0)) {
      fs.closeSync(descriptor);
      fs.rmSync(temporary, { force: true });
    }
  }

  #open(target: string, isScratch = false): ByteSink {
    if (!isScratch && isFolder(target)) throw new OutputError(target, 'is a folder; name a file');
    if (!isScratch && this.#files.some((file) => !file.isScratch && file.target === target)) {
      throw new OutputError(target, 'would be written twice; choose another name for one of the two');
    }
    if (!isScratch && !this.#force) refuseExisting(target);
    const { temporary, descriptor } = openTemporary(target);
    const sink = sinkOf(isScratch ? this.main.name : target, descriptor, this.#signal);
    this.#files.push({ target, temporary, descriptor, isScratch, sink });
    return sink;
  }

  #rename({ target, temporary }: PendingFile): void {
    if (this.#force) {
      const mode = fs.statSync(target, { throwIfNoEntry: false })?.mode;
      if (mode !== undefined) fs.chmodSync(temporary, mode);
      fs.renameSync(temporary, target);
      return;
    }
    try {
      // Unlike a rename, a link never replaces a file that came in the meantime.
      fs.linkSync(temporary, target);
      fs.unlinkSync(temporary);
    } catch {
      refuseExisting(target);
      fs.renameSync(temporary, target);
    }
  }
}

/** A link stays one: the file that it leads to is replaced. */
function realTarget(target: string): string {
  return fs.existsSync(target) ? fs.realpathSync(target) : target;
}

function openTemporary(target: string): { temporary: string; descriptor: number } {
  for (let attempt = 0; ; attempt++) {
    // Short, because the longest name that a file may have leaves no room for more.
    const name = `.${path.basename(target).slice(0, 40)}.${process.pid}-${attempt}.tmp`;
    const temporary = path.join(path.dirname(target), name);
    try {
      return { temporary, descriptor: fs.openSync(temporary, 'wx+') };
    } catch (cause) {
      if (codeOf(cause) === 'EEXIST' && attempt < 1000) continue;
      throw new OutputError(target, writingReason(cause), { cause });
    }
  }
}

function sinkOf(name: string, descriptor: number, signal: AbortSignal | undefined): ByteSink {
  let size = 0;
  return {
    name,
    get size() {
      return size;
    },
    write(byteOffset, bytes) {
      signal?.throwIfAborted();
      try {
        for (let done = 0; done < bytes.length; ) {
          done += fs.writeSync(descriptor, bytes, done, bytes.length - done, byteOffset + done);
        }
      } catch (cause) {
        throw new OutputError(name, writingReason(cause), { cause });
      }
      size = Math.max(size, byteOffset + bytes.length);
    },
    read(byteOffset, target) {
      return readFully(descriptor, byteOffset, target);
    },
  };
}

/**
 * Makes a folder, with those around it.
 *
 * @throws {@link OutputError} where that is not possible.
 */
export function makeFolder(name: string, recursive = true): void {
  try {
    fs.mkdirSync(name, { recursive });
  } catch (cause) {
    throw new OutputError(name, `the folder cannot be made: ${writingReason(cause)}`, { cause });
  }
}

/** @throws OutputError where something has that name already. */
export function refuseExisting(target: string): void {
  if (isTaken(target)) {
    throw new OutputError(
      target,
      'exists already; choose another name, or replace it with --force (force: true)',
    );
  }
}

/** Whether anything has that name, a link that leads nowhere included. */
function isTaken(name: string): boolean {
  try {
    return fs.lstatSync(name, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

function writingReason(cause: unknown): string {
  switch (codeOf(cause)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full; nothing was written: free some space, or write to another disk';
    case 'EFBIG':
      return 'larger than a file may be here; nothing was written: write to another disk';
    case 'EMFILE':
    case 'ENFILE':
      return 'more files than may be open at once; choose larger shards (--shard-size, shardBytes)';
    case 'ENOENT':
    case 'ENOTDIR':
      return 'its folder does not exist; make it first, or check the path';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return 'no permission to write there';
    default:
      return `cannot be written: ${messageOf(cause)}`;
  }
}
