/**
 * Networks as full-integer `.tflite` files, by TensorFlow's converter with calibration and by `crosslayer quantize` without.
 *
 * @module
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Model } from '../../src/model/model.ts';
import { closeModel, loadModel, saveModel } from '../../src/node.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { accuracyOf } from '../../src/verification/comparing/accuracy.ts';
import { recordRun } from '../../src/verification/comparing/model-run.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { slice } from '../../src/verification/run/samples.ts';
import { CALIBRATION_SEED } from '../accuracy/crops.ts';
import { BATCH, labelledImages, unlabelledInputs } from '../accuracy/inputs.ts';
import { EXAMPLE, NETWORKS, SHARED, SMALL_NETWORKS } from '../accuracy/networks.ts';
import { npyBytes } from '../peers/npy.ts';
import { type Cost, measureWays, outputOf } from './costs.ts';
import { FOLDER } from './installations.ts';
import { tfliteWays } from './ways.ts';
import { type ExpectedOutputs, measureTflite, type WrittenTflite } from './written-tflite.ts';

/** A network in each way, the converter's default first, and the file of its publisher where there is one. */
export interface TfliteResults {
  readonly title: string;
  readonly ways: readonly {
    readonly title: string;
    /** Of a file that was there none. */
    readonly cost: Cost | undefined;
    readonly written: WrittenTflite;
  }[];
  /** Of the float original, where there are labels. */
  readonly accuracy: number | undefined;
}

/** The names that the bench takes. */
export const TFLITE_NETWORKS: readonly string[] = [
  ...Object.keys(NETWORKS),
  ...Object.keys(SMALL_NETWORKS),
  'example',
];

/** Measures a network in the ways whose titles have the text, or undefined where it is not there. */
export async function measureTfliteNetwork(
  name: string,
  { rounds, way }: { readonly rounds: number; readonly way: string },
): Promise<TfliteResults | undefined> {
  const network = { ...NETWORKS, ...SMALL_NETWORKS }[name];
  const published = network && `${SHARED}/${network.path}`;
  if (published && !existsSync(published)) return undefined;
  const model = await loadModel(published ?? EXAMPLE.model);
  const { measured, calibrating, labels, batchSize } = await inputsOf(name, model);
  const calibration = join(FOLDER, `${name}-calibration.npy`);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(calibration, npyBytes(calibrating));
  const runner = await TfjsRunner.create();
  const bench = { runner, inputs: [measured], batchSize };
  const run = await recordRun(model, bench);
  const expected: ExpectedOutputs = { ...bench, original: model, outputs: run.outputs, labels };
  const path = await kerasFile(name, published ?? EXAMPLE.model, model);
  const ways: TfliteResults['ways'][number][] = [];
  const written = tfliteWays(calibration).filter(({ title }) => title.includes(way));
  const costs = await measureWays(written, { name, path, rounds });
  for (const way of written) {
    ways.push({
      title: way.title,
      cost: costs.get(way),
      written: await measureTflite(outputOf(name, way), expected),
    });
    process.stderr.write(`  ${JSON.stringify(ways.at(-1))}\n`);
  }
  const theirs = published?.replace(/\.h5$/, '.converter.tflite');
  if (theirs !== published && theirs && existsSync(theirs)) {
    const title = 'the file of its publisher';
    ways.push({ title, cost: undefined, written: await measureTflite(theirs, expected) });
  }
  closeModel(model);
  return {
    title: network?.title ?? EXAMPLE.title,
    ways,
    accuracy: labels && accuracyOf(run, labels)?.accuracy,
  };
}

/** What TensorFlow opens: a TF.js model is written as a file of Keras first, for all ways. */
async function kerasFile(name: string, path: string, model: Model): Promise<string> {
  if (!path.endsWith('.json')) return path;
  const written = join(FOLDER, `${name}.h5`);
  await saveModel(model, written, { force: true });
  return written;
}

interface NetworkInputs {
  readonly measured: Tensor;
  /** Others of their kind. */
  readonly calibrating: Tensor;
  readonly labels: Int32Array | undefined;
  readonly batchSize: number;
}

async function inputsOf(name: string, model: Model): Promise<NetworkInputs> {
  const network = { ...NETWORKS, ...SMALL_NETWORKS }[name];
  if (!network) {
    const { images, labels } = await labelledImages(model);
    const { calibrating } = EXAMPLE;
    return {
      measured: slice(images, calibrating, labels.length - calibrating),
      calibrating: slice(images, 0, calibrating),
      labels: labels.subarray(calibrating),
      batchSize: BATCH.small,
    };
  }
  const [measured] = await unlabelledInputs(model, network);
  const [calibrating] = await unlabelledInputs(model, network, CALIBRATION_SEED);
  if (!measured || !calibrating) throw new Error(`${network.title}: takes no inputs`);
  return { measured, calibrating, labels: undefined, batchSize: BATCH.photographs };
}
