/**
 * Numpy arrays on disk, by the names that inputs and labels go by.
 *
 * @module
 */

import path from 'node:path';
import { UnsupportedModelError } from './errors.ts';
import { isNpy } from './formats/npy/header.ts';
import { type NpzArchive, openNpz } from './formats/npy/npz.ts';
import { readNpy } from './formats/npy/read.ts';
import { openFile } from './node-files.ts';
import type { Tensor } from './tensor/tensor.ts';
import { labelsOf } from './verification/array-inputs.ts';
import { type ModelInput, namesOf } from './verification/model-inputs.ts';

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

/** Arrays from files, before they are fitted to the model. */
export interface ArraysOfFiles {
  /** One for each input of the model. */
  readonly arrays: readonly NamedArray[];
  readonly labels?: Int32Array | undefined;
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
      `${files.length} .npy files for ${inputs.length} inputs (${namesOf(inputs)}); give one for each, in this order`,
    );
  }
  const arrays = files.map((name) => {
    const source = openFile(name);
    try {
      return { name, shortName: path.basename(name), array: readNpy(source, { first }) };
    } finally {
      source.close();
    }
  });
  return { arrays };
}

/**
 * The arrays of a `.npz` file that have the names of the inputs, and the labels among them.
 *
 * @param first how many entries along the first dimension; all where it is undefined.
 */
export async function readNpzFile(
  files: readonly string[],
  inputs: readonly ModelInput[],
  first: number | undefined,
): Promise<ArraysOfFiles> {
  const [file = ''] = files;
  if (files.length > 1) throw unfit(`${files.length} .npz files; give one, with an array for each input`);
  const source = openFile(file);
  try {
    const archive = await openNpz(source);
    const arrays: NamedArray[] = [];
    for (const name of arrayNames(archive, inputs, file)) {
      arrays.push({ name: `${file} ${name}`, shortName: name, array: await archive.read(name, { first }) });
    }
    const label = LABEL_NAMES.find((name) => archive.names.includes(name) && !isInput(name, inputs));
    if (label === undefined) return { arrays };
    return { arrays, labels: labelsOf(await archive.read(label, { first }), `${file} ${label}`) };
  } finally {
    source.close();
  }
}

function isInput(name: string, inputs: readonly ModelInput[]): boolean {
  return inputs.some((input) => input.name === name);
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
  const wanted = inputs.length === 1 ? `${namesOf(inputs)}, ${INPUT_NAMES.join(', ')}` : namesOf(inputs);
  throw unfit(
    `${file}: has the arrays ${names.join(', ')}, and the input is looked for as ${wanted}; rename them`,
  );
}

/**
 * Reads the classes of samples: a `.npy`, or a `.npz` with an array `labels`, `y` or `y_test` or a single one; whole
 * numbers, `[samples]` or `[samples, 1]`.
 *
 * @throws FormatError where it cannot be read; UnsupportedModelError where it holds something else.
 */
export async function loadLabels(name: string): Promise<Int32Array> {
  const source = openFile(name);
  try {
    if (isNpy(source)) return labelsOf(readNpy(source), name);
    const archive = await openNpz(source);
    const { names } = archive;
    const array =
      LABEL_NAMES.find((one) => names.includes(one)) ?? (names.length === 1 ? names[0] : undefined);
    if (array === undefined) {
      throw unfit(
        `${name}: none of its arrays (${names.join(', ')}) is called ${LABEL_NAMES.join(', ')}; rename the one with the labels`,
      );
    }
    return labelsOf(await archive.read(array), `${name} ${array}`);
  } finally {
    source.close();
  }
}

function unfit(message: string): UnsupportedModelError {
  return new UnsupportedModelError('inputs', message);
}
