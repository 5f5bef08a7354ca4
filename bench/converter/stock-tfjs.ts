/**
 * Models on disk in TF.js as it comes, without anything of this package between the files and it.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as core from '@tensorflow/tfjs-core';
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-wasm';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { fromTfjs, toTfjs } from '../../src/verification/run/tensor-transfer.ts';
import { withBackend } from '../../src/verification/run/tfjs-backend.ts';

/** The first output of the model in `folder`, which `tf.loadLayersModel` reads as it would from a server. */
export async function predictWithTfjs(folder: string, inputs: readonly Tensor[]): Promise<Tensor> {
  return withBackend(core, 'wasm', async () => {
    const model = await stockModel(folder);
    const output = core.tidy(() => {
      const [first] = [model.predict(inputs.map((tensor) => toTfjs(core, tensor)))].flat();
      if (!first) throw new Error(`${folder}: no output`);
      return first;
    });
    const values = fromTfjs(output);
    output.dispose();
    model.dispose();
    return values;
  });
}

/** The model in `folder`, on the backend that TF.js has just then. */
export function stockModel(folder: string): Promise<LayersModel> {
  return loadLayersModel({ load: async () => artifactsOf(join(folder, 'model.json')) });
}

function artifactsOf(file: string): core.io.ModelArtifacts {
  const { weightsManifest, ...document } = JSON.parse(readFileSync(file, 'utf8'));
  const groups: { paths: string[]; weights: core.io.WeightsManifestEntry[] }[] = weightsManifest;
  const shards = groups.flatMap(({ paths }) => paths).map((path) => readFileSync(join(dirname(file), path)));
  const weightData = new Uint8Array(Buffer.concat(shards)).buffer;
  return { ...document, weightSpecs: groups.flatMap(({ weights }) => weights), weightData };
}
