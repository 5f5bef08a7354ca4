/**
 * Which of the files that were dropped is the model, and which belong to it.
 *
 * @module
 */

import { type ByteSource, FormatError, type ModelFiles, UnsupportedModelError } from 'crosslayer';
import { mainFileOfFolder } from '../../src/formats/detect.ts';
import { isZip, openZip } from '../../src/formats/zip/read.ts';
import { sniff } from './sniff.ts';

/** A file with the path that it was dropped with, or has in a zip; its bytes are opened when they are asked for. */
export interface NamedFile {
  readonly path: string;
  readonly open: () => ByteSource | Promise<ByteSource>;
}

const ACCEPTED =
  'a .keras or .h5 file, or the model.json of a TF.js layers model with the files of weights beside it';

/**
 * The files of the model among those that were dropped; a zip that is no model itself is looked into.
 *
 * @throws UnsupportedModelError where there is none, or there are several; FormatError where a file is damaged.
 */
export async function modelFilesAmong(files: readonly NamedFile[]): Promise<ModelFiles> {
  const [only] = files;
  if (!only) throw new UnsupportedModelError('files', `nothing was dropped; the page takes ${ACCEPTED}`);
  if (files.length === 1) return single(await only.open());
  const models: NamedFile[] = [];
  for (const file of files) if ((await sniff(await file.open())) === 'model') models.push(file);
  const [main, second] = models;
  if (main && second) throw several(models);
  if (main) return (await inZip(await main.open())) ?? besides(files, main);
  return besides(files, supposedMain(files) ?? only);
}

/** The same, where a file that is missing is refused with what to do about it on the page. */
export function refusingMissing({ main, open }: ModelFiles): ModelFiles {
  return {
    main,
    open(name) {
      const found = open(name);
      if (found) return found;
      const reason =
        'this file of weights was not dropped; drop all files of the model together, or their folder, or a zip of them';
      throw new FormatError(main.name, name, reason);
    },
  };
}

async function single(source: ByteSource): Promise<ModelFiles> {
  return (await inZip(source)) ?? { main: source, open: () => undefined };
}

/** The model in a zip of the files of one; undefined where `source` is none, for its reader to say what it is. */
async function inZip(source: ByteSource): Promise<ModelFiles | undefined> {
  if (!isZip(source)) return undefined;
  const members = await openZip(source);
  if (members.has('config.json')) return undefined;
  const files = [...members]
    .filter(([path]) => !isOfSystem(path))
    .map(([path, member]): NamedFile => ({ path, open: () => member.open() }));
  const models: NamedFile[] = [];
  for (const file of files) {
    if (/\.(json|keras|h5|hdf5)$/i.test(file.path) && (await sniff(await file.open())) === 'model')
      models.push(file);
  }
  const [main, second] = models;
  if (main && second) throw several(models);
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
    ? `unpack it and drop what is in it, ${inner.path}`
    : `drop ${ACCEPTED}, or a zip of these`;
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

function several(models: readonly NamedFile[]): UnsupportedModelError {
  const names = models.map(({ path }) => path).join(', ');
  return new UnsupportedModelError(
    'files',
    `${models.length} models were dropped (${names}); the page takes one at a time`,
  );
}

/** `main` with the others, which are opened by their paths from its folder, or by their names where these are not known. */
async function besides(files: readonly NamedFile[], main: NamedFile): Promise<ModelFiles> {
  const folder = main.path.slice(0, main.path.lastIndexOf('/') + 1);
  const opened = new Map<NamedFile, ByteSource>();
  for (const file of files) opened.set(file, await file.open());
  const find = (name: string): NamedFile | undefined => {
    const exact = files.find(({ path }) => path === `${folder}${name}`);
    if (exact) return exact;
    const alike = files.filter(({ path }) => nameOf(path) === nameOf(name));
    return alike.length === 1 ? alike[0] : undefined;
  };
  const source = opened.get(main) ?? (await main.open());
  return {
    main: source,
    open(name) {
      const file = find(name);
      return file && opened.get(file);
    },
  };
}

function commonFolder(files: readonly NamedFile[]): { folder: string; names: string[] } {
  const [first] = files;
  const folder = first?.path.includes('/') ? (first.path.split('/')[0] ?? '') : '';
  const isCommon = folder !== '' && files.every(({ path }) => path.startsWith(`${folder}/`));
  const names = files.map(({ path }) => (isCommon ? path.slice(folder.length + 1) : path));
  return { folder: isCommon ? folder : 'what was dropped', names };
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
