import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-cpu';
import { writeModelToMemory } from '../../src/formats/write.ts';
import type { Model } from '../../src/index.ts';
import type { Values } from './golden.ts';

/** The model as TF.js itself loads it from what our writer makes of it. */
async function load(model: Model): Promise<layers.LayersModel> {
  // Without this TF.js advises, on each run, to install its Node backend.
  tf.enableProdMode();
  await tf.setBackend('cpu');
  const { files } = await writeModelToMemory(model, { format: 'tfjs-layers' });
  const json = JSON.parse(new TextDecoder().decode(files.get('model.json')));
  const manifest: tf.io.WeightsManifestConfig = json.weightsManifest;
  const shards = manifest.flatMap(({ paths }) => paths).map((path) => files.get(path) as Uint8Array);
  const weightData = new Uint8Array(shards.reduce((size, shard) => size + shard.length, 0));
  let offset = 0;
  for (const shard of shards) {
    weightData.set(shard, offset);
    offset += shard.length;
  }
  return layers.loadLayersModel({
    load: async () => ({
      modelTopology: json.modelTopology,
      weightSpecs: manifest.flatMap(({ weights }) => weights),
      weightData: weightData.buffer,
    }),
  });
}

/** The outputs of the model, computed by TF.js on its CPU backend. */
export async function predict(model: Model, inputs: readonly Values[]): Promise<Values[]> {
  const loaded = await load(model);
  const tensors = inputs.map(({ values, shape }) => tf.tensor(values, [...shape]));
  const result = loaded.predict(tensors.length === 1 ? (tensors[0] as tf.Tensor) : tensors);
  const outputs = Array.isArray(result) ? result : [result];
  const read = outputs.map((output) => ({
    shape: output.shape,
    values: Float32Array.from(output.dataSync()),
  }));
  tf.dispose([...tensors, ...outputs]);
  loaded.dispose();
  return read;
}

/** Whether TF.js can load and run the model at all. */
export async function runnable(model: Model): Promise<boolean> {
  try {
    (await load(model)).dispose();
    return true;
  } catch {
    return false;
  }
}
