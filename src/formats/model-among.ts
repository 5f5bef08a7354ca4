/**
 * Which of several files is the model, and which belong to it: of a folder, of what was dropped on a page, of a zip.
 *
 * @module
 */

import { CrosslayerError, UnsupportedModelError } from '../errors.ts';
import type { ByteSource, ModelFiles } from './bytes.ts';
import { mainFileOfFolder } from './detect.ts';
import { signatureOffset } from './hdf5/signature.ts';
import { CONFIG_ENTRY, METADATA_ENTRY, WEIGHTS_ENTRY } from './keras-v3/archive.ts';
import { SHARDS_INDEX, shardFiles } from './keras-v3/unpacked.ts';
import { shardNames } from './tfjs-layers/manifest.ts';
import { isZip, openZip } from './zip/read.ts';

/** A file with its path in a folder or a zip; its bytes are opened when they are asked for. */
export interface NamedFile {
  readonly path: string;
  readonly open: () => ByteSource | Promise<ByteSource>;
}

const ACCEPTED =
  'a .keras or .h5 file, or the model.json of a TF.js layers model with the files of weights beside it';

/**
 * The files of the model among `files`, told by what is in them; a zip that is no model itself is looked into. Of the others
 * only those are opened that the model asks for.
 *
 * @throws UnsupportedModelError where there is none, or there are several; FormatError where a file is damaged.
 */
export async function modelFilesAmong(files: readonly NamedFile[]): Promise<ModelFiles> {
  const [only] = files;
  if (!only) throw new UnsupportedModelError('files', `nothing was given; give ${ACCEPTED}`);
  if (files.length === 1) {
    const main = await only.open();
    return (await inZip(main)) ?? { main, open: () => undefined };
  }
  const main = await onlyModel(files);
  if (main) return (await inZip(await main.open())) ?? besides(files, main);
  return besides(files, supposedMain(files) ?? only);
}

/** The model in a zip of the files of one; undefined where `source` is none, for its reader to say what it is. */
async function inZip(source: ByteSource): Promise<ModelFiles | undefined> {
  if (!isZip(source)) return undefined;
  const members = await openZip(source);
  if (members.has('config.json')) return undefined;
  const files = [...members]
    .filter(([path]) => !isOfSystem(path))
    .map(([path, member]): NamedFile => ({ path, open: () => member.open() }));
  const main = await onlyModel(files.filter(({ path }) => /\.(json|keras|h5|hdf5)$/i.test(path)));
  if (!main && isPlainZip(source, files)) throw withoutModel(source, files);
  return main && besides(files, main);
}

/** Whether a zip is no more than that: one called otherwise, or with a SavedModel in it, its reader can tell more of. */
function isPlainZip({ name }: ByteSource, files: readonly NamedFile[]): boolean {
  return /\.zip$/i.test(name) && !files.some(({ path }) => /\.(pb|pkl|npy)$/i.test(path));
}

function withoutModel({ name }: ByteSource, files: readonly NamedFile[]): UnsupportedModelError {
  const inner = files.find(({ path }) => /\.zip$/i.test(path));
  const held = files.slice(0, 3).map(({ path }) => path);
  const holds = `${held.join(', ') || 'nothing'}${files.length > held.length ? ', \u2026' : ''}`;
  const advice = inner
    ? `unpack it and give what is in it, ${inner.path}`
    : `give ${ACCEPTED}, or a zip of these`;
  return new UnsupportedModelError(
    'files',
    `${name}: a zip without a model in it (it holds ${holds}); ${advice}`,
  );
}

/**
 * The file that is called as a model is, though it is none: its reader says why.
 *
 * @throws UnsupportedModelError where the others tell what it is.
 */
function supposedMain(files: readonly NamedFile[]): NamedFile | undefined {
  const named = files.filter(({ path }) => /\.(keras|h5|hdf5)$/i.test(path));
  if (named.length === 1) return named[0];
  const { folder, names } = commonFolder(files);
  const name = mainFileOfFolder(folder, names);
  return files.find(({ path }) => nameOf(path) === name);
}

/** What systems add to zips and folders. */
function isOfSystem(path: string): boolean {
  return /(^|\/)(__MACOSX\/|\.)/.test(path);
}

