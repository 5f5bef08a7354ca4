/**
 * Files of Node as the sinks that formats write.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { messageOf, OutputError } from '../errors.ts';
import type { ByteSink, OutputFiles } from '../formats/bytes.ts';
import { codeOf, isFolder, readFully } from './open-files.ts';
import { AbandonedFiles, marked, openTemporary, replaceFile } from './temporary-files.ts';

interface PendingFile {
  readonly target: string;
  readonly temporary: string;
  readonly descriptor: number;
  readonly kind: Kind;
  readonly sink: ByteSink;
}

/** A file of the model's own is new, whatever is replaced; what the user named, and a file beside it, may be replaced. */
type Kind = 'named' | 'own' | 'scratch';

/**
 * Files being written under temporary names in the folder that they belong in. They get their names when all of them
 * are complete and on the disk, the main one last; until then nothing that was there is touched, also where it is being
 * read. Where a model is replaced its own files get names that nothing had before, so that whoever opens the main file has
 * the old model or the new one, whenever this ends and whoever else writes there.
 */
export class PendingOutput implements OutputFiles {
  readonly main: ByteSink;
  readonly #folder: string;
  readonly #force: boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #files: PendingFile[] = [];
  /** In the names of this model's files where it replaces another. */
  readonly #mark: string = randomBytes(4).toString('hex');
  readonly #replaces: boolean;
  /** The outermost folder that was made for a file, and the innermost. */
  readonly #folders: { readonly first: string; readonly last: string }[] = [];
  readonly #abandoned = new AbandonedFiles();

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
    this.#replaces = options.force && isTaken(real);
    this.main = this.#open(real, 'named');
  }

  create(name: string): ByteSink {
    const target = path.join(this.#folder, name);
    const inside = path.relative(this.#folder, target);
    if (inside.split(path.sep)[0] === '..' || path.isAbsolute(inside)) {
      throw new OutputError(name, 'leads out of the folder of the model');
    }
    const last = path.dirname(target);
    const first = inside.includes(path.sep) ? makeFolder(last) : undefined;
    if (first !== undefined) this.#folders.push({ first, last });
    return this.#open(target, 'own');
  }

  nameFor(name: string): string {
    const isFree = !this.#replaces && !(this.#force && isTaken(path.join(this.#folder, name)));
    return isFree ? name : marked(name, this.#mark);
  }

  scratch(): ByteSink {
    return this.#open(path.join(this.#folder, 'scratch'), 'scratch');
  }

  /** The files written so far, the main one first; they can be read back. */
  get written(): readonly ByteSink[] {
    return this.#files.filter(({ kind }) => kind !== 'scratch').map(({ sink }) => sink);
  }

  /** Where a file of that name lies beside the main one. */
  siblingOf(name: string): string {
    return path.join(this.#folder, name);
  }

  /** A file that belongs to the model, wherever it lies. */
  createBeside(target: string): ByteSink {
    return this.#open(realTarget(target), 'named');
  }

  /**
   * Gives all files their names, the main file last.
   *
   * @throws {@link OutputError} where one of them cannot have it.
   */
  commit(): void {
    this.#signal?.throwIfAborted();
    const results = this.#files.filter(({ kind }) => kind !== 'scratch');
    const [main, ...others] = results;
    const placed: string[] = [];
    for (const { target } of results) if (!this.#force) refuseExisting(target);
    let current = this.main.name;
    try {
      for (const { kind, descriptor, temporary, sink } of this.#files) {
        current = sink.name;
        if (kind === 'scratch') fs.unlinkSync(temporary);
        else fs.fsyncSync(descriptor);
      }
      for (const { descriptor } of this.#files.splice(0)) fs.closeSync(descriptor);
      for (const file of main ? [...others, main] : []) {
        current = file.target;
        if (file === main) for (const folder of foldersOf(others)) syncFolder(folder);
        this.#place(file, placed);
      }
      syncFolder(this.#folder);
    } catch (cause) {
      for (const name of [...results.map(({ temporary }) => temporary), ...placed]) {
        fs.rmSync(name, { force: true });
      }
      throw cause instanceof OutputError ? cause : new OutputError(current, writingReason(cause), { cause });
    }
  }

  /** Deletes what was written. */
  discard(): void {
    for (const { descriptor, temporary } of this.#files.splice(0)) {
      fs.closeSync(descriptor);
      fs.rmSync(temporary, { force: true });
    }
    for (const { first, last } of this.#folders.splice(0).reverse()) removeEmptyFolders(first, last);
  }

  #open(target: string, kind: Kind): ByteSink {
    const isScratch = kind === 'scratch';
    if (!isScratch && isFolder(target)) throw new OutputError(target, 'is a folder; name a file');
    if (!isScratch && this.#files.some((file) => file.kind !== 'scratch' && file.target === target)) {
      throw new OutputError(target, 'would be written twice; choose another name for one of the two');
    }
    if (!isScratch && !this.#force) refuseExisting(target);
    this.#abandoned.remove(target);
    const { temporary, descriptor } = openedTemporary(target);
    const sink = sinkOf(isScratch ? this.main.name : target, descriptor, this.#signal);
    this.#files.push({ target, temporary, descriptor, kind, sink });
    return sink;
  }

  /** Gives a file its name, which goes into `placed` where nothing had it before. */
  #place({ target, temporary, kind }: PendingFile, placed: string[]): void {
    if (this.#force && kind === 'named') {
      const mode = fs.statSync(target, { throwIfNoEntry: false })?.mode;
      if (mode !== undefined) keepMode(temporary, mode);
      replaceFile(temporary, target);
      if (mode === undefined) placed.push(target);
      return;
    }
    try {
      // Unlike a rename, a link never replaces a file that came in the meantime.
      fs.linkSync(temporary, target);
    } catch {
      if (this.#force && isTaken(target)) throw new OutputError(target, CAME_MEANWHILE);
      refuseExisting(target);
      fs.renameSync(temporary, target);
      placed.push(target);
      return;
    }
    placed.push(target);
    fs.unlinkSync(temporary);
  }
}

const CAME_MEANWHILE =
  'came there while this was written, by another writer whose model it belongs to; nothing was written: try again';

function foldersOf(files: readonly PendingFile[]): ReadonlySet<string> {
  return new Set(files.map(({ target }) => path.dirname(target)));
}

/** Names that were given are on the disk before others are given, as far as the system has a way to say so. */
function syncFolder(name: string): void {
  try {
    const descriptor = fs.openSync(name, 'r');
    using _ = { [Symbol.dispose]: () => fs.closeSync(descriptor) };
    fs.fsyncSync(descriptor);
  } catch {
    // Windows does not open folders.
  }
}

/** Disks of other systems and networks have no permissions to keep. */
function keepMode(name: string, mode: number): void {
  try {
    fs.chmodSync(name, mode);
  } catch {
    // The file is as good without.
  }
}

/** Removes a folder and those around it up to `first`, as far as they are empty. */
function removeEmptyFolders(first: string, last: string): void {
  try {
    for (let folder = last; folder.length >= first.length; folder = path.dirname(folder)) {
      fs.rmdirSync(folder);
    }
  } catch {
    // Something else is in it.
  }
}

/** A link stays one: the file that it leads to is replaced. */
function realTarget(target: string): string {
  return fs.existsSync(target) ? fs.realpathSync(target) : target;
}

function openedTemporary(target: string): ReturnType<typeof openTemporary> {
  try {
    return openTemporary(target);
  } catch (cause) {
    throw new OutputError(target, writingReason(cause), { cause });
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
 * @returns the outermost that was made; undefined where it was there.
 * @throws {@link OutputError} where that is not possible.
 */
export function makeFolder(name: string, recursive = true): string | undefined {
  try {
    return fs.mkdirSync(name, { recursive });
  } catch (cause) {
    throw new OutputError(name, `the folder cannot be made: ${writingReason(cause)}`, { cause });
  }
}

/**
 * Looks at the folder that a file would come into, before long work.
 *
 * @throws {@link OutputError} where it does not exist, or nothing can be written there.
 */
export function checkFolder(target: string): void {
  try {
    // With the separator behind it a file is none.
    fs.accessSync(path.dirname(realTarget(target)) + path.sep, fs.constants.W_OK);
  } catch (cause) {
    throw new OutputError(target, writingReason(cause), { cause });
  }
}

/** @throws OutputError where something has that name already. */
export function refuseExisting(target: string): void {
  if (isTaken(target)) {
    throw new OutputError(
      target,
      'exists already; choose another name, or replace it (--force, force: true in programs)',
    );
  }
}

/**
 * Writes a file under a temporary name, and gives it its own when it is complete.
 *
 * @throws OutputError where it cannot be written; then nothing is left behind.
 */
export function writeWhole(
  name: string,
  bytes: Uint8Array,
  options: ConstructorParameters<typeof PendingOutput>[1],
): void {
  const output = new PendingOutput(name, options);
  try {
    output.main.write(0, bytes);
    output.commit();
  } catch (error) {
    output.discard();
    throw error;
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
      return 'more files than may be open at once; choose larger shards (--shard-size, shardBytes in programs)';
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
