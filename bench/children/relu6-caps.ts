/**
 * Measures what exact maxima of ReLU6 cost when a network is run; prints {@link Relu6Cost} as JSON.
 *
 * Arguments: a network of {@link NETWORKS}, how often.
 *
 * @module
 */

import * as core from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-wasm';
import { foldAllBatchNorms } from '../../src/aimet.ts';
import type { Model } from '../../src/index.ts';
import { capActivations, scaleRegions } from '../../src/quantization.ts';
import { toLayersModel } from '../../src/tfjs.ts';
import { seededInputs } from '../../src/verification/inputs/seeded-inputs.ts';
import { median } from '../median.ts';
import { NETWORKS } from '../networks/index.ts';
import { inMemory, withRandomWeights } from '../networks/random-weights.ts';

/** The forms of a network that are compared. */
export const FORMS = ['original', 'folded', 'capped'] as const;

/** A form of a network. */
export interface FormCost {
  /** Of TF.js, which has three for an exact maximum. */
  readonly layers: number;
  /** A batch of {@link Relu6Cost.batch} samples on the WebAssembly backend; the median of the rounds. */
  readonly seconds: number;
  /** The median of the ratios to the original, round by round. */
  readonly ratio: number;
}

/** As it is; with its batch norms folded; folded, scaled across the whole graph, with exact maxima. */
export interface Relu6Cost extends Readonly<Record<(typeof FORMS)[number], FormCost>> {
  readonly batch: number;
}

const BATCH = 4;
const WARMUP_ROUNDS = 1;

function formsOf(original: Model): Record<(typeof FORMS)[number], Model> {
  const folded = original.clone();
  foldAllBatchNorms(folded);
  const capped = folded.clone();
  capActivations(capped, scaleRegions(capped, { throughBounded: true }).bounded);
  return { original, folded, capped };
}

const [name = '', rounds = '5'] = process.argv.slice(2);
const network = NETWORKS[name];
if (!network) throw new RangeError(`give one of ${Object.keys(NETWORKS).join(', ')}`);
const forms = formsOf(inMemory(withRandomWeights(network.make()))());
const [pictures] = seededInputs(forms.original, { samples: BATCH });
if (!pictures) throw new RangeError(`${name} has no input`);

if (!(await core.setBackend('wasm'))) throw new Error('the wasm backend of TF.js does not start');
const live = async (form: Model): Promise<layers.LayersModel> =>
  toLayersModel<layers.LayersModel>(form, { tf: { ...core, ...layers }, onWarning: () => {} });
const running = {
  original: await live(forms.original),
  folded: await live(forms.folded),
  capped: await live(forms.capped),
};
const batch = core.tensor(pictures.values() as Float32Array, [...pictures.shape]);

/** Runs TF.js' own model, whose weights the backend has, up to its output in the memory of JavaScript. */
function timeOf(model: layers.LayersModel): number {
  const start = performance.now();
  const output = model.predict(batch, { batchSize: BATCH }) as core.Tensor;
  output.dataSync();
  output.dispose();
  return (performance.now() - start) / 1000;
}

const seconds: Record<(typeof FORMS)[number], number[]> = { original: [], folded: [], capped: [] };
for (let round = 0; round < WARMUP_ROUNDS + Number(rounds); round++) {
  for (const form of FORMS) {
    const one = timeOf(running[form]);
    if (round >= WARMUP_ROUNDS) seconds[form].push(one);
  }
}
const costOf = (form: (typeof FORMS)[number]): FormCost => ({
  layers: running[form].layers.length,
  seconds: median(seconds[form]),
  ratio: median(seconds[form].map((one, round) => one / (seconds.original[round] ?? Number.NaN))),
});
const cost: Relu6Cost = {
  batch: BATCH,
  original: costOf('original'),
  folded: costOf('folded'),
  capped: costOf('capped'),
};
console.log(JSON.stringify(cost));