/** The one among `files` that is a model; undefined where none is. @throws UnsupportedModelError where several are. */
async function onlyModel(files: readonly NamedFile[]): Promise<NamedFile | undefined> {
  const unpacked = files.filter((file) => isUnpacked(file, files));
  if (unpacked.length === 1) return unpacked[0];
  const models: NamedFile[] = [];
  for (const file of files) if (await looksLikeModel(await file.open())) models.push(file);
  if (models.length < 2) return models[0];
  const names = models.map(({ path }) => path).join(', ');
  throw new UnsupportedModelError('files', `${models.length} models (${names}); give one at a time`);
}

/** `main` with the files that it asks for, found by their paths from its folder, or by their names where these are not known. */
async function besides(files: readonly NamedFile[], main: NamedFile): Promise<ModelFiles> {
  const folder = main.path.slice(0, main.path.lastIndexOf('/') + 1);
  const find = (name: string): NamedFile | undefined => {
    const exact = files.find(({ path }) => path === `${folder}${name}`);
    if (exact) return exact;
    const alike = files.filter(({ path }) => nameOf(path) === nameOf(name));
    return alike.length === 1 ? alike[0] : undefined;
  };
  const source = await main.open();
  const opened = new Map<string, ByteSource>();
  for (const name of nameOf(main.path) === CONFIG_ENTRY ? await unpackedNames(find) : namedIn(source)) {
    const file = find(name);
    if (file) opened.set(name, await file.open());
  }
  return { main: source, open: (name) => opened.get(name) };
}

/** Whether a file is the configuration of a `.keras` file in pieces, with its weights beside it. */
function isUnpacked({ path }: NamedFile, files: readonly NamedFile[]): boolean {
  const folder = path.slice(0, path.length - nameOf(path).length);
  const isBeside = (name: string): boolean => files.some((other) => other.path === `${folder}${name}`);
  return nameOf(path) === CONFIG_ENTRY && (isBeside(WEIGHTS_ENTRY) || isBeside(SHARDS_INDEX));
}

async function unpackedNames(find: (name: string) => NamedFile | undefined): Promise<string[]> {
  const index = await find(SHARDS_INDEX)?.open();
  return [METADATA_ENTRY, WEIGHTS_ENTRY, ...(index ? [SHARDS_INDEX, ...shardFiles(index)] : [])];
}

/** The files that a model.json asks for; of one that is damaged, and of a model in one file, none. */
function namedIn(main: ByteSource): readonly string[] {
  if (signatureOffset(main) !== undefined || isZip(main)) return [];
  try {
    return shardNames(main);
  } catch (error) {
    // Its reader says what is wrong.
    if (error instanceof CrosslayerError) return [];
    throw error;
  }
}

function commonFolder(files: readonly NamedFile[]): { folder: string; names: string[] } {
  const [first] = files;
  const folder = first?.path.includes('/') ? (first.path.split('/')[0] ?? '') : '';
  const isCommon = folder !== '' && files.every(({ path }) => path.startsWith(`${folder}/`));
  const names = files.map(({ path }) => (isCommon ? path.slice(folder.length + 1) : path));
  return { folder: isCommon ? folder : 'these files', names };
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Characters of a JSON in which a model.json says that it is one; its configuration comes first and may be long. */
const MOST_JSON = 16 * 2 ** 20;

/** Whether `source` is a model or a zip with one; what is damaged or refused is found out by its reader. */
async function looksLikeModel(source: ByteSource): Promise<boolean> {
  if (signatureOffset(source) !== undefined) return true;
  if (isZip(source)) return isModelZip(source);
  if (!/^\s*\{/.test(textAt(source, 8))) return false;
  return /"(modelTopology|weightsManifest)"\s*:/.test(textAt(source, MOST_JSON));
}

async function isModelZip(source: ByteSource): Promise<boolean> {
  try {
    const names = [...(await openZip(source)).keys()];
    return names.some((name) => /(^|\/)(config|model)\.json$|\.(json|keras|h5|hdf5)$/i.test(name));
  } catch {
    // Damaged; where it is the only candidate, its reader says so.
    return true;
  }
}

function textAt(source: ByteSource, most: number): string {
  const bytes = new Uint8Array(Math.min(most, source.size));
  return new TextDecoder().decode(bytes.subarray(0, source.read(0, bytes)));
}
