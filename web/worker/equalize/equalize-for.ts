import { CrosslayerError, type Model, TfjsRunner } from 'crosslayer';
import { type EqualizePass, equalizationPasses } from 'crosslayer/quantization';
import {
  channelStrips,
  type EqualizeForTargetOptions,
  equalizeForTarget,
  type RunnableOn,
  rangeSpreads,
  tensorStrips,
} from 'crosslayer/report';
import type { Choice, Operations } from '../../protocol.ts';
import { isOutOfMemory } from '../describe-error.ts';
import { madeUpInputs } from '../made-up-inputs.ts';
import { pageFolder } from '../page-folder.ts';
import type { Progress } from '../progress.ts';
import type { Equalized } from './equalized.ts';
import type { Trials } from './trials.ts';

/** Samples that are made up for the proof. */
const SEEDED_SAMPLES = 4;

const PASS_TEXTS: Readonly<Record<EqualizePass['name'], string>> = {
  relu6: 'Replacing ReLU6 by ReLU',
  fold: 'Folding batch norms',
  scale: 'Scaling channels',
  carry: 'Scaling channels',
  correct: 'Correcting biases',
};

/** Equalizes a copy of `model`, as the command does it. */
export async function equalizeFor(
  model: Model,
  trials: Trials,
  { verify, ...choice }: Operations['equalize']['asked'],
  progress: Progress,
): Promise<Equalized> {
  progress(verify ? 'Getting ready to run the model' : 'Getting ready');
  const ready = verify ? await readyToRun(model) : undefined;
  const equalized = await proven(model, choice, ready, progress);
  const { report, plain } = equalized;
  progress('Measuring what came of it');
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
      damage: choice.target === 'float' ? null : await trials.damage(choice),
    },
  };
}

/** With proof; where memory does not suffice to run the model it is equalized all the same. */
async function proven(
  model: Model,
  choice: Choice,
  ready: EqualizeForTargetOptions['ready'],
  progress: Progress,
): ReturnType<typeof equalizeForTarget> {
  const passes = equalizationPasses(choice);
  const isRun = ready !== undefined && 'runner' in ready;
  const before = (pass: EqualizePass['name']): void => {
    const done = passes.findIndex(({ name }) => name === pass);
    progress(`${PASS_TEXTS[pass]}${isRun ? ', and running the model' : ''}`, done / passes.length);
  };
  try {
    return await equalizeForTarget(model, { ...choice, ready, watch: { before } });
  } catch (error) {
    if (!isRun || !isOutOfMemory(error)) throw error;
    return proven(model, choice, { reason: 'the browser has not enough memory to run it' }, progress);
  }
}

/** A runner and made-up inputs, or why there are none. */
async function readyToRun(model: Model): Promise<RunnableOn | { readonly reason: string }> {
  try {
    const { tensors, description } = madeUpInputs(model, SEEDED_SAMPLES);
    const runner = await TfjsRunner.create({ wasmPaths: `${pageFolder()}wasm/` });
    return { runner, tensors, sampleNames: [], description };
  } catch (error) {
    if (error instanceof CrosslayerError) return { reason: error.message };
    throw error;
  }
}
