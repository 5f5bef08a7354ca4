/**
 * What is left of a network in the files that were written of it.
 *
 * @module
 */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { closeModel, loadModel } from '../../src/node.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { accuracyOf } from '../../src/verification/comparing/accuracy.ts';
import { compareOutputs } from '../../src/verification/comparing/compare-outputs.ts';
import { compareRuns } from '../../src/verification/comparing/compare-runs.ts';
import { type ModelRun, recordRun } from '../../src/verification/comparing/model-run.ts';
import { slice } from '../../src/verification/run/samples.ts';
import type { Bench } from '../accuracy/measure.ts';
import { predictWithTfjs } from './stock-tfjs.ts';

/** A folder with a TF.js model, and how far it is from the float original. */
export interface WrittenModel {
  /** Of all files. */
  readonly bytes: number;
  /** Of those with weights. */
  readonly weightBytes: number;
  /** The share of inputs with the same largest class. */
  readonly top1: number;
  /** Of the logits, in dB. */
  readonly sqnrDb: number;
  /** On labelled inputs. */
  readonly accuracy: number | undefined;
}

/** Inputs, what the float original makes of them, and labels where there are some. */
export interface Expected extends Bench {
  readonly run: ModelRun;
  readonly labels: Int32Array | undefined;
}

/** How much of the largest output `tf.loadLayersModel` may differ from our runner, both in float32 on WebAssembly. */
const TOLERANCE = 1e-4;

/**
 * Measures the model in `folder` by running its files.
 *
 * @throws Error where TF.js by itself makes something else of them than the runner that everything is measured with.
 */
export async function measureWritten(folder: string, expected: Expected): Promise<WrittenModel> {
  const model = await loadModel(folder);
  const run = await recordRun(model, expected);
  closeModel(model);
  const [output] = compareRuns(expected.run, run, { rtol: 0, atol: 0 }).outputs;
  if (!output) throw new Error(`${folder}: its outputs have other shapes than those of the original`);
  await checkAgainstTfjs(folder, expected, run);
  const files = readdirSync(folder).map((name) => ({ name, bytes: statSync(join(folder, name)).size }));
  return {
    bytes: total(files),
    weightBytes: total(files.filter(({ name }) => name.endsWith('.bin'))),
    top1: output.top1Agreement ?? Number.NaN,
    sqnrDb: output.sqnrDb,
    accuracy: expected.labels && accuracyOf(run, expected.labels)?.accuracy,
  };
}

async function checkAgainstTfjs(
  folder: string,
  { inputs, batchSize }: Expected,
  run: ModelRun,
): Promise<void> {
  const made = await predictWithTfjs(
    folder,
    inputs.map((tensor) => slice(tensor, 0, batchSize)),
  );
  const { maxRelative } = compareOutputs(made, slice(run.outputs[0] as Tensor, 0, batchSize));
  process.stderr.write(`  ${folder}: tf.loadLayersModel differs by ${maxRelative.toExponential(1)}\n`);
  if (maxRelative <= TOLERANCE) return;
  throw new Error(
    `${folder}: tf.loadLayersModel differs from the runner by ${maxRelative} of the largest output`,
  );
}

function total(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
