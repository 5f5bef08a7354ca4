/**
 * Inputs for models from disk: numpy arrays and photographs.
 *
 * @module
 */

import path from 'node:path';
import { FormatError, UnsupportedModelError } from './errors.ts';
import { isNpy } from './formats/npy/header.ts';
import type { Model } from './model/model.ts';
import { type ArraysOfFiles, loadLabels, readNpyFiles, readNpzFile } from './node-array-files.ts';
import { isFolder, openFile } from './node-files.ts';
import { isPhotograph, photographsIn, readPhotographs } from './node-photographs.ts';
import { Tensor } from './tensor/tensor.ts';
import { fitArray, takesPixels } from './verification/array-inputs.ts';
import { guessNormalization } from './verification/guess-normalization.ts';
import { type ModelInput, modelInputs, namesOf } from './verification/model-inputs.ts';
import { describeNormalization, type Normalization } from './verification/normalization.ts';

/** How inputs are read. */
export interface LoadInputsOptions {
  /** What to do to pixels; guessed where it is left out, see {@link guessNormalization}. */
  readonly normalization?: Normalization | undefined;
  /** How many samples, the first ones; all where it is left out. */
  readonly samples?: number | undefined;
  /** Height and width of photographs for a model that takes any; 224 where it is left out. */
  readonly size?: number | undefined;
  /** A `.npy` or `.npz` with the classes of the samples. */
  readonly labels?: string | undefined;
}

/** Inputs for a model. */
export interface LoadedInputs {
  /** One for each input of the model, with the samples first. */
  readonly tensors: readonly Tensor[];
  /** One line to print: where they come from, and how their pixels were normalized and why. */
  readonly description: string;
  /** A name for each sample: that of the photograph, or `images[17]`. */
  readonly sampleNames: readonly string[];
  /** What was done to pixels; undefined where the values went in as they are. */
  readonly normalization: Normalization | undefined;
  /** The class of each sample: from {@link LoadInputsOptions.labels}, or an array `labels`, `y` or `y_test`. */
  readonly labels?: Int32Array;
}

const PHOTOGRAPH_SIZE = 224;

/**
 * Reads inputs for `model`: one `.npy` for each of its inputs in their order; a `.npz` whose arrays have the names of
 * its inputs, or for a model with one input a single array or `images`, `x` or `x_test`; or photographs (PNG, JPEG,
 * WebP), or a folder of them. What a file is decides, not its name.
 *
 * @throws UnsupportedModelError where they do not fit the model, with what to do; FormatError where a file cannot be
 * read; LimitError where they are too large for memory; CannotRunError where photographs are given and sharp is not
 * installed; RangeError where no path is given or `samples` is no positive whole number.
 */
export async function loadInputs(
  model: Model,
  paths: readonly string[],
  options: LoadInputsOptions = {},
): Promise<LoadedInputs> {
  const { samples } = options;
  if (paths.length === 0) throw new RangeError('no path of inputs was given');
  if (samples !== undefined && (!Number.isSafeInteger(samples) || samples < 1)) {
    throw new RangeError(`${samples} samples; ask for one or more`);
  }
  const files = paths.flatMap((name) => (isFolder(name) ? photographsIn(name) : [name]));
  const kinds = new Set(files.map(kindOf));
  const [kind] = kinds;
  if (kinds.size > 1) {
    throw unfit(
      `inputs of different kinds (${[...kinds].join(', ')}); give .npy files, one .npz file, or photographs`,
    );
  }
  const inputs = modelInputs(model);
  const loaded =
    kind === 'photograph'
      ? await fromPhotographs(model, inputs, files, options)
      : await fromArrays(
          model,
          inputs,
          kind === 'npz' ? await readNpzFile(files, inputs, samples) : readNpyFiles(files, inputs, samples),
          options,
        );
  if (options.labels === undefined) return loaded;
  return { ...loaded, labels: labelsFor(loaded, await loadLabels(options.labels), options) };
}

function kindOf(name: string): 'npy' | 'npz' | 'photograph' {
  const source = openFile(name);
  try {
    if (isNpy(source)) return 'npy';
    if (isPhotograph(source)) return 'photograph';
    const head = new Uint8Array(2);
    source.read(0, head);
    if (head[0] === 0x50 && head[1] === 0x4b) return 'npz';
  } finally {
    source.close();
  }
  throw new FormatError(name, '', 'neither a .npy or .npz file nor a PNG, JPEG or WebP');
}

