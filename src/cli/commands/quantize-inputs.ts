/**
 * What `crosslayer quantize` runs models on.
 *
 * @module
 */

import fs from 'node:fs';
import { CrosslayerError, FormatError, unlessCannotRun } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import type { RunnableOn } from '../../report/proof-report.ts';
import { accuracyOf } from '../../verification/comparing/accuracy.ts';
import { firstOfRun, type ModelRun, recordRun } from '../../verification/comparing/model-run.ts';
import { firstSamples } from '../../verification/run/samples.ts';
import { type Ready, type Runnable, readyToRun, SEEDED_SAMPLES, withLabels } from '../chosen-inputs.ts';
import { progress } from '../terminal.ts';
import type { QuantizeOptions } from './quantize-options.ts';

/** The samples that lie beside a model for trying it: `IN.samples.npz`. */
export function inputsBeside(
  input: string,
  { inputs, verify }: QuantizeOptions,
): Pick<QuantizeOptions, 'inputs'> {
  const beside = `${input.replace(/(?<=.)[\\/]+$/, '')}.samples.npz`;
  return inputs === undefined && verify !== false && fs.existsSync(beside) ? { inputs: [beside] } : {};
}

/** Whoever did not name the inputs is told where they come from when they are of no use. */
export async function readyToQuantize(
  model: Model,
  options: QuantizeOptions,
  isFound: boolean,
): Promise<Ready | undefined> {
  try {
    return await readyToRun(model, withLabels(options, SEEDED_SAMPLES));
  } catch (error) {
    const [found] = options.inputs ?? [];
    if (!isFound || found === undefined || !(error instanceof CrosslayerError)) throw error;
    throw new FormatError(
      found,
      '',
      `${error.message.replace(found, '').replace(/^[: ]+/, '')}; it lies beside the model, which is run on it: mend it, or ` +
        'name other inputs (--inputs)',
      { cause: error },
    );
  }
}

/**
 * Undefined where it cannot be run; the proof says why.
 *
 * @param onReason is told why it cannot be run
 * @throws UnsupportedModelError where labels are none of its classes, while nothing is written yet.
 */
export async function runOriginal(
  model: Model,
  ready: Runnable,
  onReason: (reason: string) => void = () => {},
): Promise<ModelRun | undefined> {
  const { runner, tensors, labels, labelsSource } = ready;
  progress.say('running the original', 'run');
  const run = await unlessCannotRun(
    () => recordRun(model, { runner, inputs: tensors }),
    (reason) => {
      onReason(reason);
      return undefined;
    },
  );
  if (run && labels) accuracyOf(run, labels, labelsSource);
  return run;
}

/** Samples on which carrying is proven; what the written files do is measured on all. */
const PROOF_SAMPLES = 4;

/**
 * What carrying is proven on.
 *
 * @param original what the model makes of all samples
 */
export function forProof(
  ready: Runnable,
  original: ModelRun | undefined,
): Runnable & Pick<RunnableOn, 'before'> {
  const { tensors, description } = ready;
  const samples = tensors[0]?.shape[0] ?? 0;
  const before = original ? { before: firstOfRun(original, PROOF_SAMPLES) } : {};
  if (samples <= PROOF_SAMPLES) return { ...ready, ...before };
  return {
    ...ready,
    ...before,
    tensors: firstSamples(tensors, PROOF_SAMPLES),
    description: `${description}, the first ${PROOF_SAMPLES} of them`,
  };
}
