/**
 * Inputs and outputs that Keras recorded.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import * as h5wasm from 'h5wasm/node';
import { memorySource, Tensor } from '../../dist/node.js';
import { openNpz } from '../../dist/verification.js';

/** Inputs and outputs in the three forms of the references. */
export async function readReference(path) {
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
export function relativeDifference(wanted, actual) {
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

/** The line of a check: what it found, and how far the outputs are from those wanted. */
export function checkLine({ name, tolerance }, wanted, actual) {
  const difference =
    wanted.length === actual.length
      ? Math.max(...wanted.map((output, index) => relativeDifference(output, actual[index])))
      : Infinity;
  const verdict = difference < tolerance ? 'ok  ' : 'FAIL';
  return `${verdict} ${difference.toExponential(1).padStart(8)}  ${name}`;
}
