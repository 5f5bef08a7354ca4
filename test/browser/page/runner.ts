/** A page that reads models from files, runs and compares them, and uses TF.js for itself. */

import '@tensorflow/tfjs-backend-cpu';
import * as core from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { type Model, memoryFiles, readModel, Tensor, TfjsRunner, verify } from 'crosslayer';
import { CrossLayerScaling, foldAllBatchNorms } from 'crosslayer/aimet';
import type { Verdict } from 'crosslayer/verification';

/** What the test asks for. */
export interface VerificationAsked {
  /** The path of a model that the server has; beside it there is `.expected.json`. */
  readonly path: string;
  /** The folder of the server with the .wasm files. */
  readonly wasmPaths: string;
}

/** What the page tells the test. */
export interface VerificationOutcome {
  /** Where the runner computes. */
  readonly backend: string;
  readonly outputs: readonly (readonly number[])[];
  readonly foldedBatchNorms: number;
  readonly scaledSets: number;
  /** Of the equalized model. */
  readonly verdict: Verdict;
  /** Of a model with one weight doubled. */
  readonly wrongVerdict: Verdict;
  /** How many tensors there are more than before. */
  readonly leakedTensors: number;
  /** The TF.js of the page itself, before all that and after. */
  readonly own: readonly [before: OwnTfjs, after: OwnTfjs];
}

/** How the page finds its TF.js. */
interface OwnTfjs {
  readonly backend: string;
  /** What it computes of -1 with a ReLU that has a slope, for which the runner has a class of its own. */
  readonly rectified: readonly number[];
  /** The classes of layers that it knows. */
  readonly classes: readonly string[];
}

interface Expected {
  readonly inputs: readonly { readonly shape: number[]; readonly data: number[] }[];
}

declare global {
  /** Started by the test. */
  var runVerification: (asked: VerificationAsked) => Promise<VerificationOutcome>;
}

globalThis.runVerification = async ({ path, wasmPaths }) => {
  await core.setBackend('cpu');
  const before = await ownTfjs();
  const tensorsBefore = core.memory().numTensors;

  const name = path.split('/').at(-1) ?? '';
  const bytes = new Uint8Array(await (await fetch(path)).arrayBuffer());
  const model = await readModel(memoryFiles(new Map([[name, bytes]]), name));
  const expected: Expected = await (await fetch(`${path}.expected.json`)).json();
  const inputs = expected.inputs.map(({ shape, data }) => Tensor.fromNumbers('float32', shape, data));

  const equalized = model.clone();
  const [foldedPairs] = foldAllBatchNorms(equalized);
  const sets = CrossLayerScaling.scaleModel(equalized);
  const runner = await TfjsRunner.create({ wasmPaths });
  const outputs = await runner.run(model, inputs);
  const { verdict } = await verify(model, equalized, { runner, inputs });
  const { verdict: wrongVerdict } = await verify(model, withDoubledWeight(model), { runner, inputs });
  return {
    backend: runner.backend,
    outputs: outputs.map((output) => Array.from(output.values() as Float32Array)),
    foldedBatchNorms: foldedPairs.length,
    scaledSets: sets.length,
    verdict,
    wrongVerdict,
    leakedTensors: core.memory().numTensors - tensorsBefore,
    own: [before, await ownTfjs()],
  };
};

function withDoubledWeight(model: Model): Model {
  const wrong = model.clone();
  const layer = wrong.layers.find(({ weights }) => weights.has('kernel'));
  const kernel = layer?.requireWeight('kernel');
  if (!layer || !kernel) throw new Error(`${model.name} has no kernel`);
  const doubled = Array.from(kernel.values() as Float32Array, (value) => 2 * value);
  layer.setWeight('kernel', Tensor.fromNumbers(kernel.dtype, kernel.shape, doubled));
  return wrong;
}

async function ownTfjs(): Promise<OwnTfjs> {
  const rectifier = { class_name: 'ReLU', config: { negative_slope: 0.5, batch_input_shape: [null, 1] } };
  const modelTopology = { class_name: 'Sequential', config: { name: 'own', layers: [rectifier] } };
  const model = await layers.models.modelFromJSON({ modelTopology } as never);
  const rectified = core.tidy(() => [...(model.predict(core.tensor2d([[-1]])) as core.Tensor).dataSync()]);
  model.dispose();
  const classes = Object.keys(core.serialization.SerializationMap.getMap().classNameMap).sort();
  return { backend: core.getBackend(), rectified, classes };
}
