/**
 * The files of models that were loaded, and their hashes. A model and its clones share an origin, and so these.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { FormatError } from '../errors.ts';
import type { ByteSource } from '../formats/bytes.ts';
import { Pauses } from '../formats/pause.ts';
import type { Model, ModelOrigin } from '../model/model.ts';
import type { OpenModelFiles } from './open-files.ts';

/** What a model was loaded from. */
export interface LoadedFiles {
  /** As it was given: a file or a folder. */
  readonly name: string;
  readonly files: OpenModelFiles;
}

const loaded = new WeakMap<ModelOrigin, LoadedFiles>();
const hashes = new WeakMap<OpenModelFiles, string>();

/** Remembers what a model was loaded from. */
export function rememberFiles(model: Model, from: LoadedFiles): void {
  if (model.origin) loaded.set(model.origin, from);
}

/** What a model, or the one that it is a copy of, was loaded from; undefined where it came from no file. */
export function filesOf(model: Model): LoadedFiles | undefined {
  return model.origin && loaded.get(model.origin);
}

/** Bytes of all files that a model was loaded from; 0 where it came from no file. */
export function fileBytes(model: Model): number {
  return bytesOf(filesOf(model)?.files.opened ?? []);
}

/** Bytes of files together. */
export function bytesOf(files: readonly Pick<ByteSource, 'size'>[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

/**
 * SHA-256 of what a model was loaded from: its file; of a model of TF.js `model.json`, then the shards in the order of its
 * manifest. Read through the open files, so that it is theirs also where others have their names now. Found once.
 */
export async function hashOfFiles(files: OpenModelFiles, onBytes?: (done: number) => void): Promise<string> {
  const known = hashes.get(files);
  if (known !== undefined) return known;
  const made = await sha256Of(files.opened, onBytes);
  hashes.set(files, made);
  return made;
}

/** Whether {@link hashOfFiles} has it already. */
export function isHashed(files: OpenModelFiles): boolean {
  return hashes.has(files);
}

/** Read at a time. */
const BLOCK_BYTES = 1 << 20;

/**
 * SHA-256 of the bytes of several files, one after the other, in 64 hexadecimal digits. Lets signals through in between.
 *
 * @param onBytes called with the bytes that were read so far; what it throws ends it
 * @throws FormatError where a file is shorter than it was.
 */
export async function sha256Of(
  files: readonly Pick<ByteSource, 'name' | 'size' | 'read'>[],
  onBytes: (done: number) => void = () => {},
): Promise<string> {
  const hash = createHash('sha256');
  const pauses = new Pauses();
  let all = 0;
  const block = new Uint8Array(BLOCK_BYTES);
  for (const file of files) {
    for (let done = 0; done < file.size; ) {
      onBytes(all);
      const count = file.read(done, block.subarray(0, Math.min(BLOCK_BYTES, file.size - done)));
      if (count === 0) throw new FormatError(file.name, `offset ${done}`, 'the file became shorter');
      hash.update(block.subarray(0, count));
      done += count;
      all += count;
      await pauses.after(count);
    }
  }
  return hash.digest('hex');
}
