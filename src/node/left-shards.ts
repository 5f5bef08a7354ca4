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

/** What to say of files that were left, because another model may use them; nothing where none was. */
export function leftNote(before: readonly string[], written: readonly string[]): string[] {
  const used = new Set(written.map((name) => path.resolve(name)));
  const left = before.filter((name) => !used.has(path.resolve(name)));
  if (left.length === 0) return [];
  const names = left.map((name) => path.basename(name));
  return [
    `${named(names, NAMED)}: files of weights of the model that was there before; ` +
      'model.json does not use them, so delete them before you upload the folder',
  ];
}
