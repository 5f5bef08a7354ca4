/**
 * Writes what the peers are measured on: each network of the accuracy bench as an `.h5` file for Keras 2, its inputs as
 * the accuracy bench has them, others for calibration, its logits as Crosslayer's runner computes them and as its own
 * whole-integer models have them, and the labels where there are some.
 *
 * Everything goes to `.cache/bench/peers/NAME/`, where the scripts in Python find it; names of networks (or `example`) write those
 * alone.
 *
 * @module
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Model } from '../../src/model/model.ts';
import { loadModel, saveModel } from '../../src/node.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { recordRun } from '../../src/verification/comparing/model-run.ts';
import type { Normalization } from '../../src/verification/inputs/normalization.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { slice } from '../../src/verification/run/samples.ts';
import { CALIBRATION_SEED } from '../accuracy/crops.ts';
import { labelledImages, unlabelledInputs } from '../accuracy/inputs.ts';
import { EXAMPLE, NETWORKS, SHARED } from '../accuracy/networks.ts';
import { npyBytes } from './npy.ts';
import { ourLogits } from './ours.ts';

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
  const { labels, ...given } = await inputsOf(name, model);
  const { inputs, calibrating } = given;
  const bench = { runner, batchSize: BATCH };
  const { scores } = await recordRun(model, { ...bench, inputs: [inputs] });
  const write = (array: string, tensor: Tensor): void => {
    writeFileSync(`${folder}/${array}.npy`, npyBytes(tensor));
    process.stderr.write(`${folder}/${array}.npy\n`);
  };
  write('inputs', inputs);
  write('calibration', calibrating);
  write('logits', scores[0]!);
  if (labels) write('labels', labels);
  for await (const [array, logits] of ourLogits(model, { ...bench, ...given })) write(array, logits);
}

interface PeerInputs {
  readonly inputs: Tensor;
  /** Other crops; of labelled images the first, which are not measured where there is calibration. */
  readonly calibrating: Tensor;
  readonly labels: Tensor | undefined;
  readonly normalization: Normalization;
}

async function inputsOf(name: string, model: Model): Promise<PeerInputs> {
  const network = NETWORKS[name];
  if (network) {
    const [inputs] = await unlabelledInputs(model, network);
    const [calibrating] = await unlabelledInputs(model, network, CALIBRATION_SEED);
    return {
      ...{ inputs: inputs!, calibrating: calibrating! },
      ...{ labels: undefined, normalization: network.normalization },
    };
  }
  const { images, labels } = await labelledImages(model);
  return {
    ...{ inputs: images, calibrating: slice(images, 0, EXAMPLE.calibrating) },
    ...{ labels: Tensor.of('int32', [labels.length], labels), normalization: EXAMPLE.normalization },
  };
}
