/**
 * Side-cars on disk: where they lie, whether one belongs to the file beside it, and what is taken from it.
 *
 * @module
 */

import fs from 'node:fs';
import path from 'node:path';
import {
  crosslayerSidecar,
  MAX_SIDECAR_CHARACTERS,
  readSidecar,
  restoreStatistics,
  type Sidecar,
  type SidecarRecord,
  takeBackCorrections,
  writeSidecar,
} from '../equalization/sidecar/sidecar.ts';
import { CrosslayerError, LimitError, OutputError } from '../errors.ts';
import { readAll } from '../formats/bytes.ts';
import type { Model } from '../model/model.ts';
import { stageOf, type WatchOptions } from '../model/progress.ts';
import { bytesOf, filesOf, hashOfFiles, isHashed, type LoadedFiles, sha256Of } from './loaded-files.ts';
import { isFolder, openFile } from './open-files.ts';
import type { PendingOutput } from './pending-output.ts';

const ENDING = '.crosslayer.json';
/** Bytes, on the usual file systems. */
const LONGEST_NAME = 255;

/**
 * Where the side-car of a model lies: beside its file or folder, with the whole name and `.crosslayer.json` behind it
 * (`ready.h5.crosslayer.json`, `web-model.crosslayer.json`, `web-model/model.json.crosslayer.json`).
 *
 * @param name the model's file or folder, as it is given to `saveModel`
 */
export function sidecarName(name: string): string {
  const plain = name.replace(/(?<=.)[\\/]+$/, '');
  // A folder given as `.` has its name elsewhere.
  return `${/(^|[\\/])\.{0,2}$/.test(plain) ? path.resolve(plain) : plain}${ENDING}`;
}

/** {@link sidecarName}, to be asked before long work. @throws OutputError where a file cannot have that name. */
export function checkedSidecarName(name: string): string {
  const made = sidecarName(name);
  if (Buffer.byteLength(path.basename(made)) > LONGEST_NAME) {
    throw new OutputError(
      made,
      'the name of the side-car is longer than a name may be; choose a shorter one, or write none (--no-sidecar)',
    );
  }
  return made;
}

/** Writes the side-car of a model that was written to `output`, to come into its place together with it. */
export async function writeSidecarBeside(
  model: Model,
  output: PendingOutput,
  options: WatchOptions & {
    readonly target: string;
    readonly record: SidecarRecord;
  },
): Promise<void> {
  const { target, record } = options;
  const from = filesOf(model)?.files;
  const inputBytes = from && !isHashed(from) ? bytesOf(from.opened) : 0;
  const total = inputBytes + bytesOf(output.written);
  const tell = stageOf(options, 'hash');
  const inputSha256 = from ? await hashOfFiles(from, (done) => tell(done, total)) : null;
  const outputSha256 = await sha256Of(output.written, (done) => tell(inputBytes + done, total));
  tell(total, total);
  const text = writeSidecar(crosslayerSidecar(model, { ...record, inputSha256, outputSha256 }));
  output.createBeside(target).write(0, new TextEncoder().encode(text));
}

/** What was found beside the file of a model. */
export type FoundSidecar =
  | { readonly state: 'none' }
  | {
      readonly state: 'restored';
      readonly file: string;
      readonly sidecar: Sidecar;
      /** Number of layers that have their statistics back. */
      readonly layers: number;
      /** Layers whose bias was corrected for a quantizer, which was taken back; by their paths. */
      readonly takenBack: readonly string[];
      /** Layers that it tells of and the model does not have. */
      readonly unknown: readonly string[];
    }
  /** It belongs to another version of the file: their hashes differ. Nothing was taken from it. */
  | { readonly state: 'stale'; readonly file: string }
  /** It cannot be read, or is no side-car. Nothing was taken from it. */
  | { readonly state: 'unreadable'; readonly file: string; readonly reason: string };

/** What becomes of a model whose side-car is found. The stage of reading its file is `hash`. */
export interface RestoreOptions extends WatchOptions {
  /** Leaves biases as they are, for who only looks at the model; otherwise their corrections are taken back. */
  readonly keepCorrections?: boolean;
}

/**
 * Looks for the side-car beside the file that a model was loaded from and, if it belongs to that file, gives the layers the
 * statistics that were known when it was written, and takes back what biases were corrected by: the model is then what it was
 * before it was made ready for a quantizer, and can be scaled, absorbed and corrected as if it had never been away. Edits
 * `model`.
 *
 * A side-car that is broken or stale is no error: the model is sound without it.
 *
 * @throws RangeError where the model was not loaded from disk; FormatError where its file cannot be read.
 */
export async function restoreFromSidecar(model: Model, options: RestoreOptions = {}): Promise<FoundSidecar> {
  const from = filesOf(model);
  if (!from)
    throw new RangeError(`${model.name}: only a model that loadModel read has a file with a side-car`);
  const found: FoundSidecar[] = [];
  for (const file of candidates(from)) {
    if (!fs.existsSync(file)) continue;
    const sidecar = tryLoading(file);
    if ('state' in sidecar) found.push(sidecar);
    else if (sidecar.outputSha256 !== (await hashOf(from, options))) found.push({ state: 'stale', file });
    else {
      const unknown = restoreStatistics(model, sidecar);
      const layers = sidecar.statistics.size - unknown.length;
      const takenBack = options.keepCorrections === true ? [] : takeBackCorrections(model, sidecar);
      return { state: 'restored', file, sidecar, layers, takenBack, unknown };
    }
  }
  return found[0] ?? { state: 'none' };
}

async function hashOf({ files }: LoadedFiles, options: WatchOptions): Promise<string> {
  const tell = stageOf(options, 'hash');
  const total = bytesOf(files.opened);
  const hash = await hashOfFiles(files, (done) => tell(done, total));
  tell(total, total);
  return hash;
}

/** A model of TF.js goes by its folder and by its file. */
function candidates({ name, files: { main } }: LoadedFiles): string[] {
  const names = [name];
  if (isFolder(name)) names.push(main.name);
  else if (path.basename(name) === 'model.json') names.push(path.dirname(name));
  return names.map(sidecarName);
}

function tryLoading(file: string): Sidecar | (FoundSidecar & { readonly state: 'unreadable' }) {
  try {
    return loadSidecar(file);
  } catch (error) {
    if (!(error instanceof CrosslayerError)) throw error;
    return { state: 'unreadable', file, reason: error.message };
  }
}

/**
 * Reads a side-car from disk, whatever file it belongs to; {@link restoreFromSidecar} finds that of a model.
 *
 * @throws FormatError where it cannot be read or is none, or of another version; LimitError where it is too long for one.
 */
export function loadSidecar(file: string): Sidecar {
  using source = openFile(file);
  // Each character takes a byte at least.
  if (source.size > MAX_SIDECAR_CHARACTERS) {
    throw new LimitError(`${file}: bytes`, source.size, MAX_SIDECAR_CHARACTERS, 'this is no side-car');
  }
  return readSidecar(new TextDecoder().decode(readAll(source)), file);
}
