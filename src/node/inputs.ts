/**
 * Inputs for models from disk: numpy arrays and photographs.
 *
 * @module
 */

import path from 'node:path';
import { FormatError } from '../errors.ts';
import { Model } from '../model/model.ts';
import type { WatchOptions } from '../model/progress.ts';
import { Tensor } from '../tensor/tensor.ts';
import { count } from '../text/numbers.ts';
import { fitArray, looksUnscaled, takesPixels } from '../verification/inputs/array-inputs.ts';
import {
  GUESSED,
  guessNormalization,
  type NormalizationGuess,
} from '../verification/inputs/guess-normalization.ts';
import {
  describeScaling,
  type ModelInput,
  modelInputs,
  namesOf,
  unfit,
} from '../verification/inputs/model-inputs.ts';
import {
  checkNormalization,
  describeNormalization,
  type Normalization,
} from '../verification/inputs/normalization.ts';
import {
  type ArraysOfFiles,
  inputFileKind,
  type NamedLabels,
  readLabels,
  readNpyFiles,
  readNpzFile,
} from './array-files.ts';
import { isFolder, openFile } from './open-files.ts';
import { photographsIn, readPhotographs } from './photographs.ts';

/** How inputs are read. The stage of photographs is `inputs`. */
export interface LoadInputsOptions extends WatchOptions {
  /** What to do to pixels; guessed where it is left out, see {@link guessNormalization}. */
  readonly normalization?: Normalization | undefined;
  /** How many samples, the first ones; all where it is left out. */
  readonly samples?: number | undefined;
  /** Height and width of photographs for a model that takes any; 224 where it is left out. */
  readonly size?: number | undefined;
  /**
   * A `.npy` or `.npz` with the classes of the samples. Where it is left out, they are read from the `.npz` of the inputs,
   * if it has an array `labels`, `y` or `y_test`; with false no labels are read.
   */
  readonly labels?: string | boolean | undefined;
}

/** Inputs for a model. */
export interface LoadedInputs {
  /** One for each input of the model, with the samples first. */
  readonly tensors: readonly Tensor[];
  /** One line to print: where they come from, and how their pixels were normalized. */
  readonly description: string;
  /** Why that was taken for the right normalization, in a clause; undefined where it was not guessed. */
  readonly guessedBecause: string | undefined;
  /** A name for each sample: that of the photograph, or `images[17]`. */
  readonly sampleNames: readonly string[];
  /** What was done to pixels; undefined where the values went in as they are. */
  readonly normalization: Normalization | undefined;
  /** The class of each sample, see {@link LoadInputsOptions.labels}. */
  readonly labels?: Int32Array;
  /** The file of the labels, and the array in it. */
  readonly labelsSource?: string;
}

const PHOTOGRAPH_SIZE = 224;

/**
 * Reads inputs for `model`: one `.npy` for each of its inputs in their order; a `.npz` whose arrays have the names of
 * its inputs, or for a model with one input a single array or `images`, `x` or `x_test`; or photographs (PNG, JPEG,
 * WebP), or a folder of them. What a file is decides, not its name.
 *
 * @throws UnsupportedModelError where they do not fit the model, with what to do; FormatError where a file cannot be
 * read; LimitError where they are too large for memory; CannotRunError where photographs are given and sharp is not
 * installed; RangeError where no path is given, `samples` is no positive whole number, or there is no such
 * normalization; TypeError where the paths are no list.
 */
export async function loadInputs(
  model: Model,
  paths: readonly string[],
  options: LoadInputsOptions = {},
): Promise<LoadedInputs> {
  const { samples, labels } = options;
  checkArguments(model, paths, options);
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
          kind === 'npz'
            ? await readNpzFile(files, inputs, {
                first: samples,
                labels: typeof labels !== 'string' && labels !== false,
              })
            : readNpyFiles(files, inputs, samples),
          options,
        );
  return typeof labels === 'string' ? withLabels(loaded, await readLabels(labels), options) : loaded;
}

