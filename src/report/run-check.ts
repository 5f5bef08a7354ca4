import type { Tensor } from '../tensor/tensor.ts';
import { accuracyText, decibels, percent } from '../text/numbers.ts';
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

/** What a run showed beside that of the original, a line for each output, and the accuracy. */
export function checkTexts({ outputs, notCompared, accuracy }: RunCheck): string[] {
  const lines = outputs.map(({ name, sqnrDb, top1Agreement }) => {
    const of = outputs.length > 1 ? `${name}: ` : '';
    const agreement = top1Agreement === null ? '' : `, same top-1 ${percent(top1Agreement)}`;
    return `${of}${sqnrDb === Infinity ? 'the same to the bit' : `SQNR ${decibels(sqnrDb)}`}${agreement}`;
  });
  if (notCompared !== undefined) lines.push(`not compared: ${notCompared}`);
  if (accuracy) lines.push(`accuracy ${accuracyText(accuracy.before)} -> ${accuracyText(accuracy.after)}`);
  return lines;
}
