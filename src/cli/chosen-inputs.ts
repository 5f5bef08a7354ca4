import type { Model } from '../model/model.ts';
import { type LoadedInputs, loadInputs } from '../node-inputs.ts';
import { guessNormalization } from '../verification/guess-normalization.ts';
import { modelInputs } from '../verification/model-inputs.ts';
import { describeNormalization, type Normalization } from '../verification/normalization.ts';
import { seededInputs } from '../verification/seeded-inputs.ts';

/** The options of a command that say what models are run on. */
export interface InputOptions {
  readonly inputs?: readonly string[];
  readonly normalize?: Normalization;
  readonly samples?: number;
}

/** Samples that are made up where none are given. */
const SEEDED_SAMPLES = 4;

/** The inputs that were asked for; made up from a seed where no paths were given. */
export async function chosenInputs(
  model: Model,
  { inputs, normalize, samples }: InputOptions,
): Promise<Pick<LoadedInputs, 'tensors' | 'description' | 'sampleNames' | 'labels'>> {
  if (inputs !== undefined) return loadInputs(model, inputs, { normalization: normalize, samples });
  const count = samples ?? SEEDED_SAMPLES;
  const guess = guessNormalization(model);
  const normalization = normalize ?? guess.normalization;
  const tensors = seededInputs(model, { samples: count, normalization });
  const takesPictures = modelInputs(model).some(({ image }) => image !== undefined);
  const why = normalize === undefined ? ` (a guess that --normalize overrides: ${guess.reason})` : '';
  const range = takesPictures ? `: the range of pixels as ${describeNormalization(normalization)}${why}` : '';
  return {
    tensors,
    description: `${count} seeded sample${count === 1 ? '' : 's'}${range}`,
    sampleNames: [],
  };
}
