/**
 * Opens models with tfjs-layers as it comes, and compares their outputs with what Keras made of the same inputs.
 *
 *     node test/interop/check-tfjs.mjs < jobs.json
 *
 * jobs.json is a list of {"name", "model", "reference", "tolerance", "script"}; `model` is a model.json, and `script`, which may
 * be missing, the crosslayer-layers.js that registers classes for it and for all that come behind it. Prints a line for each,
 * which begins with ok or FAIL.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { json } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-wasm';
import { Tensor } from '../../dist/node.js';
import { checkLine, readReference } from './references.mjs';

/** The model of a model.json, as `tf.loadLayersModel` takes it from a server. */
function open(file) {
  const { weightsManifest, ...document } = JSON.parse(readFileSync(file, 'utf8'));
  const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
  const shards = weightsManifest
    .flatMap(({ paths }) => paths)
    .map((path) => readFileSync(join(dirname(file), path)));
  const weightData = new Uint8Array(Buffer.concat(shards)).buffer;
  return tfl.loadLayersModel({ load: async () => ({ ...document, weightSpecs, weightData }) });
}

/** The outputs of the model for these inputs. */
function predict(model, inputs) {
  return tf.tidy(() => {
    const feeds = inputs.map((tensor) => tf.tensor(tensor.values(), [...tensor.shape], 'float32'));
    const outputs = [model.predict(feeds.length === 1 ? feeds[0] : feeds)].flat();
    return outputs.map((output) => Tensor.fromNumbers('float32', output.shape, output.dataSync()));
  });
}

// In Node TF.js prints advertising for its native backend otherwise.
tf.env().set('PROD', true);
await tf.setBackend('wasm');
globalThis.tf = { ...tf, ...tfl };
for (const job of await json(process.stdin)) {
  try {
    const { inputs, outputs } = await readReference(job.reference);
    if (job.script) await import(pathToFileURL(job.script).href);
    const model = await open(job.model);
    console.log(checkLine(job, outputs, predict(model, inputs)));
    model.dispose();
  } catch (error) {
    console.log(`FAIL          ${job.name}: ${String(error.message).slice(0, 300)}`);
  }
}
