import {
  CannotRunError,
  CrosslayerError,
  type Model,
  type Progress as StageProgress,
  TfjsRunner,
} from 'crosslayer';
import { type EqualizePass, equalizationPasses } from 'crosslayer/quantization';
import {
  channelStrips,
  type EqualizeForTargetOptions,
  equalizeForTarget,
  type RunnableOn,
  rangeSpreads,
  tensorStrips,
} from 'crosslayer/report';
import { forChoosing, type Normalization, sqnrJudge } from 'crosslayer/verification';
import type { Operations, PicturesAsked } from '../../protocol.ts';
import { pictureSamples } from '../compare/picture-samples.ts';
import { isOutOfMemory } from '../describe-error.ts';
import { madeUpInputs } from '../made-up-inputs.ts';
import type { Opened } from '../open/opened.ts';
import { pageFolder } from '../page-folder.ts';
import type { Progress } from '../progress.ts';
import type { Equalized } from './equalized.ts';
import type { Trials } from './trials.ts';

/** Samples that are made up for the proof; a large model is run on fewer, which takes most of the time that it takes. */
const SEEDED_SAMPLES = 4;
const LARGE = { parameters: 5e7, samples: 2 } as const;

const PASS_TEXTS: Readonly<Record<EqualizePass['name'], string>> = {
  relu6: 'Replacing ReLU6 by ReLU',
  fold: 'Folding batch norms',
  scale: 'Scaling channels',
  carry: 'Scaling channels',
  correct: 'Correcting biases',
};

/** Equalizes a copy of the model that is open, as the command does it. */
export async function equalizeFor(
  opened: Opened,
  trials: Trials,
  { verify, pictures = [], normalization, ...choice }: Operations['equalize']['asked'],
  progress: Progress,
): Promise<Equalized> {
  const { model } = opened;
  const isRun = verify || pictures.length > 0;
  progress(isRun ? 'Getting ready to run the model' : 'Getting ready');
  const ready = isRun ? await readyToRun(opened, { pictures, normalization }, progress) : undefined;
  const given = pictures.length > 0 && ready ? await samplesOf(model, ready, normalization) : {};
  const equalized = await proven(model, { ...choice, ...given, ready: verify ? ready : undefined }, progress);
  const { report, plain } = equalized;
  progress('Measuring what came of it');
  // Settings that were tried and make a difference to the error.
  const isScaled = given.judge !== undefined && choice.target.startsWith('int8-per-tensor');
  const chosen = isScaled ? { ...choice, relu6: report.relu6, objective: report.objective } : choice;
  return {
    model: equalized.model,
    told: {
      ...choice,
      report,
      verification: report.verification,
      strips: [
        ...channelStrips(plain, equalized.model),
        ...(report.activations ? tensorStrips(plain, equalized.model) : []),
      ],
      spreads: rangeSpreads(equalized.model).map(({ layer, spread }) => [layer, spread] as const),
      damage: choice.target === 'float' ? null : await trials.damage(chosen),
    },
  };
}

/** With proof; where memory does not suffice to run the model it is equalized all the same. */
async function proven(
  model: Model,
  options: Parameters<typeof equalizationPasses>[0] & Omit<EqualizeForTargetOptions, 'watch'>,
  progress: Progress,
): ReturnType<typeof equalizeForTarget> {
  const passes = equalizationPasses(options);
  const isRun = options.ready !== undefined && 'runner' in options.ready;
  const before = (pass: EqualizePass['name']): void => {
    const done = passes.findIndex(({ name }) => name === pass);
    progress(`${PASS_TEXTS[pass]}${isRun ? ', and running the model' : ''}`, done / passes.length);
  };
  const onProgress = ({ stage, done, total }: StageProgress): void => {
    if (stage === 'try') progress(`Trying settings on the pictures (${done} of ${total})`, done / total);
  };
  try {
    return await equalizeForTarget(model, { ...options, watch: { before }, onProgress });
  } catch (error) {
    if (!(isRun || options.samples) || !isOutOfMemory(error)) throw error;
    const { samples: _, judge: __, ...rest } = options;
    return proven(
      model,
      { ...rest, ready: { reason: 'the browser has not enough memory to run it' } },
      progress,
    );
  }
}

/** A runner and inputs, or why there are none. */
async function readyToRun(
  opened: Opened,
  asked: PicturesAsked,
  progress: Progress,
): Promise<RunnableOn | { readonly reason: string }> {
  try {
    const on = await inputsFor(opened, asked, progress);
    return { ...on, runner: await TfjsRunner.create({ wasmPaths: `${pageFolder()}wasm/` }) };
  } catch (error) {
    // What was chosen has to be taken.
    if (!(error instanceof CrosslayerError) || asked.pictures.length > 0) throw error;
    return { reason: error.message };
  }
}

async function inputsFor(
  opened: Opened,
  { pictures, normalization }: PicturesAsked,
  progress: Progress,
): Promise<Omit<RunnableOn, 'runner'>> {
  if (pictures.length === 0) {
    const samples = opened.model.parameterCount > LARGE.parameters ? LARGE.samples : SEEDED_SAMPLES;
    return { ...madeUpInputs(opened.model, samples, normalization), sampleNames: [] };
  }
  const { tensor, names, description } = await pictureSamples(opened, { pictures, normalization }, progress);
  return { tensors: [tensor], sampleNames: names, description };
}

/** What biases are corrected by and settings are tried on; nothing where the model cannot be run, for which the proof has the reason. */
async function samplesOf(
  model: Model,
  ready: RunnableOn | { readonly reason: string },
  normalization: Normalization | undefined,
): Promise<Pick<EqualizeForTargetOptions, 'samples' | 'judge'>> {
  if (!('runner' in ready)) return {};
  const samples = { runner: ready.runner, inputs: forChoosing(ready.tensors) };
  try {
    return { samples, judge: await sqnrJudge(model, { ...samples, normalization }) };
  } catch (error) {
    if (error instanceof CannotRunError) return {};
    throw error;
  }
}
