/**
 * Runs originals with the runner of this package and compares with what Keras made of the same inputs.
 *
 *     node test/interop/check-runner.mjs < jobs.json
 *
 * jobs.json is a list of {"name", "model", "reference", "tolerance"}. Prints a line for each, which begins with ok, FAIL, or
 * `not run` with the reason that the runner gives.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import * as h5wasm from 'h5wasm/node';
import { CannotRunError, loadModel, memorySource, openNpz, Tensor } from '../../dist/node.js';
import { TfjsRunner } from '../../dist/verification/runner.js';

/** Inputs and outputs that Keras recorded, in the three forms of the references. */
async function readReference(path) {
  if (path.endsWith('.json')) {
    const { inputs, outputs } = JSON.parse(readFileSync(path, 'utf8'));
    const tensors = (arrays) => arrays.map(({ shape, data }) => Tensor.fromNumbers('float32', shape, data));
    return { inputs: tensors(inputs), outputs: tensors(outputs) };
  }
  const read = path.endsWith('.h5') ? await hdf5Arrays(path) : await npzArrays(path);
  const list = async (prefix) => {
    const found = [];
    for (let tensor = await read(`${prefix}0`); tensor; tensor = await read(`${prefix}${found.length}`)) {
      found.push(tensor);
    }
    return found;
  };
  return { inputs: await list('x_'), outputs: await list('y_original_') };
}

async function npzArrays(path) {
  const arrays = await openNpz(memorySource(path, new Uint8Array(readFileSync(path))));
  return (name) => (arrays.names.includes(name) ? arrays.read(name) : undefined);
}

async function hdf5Arrays(path) {
  await h5wasm.ready;
  const file = new h5wasm.File(path, 'r');
  return (name) => {
    const dataset = file.get(name);
    return dataset && Tensor.fromNumbers('float32', dataset.shape, dataset.value);
  };
}

/** Largest difference relative to the largest value; infinite where shapes differ or a NaN is met. */
function relativeDifference(wanted, actual) {
  if (wanted.shape.join() !== actual?.shape.join()) return Infinity;
  let [difference, largest] = [0, 0];
  const values = actual.values();
  for (const [index, value] of wanted.values().entries()) {
    const distance = Math.abs(value - values[index]);
    if (Number.isNaN(distance)) return Infinity;
    difference = Math.max(difference, distance);
    largest = Math.max(largest, Math.abs(value));
  }
  return largest > 0 ? difference / largest : difference;
}

const runner = await TfjsRunner.create();
for (const { name, model, reference, tolerance } of JSON.parse(await text(process.stdin))) {
  try {
    const { inputs, outputs } = await readReference(reference);
    const made = await runner.run(await loadModel(model), inputs);
    const difference = Math.max(...outputs.map((output, index) => relativeDifference(output, made[index])));
    const verdict = difference < tolerance ? 'ok  ' : 'FAIL';
    console.log(`${verdict} ${difference.toExponential(1).padStart(8)}  ${name}`);
  } catch (error) {
    const kind = error instanceof CannotRunError ? 'not run ' : 'FAIL    ';
    console.log(`${kind}      ${name}: ${String(error.message).slice(0, 300)}`);
  }
}
