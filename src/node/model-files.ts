/**
 * Models on disk.
 *
 * @module
 */

import fs from 'node:fs';
import path from 'node:path';
import type { SidecarRecord } from '../equalization/sidecar/sidecar.ts';
import { OutputError } from '../errors.ts';
import type { ModelFormat, WriteOptions, WriteReport } from '../formats/format.ts';
import { readModel } from '../formats/read.ts';
import { releaseModel } from '../formats/release.ts';
import type { Model } from '../model/model.ts';
import type { WatchOptions } from '../model/progress.ts';
import { removeLeft, shardsBeside } from './left-shards.ts';
import { filesOf, rememberFiles } from './loaded-files.ts';
import { isFolder, isSameFile, openModelFiles } from './open-files.ts';
import { checkFolder, makeFolder, PendingOutput, refuseExisting } from './pending-output.ts';
import { checkedSidecarName, writeSidecarBeside } from './sidecar.ts';

/** How a model is written to disk. Its stages are `write` and, with a side-car, `hash`. */
export interface SaveOptions extends WriteOptions {
  /** Whether files that exist are replaced; otherwise they are an {@link OutputError}. */
  readonly force?: boolean;
  /**
   * Writes a side-car too, see {@link sidecarName}, with this and the statistics of the layers: `{}` where nothing else is
   * known. It comes into its place together with the model.
   */
  readonly sidecar?: SidecarRecord;
  /**
   * Writes `crosslayer-layers.js` beside a model of TF.js that has layers which TF.js lacks or computes otherwise: a script
   * for the page, behind tf.js, that registers classes for them. Running it is for inference.
   */
  readonly layersScript?: boolean;
}

/**
 * Reads a model from disk: a `.keras` or `.h5` file, a `model.json` of TF.js, or a folder with one. What the file is
 * decides, not its name.
 *
 * Weights are read when they are needed, so the files stay open until {@link closeModel}, or until the model and its
 * clones are no longer used.
 *
 * @param options whom it tells, of the stage `read`, and who may end it
 * @throws CrosslayerError where the file cannot be read, is damaged or is not a model that is taken; the reason of the signal.
 */
export async function loadModel(name: string, options: WatchOptions = {}): Promise<Model> {
  const files = openModelFiles(name);
  try {
    const model = await readModel(files, name, options);
    rememberFiles(model, { name, files });
    return model;
  } catch (error) {
    files.close();
    throw error;
  }
}

/**
 * Writes a model to disk in the format that the name says: `.keras`, `.h5`, `.json`; a folder, or a name without an
 * ending, becomes a folder with a model of TF.js.
 *
 * Files are written under temporary names and renamed when they are complete and on the disk: a write that fails leaves
 * nothing behind, and a model may be saved over the file that it was loaded from. Where a model of TF.js is replaced the
 * files of weights get new names and model.json its name last, so that there is the old model or the new one at any time;
 * then the old files of weights are removed, unless another model in the folder uses them.
 *
 * @throws OutputError where it cannot be written; UnsupportedModelError where the format cannot hold the model; the reason of the
 * signal, which is looked at between pieces of some MB.
 */
export async function saveModel(model: Model, name: string, options: SaveOptions = {}): Promise<WriteReport> {
  const { force = false, signal, onProgress, sidecar: record } = options;
  const { format, folder, target, sidecar } = checkOutput(model, name, options);
  const isNewFolder = folder !== undefined && !fs.existsSync(folder);
  if (folder !== undefined && isNewFolder) makeFolder(folder, false);
  let output: PendingOutput | undefined;
  try {
    output = new PendingOutput(target, { force, signal });
    const { writeModel } = await import('../formats/write.ts');
    const written = await writeModel(model, output, { ...options, format });
    const report = options.layersScript === true ? await withLayersScript(written, output) : written;
    if (sidecar !== undefined && record) {
      await writeSidecarBeside(model, output, { target: sidecar, record, signal, onProgress });
    }
    const before = force && format === 'tfjs-layers' ? shardsBeside(target) : [];
    output.commit();
    return { ...report, warnings: [...report.warnings, ...removeLeft(before, target)] };
  } catch (error) {
    output?.discard();
    if (folder !== undefined && isNewFolder) removeEmptyFolder(folder);
    throw error;
  }
}

