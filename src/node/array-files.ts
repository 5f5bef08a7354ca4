/**
 * Numpy arrays on disk, by the names that inputs and labels go by.
 *
 * @module
 */

import path from 'node:path';
import { FormatError, UnsupportedModelError } from '../errors.ts';
import type { ByteSource } from '../formats/bytes.ts';
import { isNpy } from '../formats/npy/header.ts';
import { type NpzArchive, openNpz } from '../formats/npy/npz.ts';
import { readNpy } from '../formats/npy/read.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { count } from '../text/numbers.ts';
import { labelsOf } from '../verification/inputs/class-labels.ts';
import { type ModelInput, namesOf, unfit } from '../verification/inputs/model-inputs.ts';
import { isFolder, openFile } from './open-files.ts';
import { isPhotograph } from './photographs.ts';

/** What a file of inputs or labels is, by its first bytes and not by its name; undefined where it is none of them. */
export function inputFileKind(source: ByteSource): 'npy' | 'npz' | 'photograph' | undefined {
  if (isNpy(source)) return 'npy';
  if (isPhotograph(source)) return 'photograph';
  const head = new Uint8Array(2);
  source.read(0, head);
  return head[0] === 0x50 && head[1] === 0x4b ? 'npz' : undefined;
}

/** An array for an input. */
export interface NamedArray {
  /** The file, and the array in it behind a space. */
  readonly name: string;
  /** What samples are named after. */
  readonly shortName: string;
  readonly array: Tensor;
}

const INPUT_NAMES = ['images', 'x', 'x_test'];
const LABEL_NAMES = ['labels', 'y', 'y_test'];
const LABELS_ADVICE = "labels are classes, one a sample: np.save('labels.npy', labels)";

/** Arrays from files, before they are fitted to the model. */
export interface ArraysOfFiles {
  /** One for each input of the model. */
  readonly arrays: readonly NamedArray[];
  readonly labels?: NamedLabels | undefined;
}

/** The classes of samples, and where they were read. */
export interface NamedLabels {
  /** The file, and the array in it behind a space. */
  readonly name: string;
  readonly labels: Int32Array;
}

/** How much is read of the files of inputs. */
export interface ReadArrays {
  /** How many entries along the first dimension; all where it is undefined. */
  readonly first: number | undefined;
  /** Whether labels beside the inputs are wanted. */
  readonly labels: boolean;
}

/**
 * The arrays of `.npy` files, one for each input.
 *
 * @param first how many entries along the first dimension; all where it is undefined.
 */
export function readNpyFiles(
  files: readonly string[],
  inputs: readonly ModelInput[],
  first: number | undefined,
): ArraysOfFiles {
  if (files.length !== inputs.length) {
    throw unfit(
      `${count(files.length, '.npy file')} for ${count(inputs.length, 'input')} (${namesOf(inputs)}); give one for ` +
        'each, in this order',
    );
  }
  const arrays = files.map((name) => {
    using source = openFile(name);
    return { name, shortName: path.basename(name), array: readNpy(source, { first }) };
  });
  return { arrays };
}

/** The arrays of a `.npz` file that have the names of the inputs, and the labels among them where they are wanted. */
export async function readNpzFile(
  files: readonly string[],
  inputs: readonly ModelInput[],
  { first, labels }: ReadArrays,
): Promise<ArraysOfFiles> {
  const [file = ''] = files;
  if (files.length > 1) throw unfit(`${files.length} .npz files; give one, with an array for each input`);
  using source = openFile(file);
  const archive = await openNpz(source);
  const arrays: NamedArray[] = [];
  for (const name of arrayNames(archive, inputs, file)) {
    arrays.push({ name: `${file} ${name}`, shortName: name, array: await archive.read(name, { first }) });
  }
  const isInput = (name: string): boolean => inputs.some((input) => input.name === name);
  const label = LABEL_NAMES.find((name) => archive.names.includes(name) && !isInput(name));
  if (label === undefined || !labels) return { arrays };
  return { arrays, labels: await labelsBeside(archive, label, `${file} ${label}`, first) };
}

