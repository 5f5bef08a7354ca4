import {
  CrosslayerError,
  type EqualizationRecord,
  equalizationStages,
  type Model,
  type StageName,
} from 'crosslayer';
import { parseQuantizer, weightSqnr } from 'crosslayer/quantization';
import {
  channelStrips,
  count,
  gridOf,
  plainModel,
  type RunnableOn,
  rangeSpreads,
  runWithProof,
  type StepVerification,
  targetReport,
} from 'crosslayer/report';
import {
  describeNormalization,
  guessNormalization,
  modelInputs,
  seededInputs,
  TfjsRunner,
} from 'crosslayer/verification';
import type { Choice, Operations } from '../../protocol.ts';
import { isOutOfMemory } from '../describe-error.ts';
import { pageFolder } from '../page-folder.ts';
import type { Progress } from '../progress.ts';
import type { Equalized } from './equalized.ts';
import type { Trials } from './trials.ts';

/** Samples that are made up for the proof. */
const SEEDED_SAMPLES = 4;

const STAGE_TEXTS: Readonly<Record<StageName, string>> = {
  relu6: 'Replacing ReLU6 by ReLU',
  fold: 'Folding batch norms',
  scale: 'Scaling channels',
  carry: 'Scaling channels',
  absorb: 'Moving biases',
  correct: 'Correcting biases',
};

interface Proven {
  readonly copy: Model;
  readonly record: () => EqualizationRecord;
  readonly verification: StepVerification | undefined;
}

/** Equalizes a copy of `model`, as the command does it. */
export async function equalizeFor(
  model: Model,
  trials: Trials,
  { target, relu6, verify }: Operations['equalize']['asked'],
  progress: Progress,
): Promise<Equalized> {
  progress(verify ? 'Getting ready to run the model' : 'Getting ready');
  const ready = verify ? await readyToRun(model) : undefined;
  const plain = plainModel(model, target);
  const quantizer = parseQuantizer(gridOf(target));
  const before = weightSqnr(plain, quantizer);
  const { copy, record, verification } = await proven(model, { target, relu6 }, ready, progress);
  progress('Measuring what came of it');
  const sqnr = { before, after: weightSqnr(copy, quantizer) };
  const report = targetReport(record(), sqnr, { dropped: [], warnings: [] }, verification);
  return {
    model: copy,
    told: {
      target,
      relu6,
      report,
      verification: verification ?? null,
      strips: channelStrips(plain, copy),
      spreads: rangeSpreads(copy).map(({ layer, spread }) => [layer, spread] as const),
      damage: target === 'float' ? null : await trials.damage({ target, relu6 }),
    },
  };
}

/** An equalized copy, and the proof; where memory does not suffice to run the model it is equalized all the same. */
async function proven(
  model: Model,
  choice: Choice,
  ready: RunnableOn | { readonly reason: string } | undefined,
  progress: Progress,
): Promise<Proven> {
  const copy = model.clone();
  const { stages, record } = equalizationStages(copy, choice);
  const isRun = ready !== undefined && 'runner' in ready;
  const before = (stage: StageName): void => {
    const done = stages.findIndex(({ name }) => name === stage);
    progress(`${STAGE_TEXTS[stage]}${isRun ? ', and running the model' : ''}`, done / stages.length);
  };
  try {
    const verification = await runWithProof(copy, stages, { ready, watch: { before } });
    return { copy, record, verification };
  } catch (error) {
    if (!isRun || !isOutOfMemory(error)) throw error;
    return proven(model, choice, { reason: 'the browser has not enough memory to run it' }, progress);
  }
}

/** A runner and made-up inputs, or why there are none. */
async function readyToRun(model: Model): Promise<RunnableOn | { readonly reason: string }> {
  try {
    const tensors = seededInputs(model, { samples: SEEDED_SAMPLES });
    const runner = await TfjsRunner.create({ wasmPaths: `${pageFolder()}wasm/` });
    return { runner, tensors, sampleNames: [], description: describeInputs(model) };
  } catch (error) {
    if (error instanceof CrosslayerError) return { reason: error.message };
    throw error;
  }
}

function describeInputs(model: Model): string {
  const made = count(SEEDED_SAMPLES, 'made-up sample');
  if (!modelInputs(model).some(({ image }) => image !== undefined)) return made;
  const { normalization, reason } = guessNormalization(model);
  return `${made}: the range of pixels as ${describeNormalization(normalization)} (a guess: ${reason})`;
}
