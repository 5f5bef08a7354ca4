import { UnsupportedModelError } from '../errors.ts';
import type { Model } from '../model/model.ts';
import { type LoadedInputs, loadInputs } from '../node/inputs.ts';
import { guessNormalization } from '../verification/inputs/guess-normalization.ts';
import { modelInputs } from '../verification/inputs/model-inputs.ts';
import { describeNormalization, type Normalization } from '../verification/inputs/normalization.ts';
import { seededInputs } from '../verification/inputs/seeded-inputs.ts';
import { UsageError } from './command-result.ts';

/** The options of a command that say what models are run on. */
export interface InputOptions {
  readonly inputs?: readonly string[];
  readonly normalize?: Normalization;
  readonly samples?: number;
  /** A file, or true for those in the file of the inputs; where it is left out, none are read. */
  readonly labels?: string | true;
}

/** What a model is run on, and what is told of it. */
export type ChosenInputs = Pick<
  LoadedInputs,
  'tensors' | 'description' | 'sampleNames' | 'labels' | 'labelsSource'
>;

/** Samples that are made up where none are given. */
const SEEDED_SAMPLES = 4;

/** The inputs that were asked for; made up from a seed where no paths were given. */
export async function chosenInputs(model: Model, options: InputOptions): Promise<ChosenInputs> {
  const { inputs, normalize, samples, labels = false } = options;
  try {
    if (inputs === undefined) return madeUp(model, options);
    return await loadInputs(model, inputs, { normalization: normalize, samples, labels });
  } catch (error) {
    // What is guessed suits every model.
    const isMisuse = error instanceof UnsupportedModelError && error.feature === 'normalization';
    throw isMisuse ? new UsageError(`--normalize ${normalize}: ${error.message}`) : error;
  }
}

function madeUp(model: Model, { normalize, samples = SEEDED_SAMPLES }: InputOptions): ChosenInputs {
  const guess = guessNormalization(model);
  const tensors = seededInputs(model, { samples, normalization: normalize });
  const takesPictures = modelInputs(model).some(({ image }) => image !== undefined);
  const why = normalize === undefined ? ` (a guess that --normalize overrides: ${guess.reason})` : '';
  const formula = describeNormalization(normalize ?? guess.normalization);
  const range = takesPictures ? `: the range of pixels as ${formula}${why}` : '';
  return {
    tensors,
    description: `${samples} seeded sample${samples === 1 ? '' : 's'}${range}`,
    sampleNames: [],
  };
}
