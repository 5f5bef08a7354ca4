/**
 * Files of weights that a model of TF.js had and the one in its place does not have.
 *
 * @module
 */

import fs from 'node:fs';
import path from 'node:path';
import { shardNames } from '../formats/tfjs-layers/manifest.ts';
import { named } from '../text/names.ts';
import { openFile } from './open-files.ts';

/** Files named in a sentence. */
const NAMED = 3;

/** Names that writers of TF.js models give to files of weights: others may be anything, whatever a manifest says. */
const SHARD = /(\.bin|-shard\d+of\d+)$/i;

/** The files of weights of the model.json at `target` that lie beside it; none where it is no model. */
export function shardsBeside(target: string): string[] {
  if (!fs.existsSync(target)) return [];
  try {
    const folder = path.dirname(fs.realpathSync(target));
    using main = openFile(target);
    return shardNames(main)
      .map((name) => path.join(folder, name))
      .filter((name) => fs.existsSync(name));
  } catch {
    // Whatever it is, it is going to be replaced.
    return [];
  }
}

/**
 * Removes those of the files `before` that no model in the folder of `target` uses, now that the model at `target` is
 * another one.
 *
 * @returns what to say of files that are left all the same; nothing where none is.
 */
export function removeLeft(before: readonly string[], target: string): string[] {
  if (before.length === 0) return [];
  const folder = path.dirname(fs.realpathSync(target));
  const models = fs.readdirSync(folder).filter((name) => /\.json$/i.test(name));
  const used = new Set(models.flatMap((name) => shardsBeside(path.join(folder, name))));
  const left = before.filter((name) => !used.has(name) && !(SHARD.test(name) && isRemoved(name)));
  if (left.length === 0) return [];
  const names = left.map((name) => path.basename(name));
  return [
    `${named(names, NAMED)}: files of weights of the model that was there before, which model.json does not use; ` +
      'delete them before you upload the folder',
  ];
}

function isRemoved(name: string): boolean {
  try {
    fs.rmSync(name, { force: true });
    return true;
  } catch {
    return false;
  }
}
