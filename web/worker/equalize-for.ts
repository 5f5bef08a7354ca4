import {
  CrosslayerError,
  type DamageReport,
  describeNormalization,
  equalizationStages,
  guessNormalization,
  type Model,
  modelInputs,
  parseQuantizer,
  rangeSpreads,
  type StageName,
  seededInputs,
  TfjsRunner,
  targetReport,
  weightSqnr,
} from 'crosslayer';
import { channelStrips } from '../../src/report/channel-strips.ts';
import { count } from '../../src/report/number-text.ts';
import { gridOf, plainModel } from '../../src/report/plain-model.ts';
import { type RunnableOn, runWithProof } from '../../src/report/proven-run.ts';
import type { Operations } from '../protocol.ts';
import type { Equalized } from './equalized.ts';
import { pageFolder } from './page-folder.ts';
import type { Progress } from './progress.ts';

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

/**
 * Equalizes a copy of `model`, as the command does it.
 *
 * @param damageOf tells which layers hurt, before and after
 */
export async function equalizeFor(
  model: Model,
  { target, relu6, verify }: Operations['equalize']['asked'],
  progress: Progress,
  damageOf: () => Promise<DamageReport | null>,
): Promise<Equalized> {
  progress(verify ? 'Getting ready to run the model' : 'Getting ready');
  const ready = verify ? await readyToRun(model) : undefined;
  const plain = plainModel(model, target);
  const quantizer = parseQuantizer(gridOf(target));
  const before = weightSqnr(plain, quantizer);
  const copy = model.clone();
  const { stages, record } = equalizationStages(copy, { target, relu6 });
  const verification = await runWithProof(copy, stages, {
    ready,
    watch: {
      before: (stage) => {
        const done = stages.findIndex(({ name }) => name === stage);
        progress(
          `${STAGE_TEXTS[stage]}${verify ? ', and running the model' : ''}`,
          done / (stages.length + 1),
        );
      },
    },
  });
  progress('Measuring what came of it', stages.length / (stages.length + 1));
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
      damage: await damageOf(),
    },
  };
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
