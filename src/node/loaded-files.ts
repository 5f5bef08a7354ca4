/**
 * The files of models that were loaded. A model and its clones share an origin, and so these.
 *
 * @module
 */

import type { Model, ModelOrigin } from '../model/model.ts';
import type { OpenModelFiles } from './open-files.ts';
import { sha256Of } from './sha256.ts';

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
  return filesOf(model)?.files.opened.reduce((sum, { size }) => sum + size, 0) ?? 0;
}

/**
 * SHA-256 of what a model was loaded from: its file; of a model of TF.js `model.json`, then the shards in the order of its
 * manifest. Read through the open files, so that it is theirs also where others have their names now. Found once.
 */
export async function hashOfFiles(files: OpenModelFiles, signal?: AbortSignal): Promise<string> {
  const known = hashes.get(files);
  if (known !== undefined) return known;
  const made = await sha256Of(files.opened, signal);
  hashes.set(files, made);
  return made;
}
