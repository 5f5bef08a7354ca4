/**
 * What commands run models on.
 *
 * @module
 */

import { CrosslayerError, UnsupportedModelError, unlessCannotRun } from '../errors.ts';
import type { Model } from '../model/model.ts';
import { type LoadedInputs, loadInputs } from '../node/inputs.ts';
import { count } from '../text/numbers.ts';
import { GUESSED, guessNormalization } from '../verification/inputs/guess-normalization.ts';
import { describeScaling, modelInputs } from '../verification/inputs/model-inputs.ts';
import type { Normalization } from '../verification/inputs/normalization.ts';
import { seededInputs } from '../verification/inputs/seeded-inputs.ts';
import { TfjsRunner } from '../verification/run/runner.ts';
import type { ProofOptions } from './options.ts';
import { SHOWN } from './terminal.ts';
import { ClashError } from './usage-error.ts';

/** The options of a command that say what models are run on. */
export interface InputOptions {
  readonly inputs?: readonly string[];
  readonly normalize?: Normalization;
  readonly samples?: number;
  /** A file, or true for those in the file of the inputs; where it is left out, none are read. */
  readonly labels?: string | true;
  /** Whether it is told why a normalization was guessed; programs are told in any case. */
  readonly verbose?: boolean;
  readonly json?: boolean;
}

/** What a model is run on, and what is told of it. */
export type ChosenInputs = Pick<
  LoadedInputs,
  'tensors' | 'description' | 'sampleNames' | 'labels' | 'labelsSource'
>;

/** What a model can be run with. */
export type Runnable = ChosenInputs & { readonly runner: TfjsRunner };

/** What a model can be run with, or why it cannot be. */
export type Ready = Runnable | { readonly reason: string };

/** Samples that are made up where none are given. */
export const SEEDED_SAMPLES = 4;

/**
 * Runner and inputs, or why there are none; undefined where `verify` is false.
 *
 * @throws CrosslayerError where inputs were given and cannot be read, or do not fit the model.
 */
export async function readyToRun(
  model: Model,
  options: InputOptions & ProofOptions,
): Promise<Ready | undefined> {
  if (options.verify === false) return undefined;
  let chosen: ChosenInputs;
  try {
    chosen = await chosenInputs(model, options);
  } catch (error) {
    // Nobody asked for inputs, so that none can be made up is no reason to stop.
    if (options.inputs === undefined && error instanceof CrosslayerError) return { reason: error.message };
    throw error;
  }
  return unlessCannotRun(
    async () => ({ runner: await TfjsRunner.create(SHOWN), ...chosen }),
    (reason) => ({ reason }),
  );
}

/** The inputs that were asked for; made up from a seed where no paths were given. */
export async function chosenInputs(model: Model, options: InputOptions): Promise<ChosenInputs> {
  const { inputs, normalize, samples, labels = false } = options;
  try {
    if (inputs === undefined) return explained(madeUp(model, options), options);
    const loaded = await loadInputs(model, inputs, { normalization: normalize, samples, labels, ...SHOWN });
    return explained(loaded, options);
  } catch (error) {
    // What is guessed suits every model.
    const isMisuse = error instanceof UnsupportedModelError && error.feature === 'normalization';
    throw isMisuse ? new ClashError(`--normalize ${normalize}: ${error.message}`, ['normalize']) : error;
  }
}

/** Reasons are long, and told to whoever asks. */
function explained(
  { guessedBecause, ...chosen }: GuessedInputs,
  { verbose, json }: InputOptions,
): ChosenInputs {
  if (guessedBecause === undefined || (verbose !== true && json !== true)) return chosen;
  return { ...chosen, description: `${chosen.description}, because ${guessedBecause}` };
}

type GuessedInputs = ChosenInputs & Pick<LoadedInputs, 'guessedBecause'>;

function madeUp(model: Model, { normalize, samples = SEEDED_SAMPLES }: InputOptions): GuessedInputs {
  const guess = guessNormalization(model);
  const tensors = seededInputs(model, { samples, normalization: normalize });
  const inputs = modelInputs(model);
  const hasPictures = inputs.some(({ image }) => image !== undefined);
  const isGuessed = hasPictures && normalize === undefined;
  const scaling = describeScaling(inputs, normalize ?? guess.normalization);
  const range = hasPictures ? `: the range of ${scaling}${isGuessed ? GUESSED : ''}` : '';
  return {
    tensors,
    description: `${count(samples, 'seeded sample')}${range}`,
    guessedBecause: isGuessed ? guess.reason : undefined,
    sampleNames: [],
  };
}

/** Options for a command that looks at labels: those of inputs that are given; where none are, `madeUp` samples. */
export function withLabels<Options extends InputOptions>(options: Options, madeUp: number): Options {
  return options.inputs === undefined
    ? { ...options, samples: options.samples ?? madeUp }
    : { ...options, labels: options.labels ?? true };
}

/** @throws UsageError where options ask for what only a run can give, and for no run, or for labels of nothing. */
export function checkRunOptions({ verify, strict, inputs, labels }: InputOptions & ProofOptions): void {
  if (verify === false && (strict === true || inputs !== undefined)) {
    throw new ClashError(
      '--no-verify: without a run there is nothing for --strict and --inputs; leave them out',
      ['verify'],
      ['strict', 'inputs'],
    );
  }
  if (labels !== undefined && inputs === undefined) {
    throw new ClashError('--labels: only inputs from --inputs have labels; give them too', ['labels']);
  }
}
