/**
 * What is left of a network in the `.tflite` files that were written of it.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import type { Model } from '../../src/model/model.ts';
import { startLitert } from '../../src/node/litert.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { accuracyOf } from '../../src/verification/comparing/accuracy.ts';
import { compareRuns } from '../../src/verification/comparing/compare-runs.ts';
import { runOfOutputs } from '../../src/verification/comparing/model-run.ts';
import { runTflite } from '../../src/verification/litert/run-tflite.ts';
import type { Bench } from '../accuracy/measure.ts';

/** A file, and how far its outputs are from those of the float original. */
export interface WrittenTflite {
  readonly bytes: number;
  /** The share of inputs with the same largest output. */
  readonly top1: number;
  /** Of the outputs, behind a softmax where the model ends in one, in dB. */
  readonly sqnrDb: number;
  /** On labelled inputs. */
  readonly accuracy: number | undefined;
}

/** Inputs, the float original and what it makes of them, and labels where there are some. */
export interface ExpectedOutputs extends Bench {
  readonly original: Model;
  readonly outputs: readonly Tensor[];
  readonly labels: Int32Array | undefined;
}

/** Measures a file by running it with LiteRT. */
export async function measureTflite(path: string, expected: ExpectedOutputs): Promise<WrittenTflite> {
  const { original, inputs, labels } = expected;
  const bytes = new Uint8Array(readFileSync(path));
  const run = runOfOutputs(original, await runTflite(await startLitert(), bytes, inputs, { name: path }));
  const wanted = runOfOutputs(original, expected.outputs);
  const [output] = compareRuns(wanted, run, { rtol: 0, atol: 0 }).outputs;
  if (!output) throw new Error(`${path}: its outputs have other shapes than those of the original`);
  return {
    bytes: bytes.length,
    top1: output.top1Agreement ?? Number.NaN,
    sqnrDb: output.sqnrDb,
    accuracy: labels && accuracyOf(run, labels)?.accuracy,
  };
}
