import fs from 'node:fs';
import path from 'node:path';
import { isFolder } from '../node/open-files.ts';
import { UsageError } from './usage-error.ts';

/** Endings of files that hold a whole model. */
const WHOLE = /\.(keras|h5|hdf5)$/i;

/**
 * Where the result of `what` goes where `-o` is left out: beside the input, in its format. `net.keras` becomes
 * `net.equalized.keras`; a TF.js model, `web` or `web/model.json`, becomes the folder `web.equalized/`; a model of Keras in
 * pieces, the folder `net`, becomes `net.equalized.keras`.
 *
 * @throws UsageError where the name of the input says no format.
 */
export function defaultOutput(input: string, what: string): string {
  const { dir, name, ext } = path.parse(input);
  if (isFolder(input)) return besideFolder(input, what);
  if (ext.toLowerCase() === '.json') return besideFolder(dir === '' ? '.' : dir, what);
  if (WHOLE.test(ext)) return path.join(dir, `${name}.${what}${ext}`);
  throw new UsageError(
    `-o: the name ${input} has no ending that says a format; give -o, such as -o ${what}.keras`,
  );
}

function besideFolder(folder: string, what: string): string {
  // `.` and `..` have no name to add to.
  const isNamed = !['', '.', '..'].includes(path.basename(folder));
  const { dir, name, ext, base } = path.parse(isNamed ? path.normalize(folder) : path.resolve(folder));
  const isTfjs = fs.existsSync(path.join(folder, 'model.json'));
  const stem = !isTfjs && ext.toLowerCase() === '.keras' ? name : base;
  // Without the slash a folder would be a file with an unknown ending.
  return path.join(dir, `${stem}.${what}${isTfjs ? '/' : '.keras'}`);
}
