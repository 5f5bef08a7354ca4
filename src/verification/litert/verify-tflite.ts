/**
 * Whether a `.tflite` file computes what a model of Keras does, found out by running both.
 *
 * @module
 */

import { unlessCannotRun } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { compareRuns, type RunComparison, withoutOutputs } from '../comparing/compare-runs.ts';
import { type ModelRun, runOfOutputs } from '../comparing/model-run.ts';
import { int8Tolerances } from '../comparing/tolerances.ts';
import type { VerifyOptions, VerifyReport } from '../comparing/verify.ts';
import { runTflite } from './run-tflite.ts';
import type { Litert } from './runtime.ts';

/** A file and what runs it. */
export interface TfliteCandidate {
  readonly litert: Litert;
  /** For messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Runs `original` and the file on the same inputs and compares their outputs by position, as `verify` does. Outputs themselves are
 * compared, not logits, which a file does not give; and they may differ by more, because 8 bits are not the same function.
 *
 * @throws FormatError where the bytes are no `.tflite` file; RangeError where the inputs do not fit the model.
 */
export async function verifyTflite(
  original: Model,
  { litert, name, bytes }: TfliteCandidate,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const { runner, inputs, batchSize, rtol, atol } = options;
  const tolerances = int8Tolerances({
    ...(rtol === undefined ? {} : { rtol }),
    ...(atol === undefined ? {} : { atol }),
  });
  const run = (which: string, work: () => Promise<Tensor[]>): Promise<ModelRun | string> =>
    unlessCannotRun(
      async () => runOfOutputs(original, await work()),
      (reason) => `${which} cannot be run: ${reason}`,
    );
  const before = await run('the original', () =>
    runner.run(original, inputs, batchSize === undefined ? {} : { batchSize }),
  );
  const after =
    typeof before === 'string'
      ? before
      : await run('the candidate', () => runTflite(litert, bytes, inputs, { name }));
  return {
    schemaVersion: 1,
    ...comparison(before, after, tolerances, options),
    samples: inputs[0]?.shape[0] ?? 0,
    sampleNames: options.sampleNames ?? [],
    inputsDescription: options.inputsDescription ?? '',
    backend: 'LiteRT',
    tolerances,
  };
}

function comparison(
  before: ModelRun | string,
  after: ModelRun | string,
  tolerances: VerifyReport['tolerances'],
  { sampleNames }: VerifyOptions,
): RunComparison {
  if (typeof before === 'string') return withoutOutputs('not-verified', before);
  if (typeof after === 'string') return withoutOutputs('not-verified', after);
  if (before.outputs.length !== after.outputs.length) {
    const reason = `the original has ${before.outputs.length} outputs, the candidate ${after.outputs.length}`;
    return withoutOutputs('different', reason);
  }
  return compareRuns(before, after, tolerances, sampleNames);
}
