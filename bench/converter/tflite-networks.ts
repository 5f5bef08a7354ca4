/**
 * Networks as full-integer `.tflite` files, by TensorFlow's converter with calibration and by `crosslayer quantize` without.
 *
 * @module
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Model } from '../../src/model/model.ts';
import { closeModel, loadInputs, loadModel, saveModel } from '../../src/node.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { accuracyOf } from '../../src/verification/comparing/accuracy.ts';
import { recordRun } from '../../src/verification/comparing/model-run.ts';
import { modelInputs } from '../../src/verification/inputs/model-inputs.ts';
import { seededInputs } from '../../src/verification/inputs/seeded-inputs.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { slice } from '../../src/verification/run/samples.ts';
import { CALIBRATION_SEED, CROPS, naturalCrops } from '../accuracy/crops.ts';
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

const BATCH = { photographs: 8, small: 100 } as const;

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
    const { tensors, labels } = await loadInputs(model, [EXAMPLE.images], { normalization: 'tf' });
    const [images] = tensors;
    if (!labels || !images) throw new Error(`${EXAMPLE.images}: no labels`);
    const { calibrating } = EXAMPLE;
    return {
      measured: slice(images, calibrating, labels.length - calibrating),
      calibrating: slice(images, 0, calibrating),
      labels: labels.subarray(calibrating),
      batchSize: BATCH.small,
    };
  }
  const { normalization, title } = network;
  const unlabelled = { labels: undefined, batchSize: BATCH.photographs };
  if (!normalization) {
    const of = (seed?: number): Tensor =>
      seededInputs(model, { samples: CROPS, ...(seed ? { seed } : {}) })[0] as Tensor;
    return { ...unlabelled, measured: of(), calibrating: of(CALIBRATION_SEED) };
  }
  const size = modelInputs(model)[0]?.image?.height;
  if (!size) throw new Error(`${title}: takes no pictures of a known size`);
  const crops = (seed?: number): Promise<Tensor> =>
    naturalCrops(`${SHARED}/photos`, size, normalization, seed);
  return { ...unlabelled, measured: await crops(), calibrating: await crops(CALIBRATION_SEED) };
}
