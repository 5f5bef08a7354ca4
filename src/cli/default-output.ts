import fs from 'node:fs';
import path from 'node:path';
import { isFolder } from '../node/open-files.ts';
import { UsageError } from './usage-error.ts';

/** Endings of files that hold a whole model. */
const WHOLE = /\.(keras|h5|hdf5)$/i;

/** A model as it is named: `a/net.keras` is `net` with `.keras` in `a`, the TF.js model `web/model.json` `web` with `/`. */
interface NamedModel {
  readonly folder: string;
  readonly name: string;
  /** What names its format; undefined where the name does not say one. */
  readonly ending: string | undefined;
}

function namedModel(input: string): NamedModel {
  const { dir, name, ext } = path.parse(input);
  if (isFolder(input)) return namedFolder(input);
  if (ext.toLowerCase() === '.json') return namedFolder(dir === '' ? '.' : dir);
  return { folder: dir, name, ending: WHOLE.test(ext) ? ext : undefined };
}

function namedFolder(given: string): NamedModel {
  // `.` and `..` have no name to add to.
  const isNamed = !['', '.', '..'].includes(path.basename(given));
  const { dir, name, ext, base } = path.parse(isNamed ? path.normalize(given) : path.resolve(given));
  const isTfjs = fs.existsSync(path.join(given, 'model.json'));
  // Without the slash a folder would be a file with an unknown ending.
  if (isTfjs) return { folder: dir, name: base, ending: '/' };
  return { folder: dir, name: ext.toLowerCase() === '.keras' ? name : base, ending: '.keras' };
}

/**
 * Where the result of `what` goes where `-o` is left out: beside the input, in its format. `net.keras` becomes
 * `net.equalized.keras`; a TF.js model, `web` or `web/model.json`, becomes the folder `web.equalized/`; a model of Keras in
 * pieces, the folder `net`, becomes `net.equalized.keras`.
 *
 * @throws UsageError where the name of the input says no format.
 */
export function defaultOutput(input: string, what: string): string {
  const { folder, name, ending } = namedModel(input);
  if (ending === undefined) {
    throw new UsageError(
      `-o: the name ${input} has no ending that says a format; give -o, such as -o ${what}.keras`,
    );
  }
  return path.join(folder, `${name}.${what}${ending}`);
}

/** What models are written as into a folder, by the name that `--format` has for it. */
export const FORMAT_ENDINGS: Readonly<Record<OutputFormat, string>> = {
  keras: '.keras',
  h5: '.h5',
  tfjs: '/',
  tflite: '.tflite',
};

/** See {@link FORMAT_ENDINGS}. */
export type OutputFormat = 'keras' | 'h5' | 'tfjs' | 'tflite';

/**
 * Where the result of one of several models goes in a folder: under the name of the input.
 *
 * @param format that of the input where it is left out
 * @throws UsageError where the name of the input says no format.
 */
export function outputIn(folder: string, input: string, format?: OutputFormat): string {
  const { name, ending } = namedModel(input);
  const chosen = format === undefined ? ending : FORMAT_ENDINGS[format];
  if (chosen === undefined) {
    throw new UsageError(`--format: the name ${input} has no ending that says a format; choose one`);
  }
  return path.join(folder, `${name}${chosen}`);
}
