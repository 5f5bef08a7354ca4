import type { Tensor } from '../tensor/tensor.ts';
import { accuracyOf } from '../verification/comparing/accuracy.ts';
import { compareRuns, measuredOutputs } from '../verification/comparing/compare-runs.ts';
import type { ModelRun } from '../verification/comparing/model-run.ts';
import type { RunCheck } from './quantize-report.ts';

/** What a model and what was made of it were run on. */
export interface RunOn {
  /** One for each input of the model, with the samples first. */
  readonly tensors: readonly Tensor[];
  /** Where they come from, in a line. */
  readonly description: string;
  /** The class of each sample, and where these come from. */
  readonly labels?: Int32Array;
  readonly labelsSource?: string;
}

/** What a run of the written model shows beside that of the original. */
export function besideOriginal(
  original: ModelRun,
  run: ModelRun,
  { tensors, description, labels, labelsSource }: RunOn,
): RunCheck {
  const { verdict, outputs, reason } = compareRuns(original, run, { rtol: 0, atol: 0 });
  const notCompared = verdict === 'not-verified' || outputs.length === 0 ? reason : null;
  const right = (one: ModelRun): number | undefined =>
    labels && accuracyOf(one, labels, labelsSource)?.accuracy;
  const [before, after] = [right(original), right(run)];
  return {
    inputs: description,
    samples: tensors[0]?.shape[0] ?? 0,
    outputs: notCompared === null ? measuredOutputs(outputs) : [],
    ...(notCompared === null ? {} : { notCompared }),
    accuracy: before === undefined || after === undefined ? null : { before, after },
  };
}