function fromArrays(
  model: Model,
  inputs: readonly ModelInput[],
  { arrays, labels }: ArraysOfFiles,
  options: LoadInputsOptions,
): LoadedInputs {
  const asked = options.normalization;
  const guess = guessNormalization(model);
  const somePictures = inputs.some(takesPixels);
  const fitted = inputs.map((input, index) => {
    const { array, name } = arrays[index] as (typeof arrays)[number];
    // Of several inputs it is for those that are pictures; fitArray refuses it where none is.
    const askedHere = somePictures && !takesPixels(input) ? undefined : asked;
    return fitArray(array, name, input, { asked: askedHere, guessed: guess.normalization });
  });
  const samples = fitted[0]?.tensor.shape[0] ?? 0;
  for (const [index, { tensor }] of fitted.entries()) {
    if (tensor.shape[0] === samples) continue;
    throw unfit(
      `${arrays[index]?.name}: has ${tensor.shape[0]} samples, but ${arrays[0]?.name} has ${samples}`,
    );
  }
  const normalization = fitted.find((one) => one.normalization !== undefined)?.normalization;
  const from = arrays.map(({ name }) => name).join(', ');
  const loaded: LoadedInputs = {
    tensors: fitted.map(({ tensor }) => tensor),
    description: `${countOf(samples)} of ${from}: ${describe(normalization, asked, guess.reason)}`,
    sampleNames: Array.from({ length: samples }, (_, index) => `${arrays[0]?.shortName}[${index}]`),
    normalization,
  };
  return labels === undefined ? loaded : { ...loaded, labels: labelsFor(loaded, labels, options) };
}

async function fromPhotographs(
  model: Model,
  inputs: readonly ModelInput[],
  files: readonly string[],
  options: LoadInputsOptions,
): Promise<LoadedInputs> {
  const [input] = inputs;
  const image = input?.image;
  if (inputs.length > 1 || !image) {
    const reason =
      inputs.length > 1 ? `has ${inputs.length} inputs` : `the input ${namesOf(inputs)} takes no pictures`;
    throw unfit(
      `${model.name}: ${reason}, so photographs do not do; give a .npz with the arrays ${namesOf(inputs)}`,
    );
  }
  const { size = PHOTOGRAPH_SIZE } = options;
  const { height, width, channels } = { ...image, height: image.height ?? size, width: image.width ?? size };
  const taken = files.slice(0, options.samples);
  const { pixels, shape } = await readPhotographs(taken, { height, width, channels });
  const asked = options.normalization;
  const guess = guessNormalization(model);
  const array = Tensor.of('uint8', shape, pixels);
  const { tensor, normalization } = fitArray(array, 'photographs', input, {
    asked,
    guessed: guess.normalization,
  });
  return {
    tensors: [tensor],
    description:
      `${taken.length} photograph${taken.length === 1 ? '' : 's'} as ${width} x ${height}: ` +
      describe(normalization, asked, guess.reason),
    sampleNames: taken.map((name) => path.basename(name)),
    normalization,
  };
}

function describe(
  found: Normalization | undefined,
  asked: Normalization | undefined,
  reason: string,
): string {
  if (found === undefined) return 'values as they are';
  const formula = `pixels as ${describeNormalization(found)}`;
  return asked === undefined ? `${formula} (a guess that --normalize overrides: ${reason})` : formula;
}

/** Labels of more samples than are taken are cut, where it was asked for a number of samples. */
function labelsFor(
  { tensors }: LoadedInputs,
  labels: Int32Array,
  { samples: asked }: LoadInputsOptions,
): Int32Array {
  const samples = tensors[0]?.shape[0] ?? 0;
  if (labels.length < samples || (labels.length > samples && asked === undefined)) {
    throw unfit(`${labels.length} labels for ${samples} samples; there must be one for each, in their order`);
  }
  return labels.subarray(0, samples);
}

function countOf(samples: number): string {
  return `${samples} sample${samples === 1 ? '' : 's'}`;
}

function unfit(message: string): UnsupportedModelError {
  return new UnsupportedModelError('inputs', message);
}
