/** TF.js itself, on its CPU backend: the judge of what is written. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-cpu';

/** A tensor in an `.expected.json`. */
export interface Values {
  shape: number[];
  data: number[];
}

/** What the fixtures' framework made of them. */
export interface Expected {
  inputs: Values[];
  outputs: Values[];
  weights: Record<string, { names: string[]; shapes: number[][]; sums: number[]; firsts: number[] }>;
}

export const fixtures: string = join(import.meta.dirname, '../fixtures/formats');

export function readExpected(name: string): Expected {
  return JSON.parse(readFileSync(join(fixtures, `${name}.expected.json`), 'utf8'));
}

/** Loads a model as `tf.loadLayersModel` does, strictly, from files in memory. */
export async function loadLayersModel(
  files: ReadonlyMap<string, Uint8Array>,
  strict = true,
): Promise<tfl.LayersModel> {
  const document = JSON.parse(new TextDecoder().decode(files.get('model.json')));
  const paths: string[] = document.weightsManifest.flatMap((group: { paths: string[] }) => group.paths);
  const parts = paths.map((path) => {
    const bytes = files.get(path);
    if (!bytes) throw new Error(`no file ${path}`);
    return bytes;
  });
  const weightData = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    weightData.set(part, offset);
    offset += part.length;
  }
  await tf.setBackend('cpu');
  const artifacts: tf.io.ModelArtifacts = {
    ...document,
    weightSpecs: document.weightsManifest.flatMap((group: { weights: unknown[] }) => group.weights),
    weightData: weightData.buffer,
  };
  return tfl.loadLayersModel({ load: async () => artifacts }, { strict });
}

/** The outputs of `model`. */
export function predict(model: tfl.LayersModel, inputs: readonly Values[]): Values[] {
  return tf.tidy(() => {
    const tensors = inputs.map(({ data, shape }) => tf.tensor(data, shape));
    const outputs = model.predict(tensors.length === 1 ? (tensors[0] as tf.Tensor) : tensors);
    return [outputs].flat().map((output) => ({ shape: output.shape, data: [...output.dataSync()] }));
  });
}

/** The largest |difference| over the largest |value| of an output. */
export function relativeError(found: readonly Values[], expected: readonly Values[]): number {
  let worst = 0;
  for (const [index, { data, shape }] of expected.entries()) {
    const other = found[index];
    if (!other || other.shape.join() !== shape.join()) return Infinity;
    const scale = Math.max(...data.map(Math.abs), 1e-30);
    for (const [at, value] of data.entries()) {
      const error = Math.abs((other.data[at] ?? NaN) - value) / scale;
      if (!(error <= worst)) worst = error;
    }
  }
  return worst;
}

/** The files that `model.save()` makes. */
export async function saveLayersModel(model: tfl.LayersModel): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  await model.save({
    save: async ({ weightData, weightSpecs, ...rest }) => {
      const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
      files.set('model.json', new TextEncoder().encode(JSON.stringify({ ...rest, weightsManifest })));
      files.set('weights.bin', new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData)));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  return files;
}
