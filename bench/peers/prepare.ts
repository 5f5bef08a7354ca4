/**
 * Writes what the peers are measured on: each network of the accuracy bench as an `.h5` file for Keras 2, its inputs as
 * the accuracy bench has them, its logits as Crosslayer's runner computes them, and the labels where there are some.
 *
 * Everything goes to `.cache/bench/peers/NAME/`, where measure.py finds it; names of networks (or `example`) write those
 * alone.
 *
 * @module
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Model } from '../../src/model/model.ts';
import { loadInputs, loadModel, saveModel } from '../../src/node.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { recordRun } from '../../src/verification/comparing/model-run.ts';
import { modelInputs } from '../../src/verification/inputs/model-inputs.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { naturalCrops } from '../accuracy/crops.ts';
import { EXAMPLE, NETWORKS, SHARED } from '../accuracy/networks.ts';
import { npyBytes } from './npy.ts';

const FOLDER = '.cache/bench/peers';
const BATCH = 8;

const { positionals } = parseArgs({ allowPositionals: true });
const everything = [...Object.keys(NETWORKS), 'example'];
const unknown = positionals.find((name) => !everything.includes(name));
if (unknown !== undefined) throw new RangeError(`${unknown}: choose from ${everything.join(', ')}`);
const runner = await TfjsRunner.create();
for (const name of positionals.length > 0 ? positionals : everything) {
  const network = NETWORKS[name];
  const source = network ? `${SHARED}/${network.path}` : EXAMPLE.model;
  if (existsSync(source)) await prepare(name, source);
  else process.stderr.write(`${name}: left out, ${source} is missing\n`);
}

async function prepare(name: string, source: string): Promise<void> {
  const folder = `${FOLDER}/${name}`;
  mkdirSync(folder, { recursive: true });
  const model = await loadModel(source);
  await saveModel(model, `${folder}/model.h5`, { dialect: 'keras2', force: true });
  const { inputs, labels } = await inputsOf(name, model);
  const { scores } = await recordRun(model, { runner, inputs: [inputs], batchSize: BATCH });
  const arrays = { inputs, logits: scores[0]!, ...(labels ? { labels } : {}) };
  for (const [array, tensor] of Object.entries(arrays)) {
    writeFileSync(`${folder}/${array}.npy`, npyBytes(tensor));
  }
  process.stderr.write(`${folder}: model.h5, ${Object.keys(arrays).join('.npy, ')}.npy\n`);
}

async function inputsOf(name: string, model: Model): Promise<{ inputs: Tensor; labels: Tensor | undefined }> {
  const network = NETWORKS[name];
  if (network) {
    const size = modelInputs(model)[0]?.image?.height;
    if (!size) throw new Error(`${network.title}: takes no pictures of a known size`);
    const inputs = await naturalCrops(`${SHARED}/photos`, size, network.normalization);
    return { inputs, labels: undefined };
  }
  const { tensors, labels } = await loadInputs(model, [EXAMPLE.images], { normalization: 'tf' });
  if (!labels) throw new Error(`${EXAMPLE.images}: no labels`);
  return { inputs: tensors[0]!, labels: Tensor.of('int32', [labels.length], labels) };
}