/** The script, loaded only where it is asked for: it takes TF.js to tell its classes. */
async function withLayersScript(report: WriteReport, output: PendingOutput): Promise<WriteReport> {
  const { writeLayersScript } = await import('./layers-script.ts');
  return writeLayersScript(report, output);
}

/** Where a model would be written. */
export interface OutputPlace {
  readonly format: ModelFormat;
  /** The folder of a model of TF.js that is given as a folder. */
  readonly folder: string | undefined;
  /** The model's own file. */
  readonly target: string;
  /** Where the side-car would go; undefined where none is asked for. */
  readonly sidecar: string | undefined;
}

/**
 * Whether {@link saveModel} could write there, to be asked before long work: the ending says a format, the folder around it is
 * there, and nothing is in the way that `force` does not allow to replace.
 *
 * @throws OutputError where it could not.
 */
export function checkOutput(model: Model, name: string, options: SaveOptions = {}): OutputPlace {
  const format = options.format ?? formatFor(model, name);
  const isFile = format !== 'tfjs-layers' || path.extname(name).toLowerCase() === '.json';
  const target = isFile ? name : path.join(name, 'model.json');
  if (isFolder(target)) throw new OutputError(target, 'is a folder; name a file');
  checkFolder(isFile || isFolder(name) ? target : name);
  const sidecar = options.sidecar && checkedSidecarName(name);
  if (options.force !== true) {
    refuseInput(model, target);
    refuseExisting(target);
    if (sidecar !== undefined) refuseExisting(sidecar);
  }
  return { format, folder: isFile ? undefined : name, target, sidecar };
}

/** Closes the files of a model that was loaded; weights of it and its clones that were not read yet are lost. */
export function closeModel(model: Model): void {
  releaseModel(model);
  filesOf(model)?.files.close();
}

/** Formats that a file of this ending can have, the usual one first. */
const FORMATS_BY_ENDING: ReadonlyMap<string, readonly ModelFormat[]> = new Map([
  // Keras before 2.12 wrote HDF5 under any name.
  ['.keras', ['keras-v3', 'keras-h5']],
  ['.h5', ['keras-h5']],
  ['.hdf5', ['keras-h5']],
  ['.json', ['tfjs-layers']],
]);

function formatFor(model: Model, name: string): ModelFormat {
  const read = model.origin?.format;
  const ending = path.extname(name).toLowerCase();
  // A name without an ending, or with a slash behind it, is a folder, and only models of TF.js are folders.
  const isTfjsFolder = ending === '' || /[\\/]$/.test(name) || isFolder(name);
  const formats = FORMATS_BY_ENDING.get(ending) ?? (isTfjsFolder ? (['tfjs-layers'] as const) : undefined);
  if (ending === '.tflite')
    throw new OutputError(name, 'crosslayer quantize writes .tflite files (saveTflite in programs)');
  if (!formats) {
    throw new OutputError(
      name,
      'its ending says no format; use .keras, .h5 or .json, or for a TF.js folder a name that ends with /',
    );
  }
  const readEnding = path.extname(filesOf(model)?.files.main.name ?? '').toLowerCase();
  const keepsRead = read !== undefined && formats.includes(read) && readEnding === ending;
  return keepsRead ? read : (formats[0] ?? 'keras-v3');
}

/** Whoever names the input as the output may have done so by mistake. */
function refuseInput(model: Model, target: string): void {
  const input = filesOf(model)?.files.main.name;
  if (input !== undefined && isSameFile(input, target)) {
    throw new OutputError(
      target,
      'is the file that the model was read from; choose another name, or replace it (--force, force: true in programs)',
    );
  }
}

function removeEmptyFolder(folder: string): void {
  try {
    fs.rmdirSync(folder);
  } catch {
    // Something else is in it now.
  }
}
