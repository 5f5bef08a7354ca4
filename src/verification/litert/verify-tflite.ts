/**
 * Whether a `.tflite` file computes what a model of Keras does, found out by running both.
 *
 * @module
 */

import { unlessCannotRun } from '../../errors.ts';
import { readTflite } from '../../formats/tflite/read.ts';
import type { Model } from '../../model/model.ts';
import { watchOf } from '../../model/progress.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import {
  compareRoundedRuns,
  compareRuns,
  type RunComparison,
  withoutOutputs,
} from '../comparing/compare-runs.ts';
import { type ModelRun, runOfOutputs } from '../comparing/model-run.ts';
import { LEAST_SQNR_DB, roundedTolerances, type Tolerances } from '../comparing/tolerances.ts';
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
 * compared, not logits, which a file does not give. 8 bits are not the same function: without `rtol` and `atol` a file of whole
 * numbers passes where the SQNR of each output is {@link LEAST_SQNR_DB} or more. One in float has the tolerance of float32.
 *
 * @throws FormatError where the bytes are no `.tflite` file; RangeError where the inputs do not fit the model.
 */
export async function verifyTflite(
  original: Model,
  { litert, name, bytes }: TfliteCandidate,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const { runner, inputs, batchSize, rtol, atol } = options;
  const isInteger = readTflite(name, bytes).tensors.some(({ quantization }) => quantization !== undefined);
  const tolerances = roundedTolerances(isInteger ? 'int8' : 'float32', {
    ...(rtol === undefined ? {} : { rtol }),
    ...(atol === undefined ? {} : { atol }),
  });
  const leastSqnrDb = isInteger && rtol === undefined && atol === undefined ? LEAST_SQNR_DB : undefined;
  const run = (which: string, work: () => Promise<Tensor[]>): Promise<ModelRun | string> =>
    unlessCannotRun(
      async () => runOfOutputs(original, await work()),
      (reason) => `${which} cannot be run: ${reason}`,
    );
  const before = await run('the original', () =>
    runner.run(original, inputs, {
      ...(batchSize === undefined ? {} : { batchSize }),
      ...watchOf(options),
    }),
  );
  const after =
    typeof before === 'string'
      ? before
      : await run('the candidate', () => runTflite(litert, bytes, inputs, { name, ...watchOf(options) }));
  return {
    schemaVersion: 1,
    ...comparison(before, after, { ...tolerances, leastSqnrDb }, options),
    samples: inputs[0]?.shape[0] ?? 0,
    sampleNames: options.sampleNames ?? [],
    inputsDescription: options.inputsDescription ?? '',
    backend: 'LiteRT',
    tolerances,
    ...(leastSqnrDb === undefined ? {} : { leastSqnrDb }),
  };
}

function comparison(
  before: ModelRun | string,
  after: ModelRun | string,
  { leastSqnrDb, ...tolerances }: Tolerances & { readonly leastSqnrDb: number | undefined },
  { sampleNames }: VerifyOptions,
): RunComparison {
  if (typeof before === 'string') return withoutOutputs('not-verified', before);
  if (typeof after === 'string') return withoutOutputs('not-verified', after);
  if (before.outputs.length !== after.outputs.length) {
    const reason = `the original has ${before.outputs.length} outputs, the candidate ${after.outputs.length}`;
    return withoutOutputs('different', reason);
  }
  if (leastSqnrDb === undefined) return compareRuns(before, after, tolerances, sampleNames);
  return compareRoundedRuns(before, after, leastSqnrDb, sampleNames);
}