/** For callers without types, whom a name instead of a list would lead to a file for each of its letters. */
function checkArguments(model: unknown, paths: unknown, { samples, normalization }: LoadInputsOptions): void {
  if (!(model instanceof Model)) throw new TypeError('expected a Model, such as loadModel gives');
  if (!Array.isArray(paths) || !paths.every((name) => typeof name === 'string')) {
    const found = typeof paths === 'string' ? `, not the text ${paths}` : '';
    throw new TypeError(`the paths of inputs: expected a list, such as ['images.npz']${found}`);
  }
  if (paths.length === 0) throw new RangeError('no path of inputs was given');
  if (samples !== undefined && (!Number.isSafeInteger(samples) || samples < 1)) {
    throw new RangeError(`${samples} samples; ask for one or more`);
  }
  checkNormalization(normalization);
}

function kindOf(name: string): 'npy' | 'npz' | 'photograph' {
  using source = openFile(name);
  const kind = inputFileKind(source);
  if (kind) return kind;
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
      `${arrays[index]?.name}: has ${count(tensor.shape[0] ?? 0, 'sample')}, but ${arrays[0]?.name} has ${samples}; ` +
        'save as many of each',
    );
  }
  const normalization = fitted.find((one) => one.normalization !== undefined)?.normalization;
  const isUnscaled = inputs.some((input, index) => {
    const { tensor, normalization: scaling } = fitted[index] as (typeof fitted)[number];
    return scaling === undefined && looksUnscaled(tensor, input);
  });
  const hint = isUnscaled && guess.normalization !== 'raw' ? unscaledHint(guess.normalization) : '';
  const from = arrays.map(({ name }) => name).join(', ');
  const loaded: LoadedInputs = {
    tensors: fitted.map(({ tensor }) => tensor),
    description: `${count(samples, 'sample')} of ${from}: ${describe(inputs, normalization, asked)}${hint}`,
    guessedBecause: reasonOf(normalization, asked, guess),
    sampleNames: Array.from({ length: samples }, (_, index) => `${arrays[0]?.shortName}[${index}]`),
    normalization,
  };
  return labels === undefined ? loaded : withLabels(loaded, labels, options);
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
  const { pixels, shape } = await readPhotographs(taken, { height, width, channels }, options);
  const asked = options.normalization;
  const guess = guessNormalization(model);
  const array = Tensor.of('uint8', shape, pixels);
  const { tensor, normalization } = fitArray(array, 'photographs', input, {
    asked,
    guessed: guess.normalization,
  });
  return {
    tensors: [tensor],
    description: `${count(taken.length, 'photograph')} as ${width} x ${height}: ${describe(inputs, normalization, asked)}`,
    guessedBecause: reasonOf(normalization, asked, guess),
    sampleNames: taken.map((name) => path.basename(name)),
    normalization,
  };
}

function describe(
  inputs: readonly ModelInput[],
  found: Normalization | undefined,
  asked: Normalization | undefined,
): string {
  const isGuessed = found !== undefined && asked === undefined;
  return `${describeScaling(inputs, found)}${isGuessed ? GUESSED : ''}`;
}

/** Undefined where nothing was guessed. */
function reasonOf(
  found: Normalization | undefined,
  asked: Normalization | undefined,
  { reason }: NormalizationGuess,
): string | undefined {
  return found !== undefined && asked === undefined ? reason : undefined;
}

/** Floats 0..255 may be what the model was trained on, so they are left as they are. */
function unscaledHint(guessed: Normalization): string {
  return (
    `, but floats of 0..255 look unscaled, and the model seems to take ${describeNormalization(guessed)}: ` +
    `--normalize ${guessed} makes that of them`
  );
}

/** Labels of more samples than are taken are cut, where it was asked for a number of samples. */
function withLabels(
  loaded: LoadedInputs,
  { name, labels }: NamedLabels,
  { samples: asked, labels: given }: LoadInputsOptions,
): LoadedInputs {
  const samples = loaded.tensors[0]?.shape[0] ?? 0;
  if (labels.length < samples || (labels.length > samples && asked === undefined)) {
    const others = typeof given === 'string' ? '' : '; or give other labels (--labels)';
    throw unfit(
      `${name}: ${count(labels.length, 'label')} for ${count(samples, 'sample')}; there must be one for each, in ` +
        `their order${others}`,
    );
  }
  return { ...loaded, labels: labels.subarray(0, samples), labelsSource: name };
}