/** Nobody asked for these by name, so whoever cannot use them is told the way around them. */
async function labelsBeside(
  archive: NpzArchive,
  array: string,
  name: string,
  first: number | undefined,
): Promise<NamedLabels> {
  try {
    return { name, labels: labelsOf(await archive.read(array, { first }), name) };
  } catch (cause) {
    if (!(cause instanceof UnsupportedModelError)) throw cause;
    const reason = `${cause.message}; or give other labels (--labels), or the inputs without these`;
    throw new UnsupportedModelError(cause.feature, reason, { cause });
  }
}

/** The arrays for the inputs, in their order. */
function arrayNames({ names }: NpzArchive, inputs: readonly ModelInput[], file: string): string[] {
  if (inputs.every(({ name }) => names.includes(name))) return inputs.map(({ name }) => name);
  if (inputs.length === 1) {
    const known = INPUT_NAMES.find((name) => names.includes(name));
    const others = names.filter((name) => !LABEL_NAMES.includes(name));
    const only = known ?? (others.length === 1 ? others[0] : undefined);
    if (only !== undefined) return [only];
  }
  throw unfit(`${file}: has the arrays ${names.join(', ')}, ${missingArrays(names, inputs)}`);
}

/** What is looked for, and how to save it. */
function missingArrays(names: readonly string[], inputs: readonly ModelInput[]): string {
  const example = inputs.map(({ name }) => `${name}=…`).join(', ');
  const advice = `save them by these names: np.savez(file, ${example})`;
  if (inputs.length === 1) {
    const known = `${namesOf(inputs)}, ${INPUT_NAMES.join(', ')}`;
    return `none of which is called as the input is looked for (${known}); save it by such a name: np.savez(file, ${example})`;
  }
  const missing = inputs.filter(({ name }) => !names.includes(name));
  return missing.length === inputs.length
    ? `but the inputs are called ${namesOf(inputs)}; ${advice}`
    : `but none for ${missing.length === 1 ? 'the input' : 'the inputs'} ${namesOf(missing)}; ${advice}`;
}

/**
 * Reads the classes of samples: a `.npy`, or a `.npz` with an array `labels`, `y` or `y_test` or a single one; whole
 * numbers, `[samples]` or `[samples, 1]`, or one-hot rows `[samples, classes]`.
 *
 * @throws FormatError where it cannot be read; UnsupportedModelError where it holds something else.
 */
export async function loadLabels(name: string): Promise<Int32Array> {
  return (await readLabels(name)).labels;
}

/** {@link loadLabels}, with the array that they were found in. */
export async function readLabels(file: string): Promise<NamedLabels> {
  if (isFolder(file)) throw new FormatError(file, '', `a folder; ${LABELS_ADVICE}`);
  using source = openFile(file);
  switch (inputFileKind(source)) {
    case 'npy':
      return { name: file, labels: labelsOf(readNpy(source), file) };
    case 'npz': {
      const archive = await openNpz(source);
      const array = labelArray(archive, file);
      const name = `${file} ${array}`;
      return { name, labels: labelsOf(await archive.read(array), name) };
    }
    case 'photograph':
      throw new FormatError(file, '', `a picture; ${LABELS_ADVICE}`);
    case undefined:
      throw new FormatError(file, '', `neither a .npy nor a .npz file; ${LABELS_ADVICE}`);
  }
}

function labelArray({ names }: NpzArchive, file: string): string {
  const found = LABEL_NAMES.find((one) => names.includes(one)) ?? (names.length === 1 ? names[0] : undefined);
  if (found !== undefined) return found;
  throw unfit(
    `${file}: none of its arrays (${names.join(', ')}) is called ${LABEL_NAMES.join(', ')}; save the labels by such a ` +
      'name: np.savez(file, labels=…)',
  );
}
