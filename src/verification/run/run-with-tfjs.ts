/**
 * Running the files of a TF.js model as a page would: `tf.loadLayersModel`, then `predict`.
 *
 * @module
 */

import type * as TfjsCore from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { CannotRunError, messageOf } from '../../errors.ts';
import type { ByteSource, ModelFiles } from '../../formats/bytes.ts';
import { readJsonObject } from '../../formats/read-json.ts';
import { parseManifest } from '../../formats/tfjs-layers/manifest.ts';
import { openGroup } from '../../formats/tfjs-layers/shards.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { joinBatches, slice } from './samples.ts';
import { fromTfjs, toTfjs } from './tensor-transfer.ts';
import { type BackendOptions, inTurn, loadTfjs, type Tfjs } from './tfjs-backend.ts';

/** Samples at a time where the caller does not say. */
const BATCH = 8;

/**
 * The outputs that TF.js itself computes from a model's files, in float32 or int32. Nothing of this package is between: TF.js
 * decodes the weights, makes the layers and runs them, on the backend that is asked for.
 *
 * @param inputs one tensor for each input of the model, with the samples first.
 * @throws CannotOpenError, with what TF.js says, where it does not load the model; CannotRunError where it does not run it, and
 * where it is not installed; FormatError where the files are no model of TF.js.
 */
export async function runWithTfjs(
  files: ModelFiles,
  inputs: readonly Tensor[],
  options: BackendOptions & { readonly batchSize?: number } = {},
): Promise<Tensor[]> {
  const artifacts = artifactsOf(files);
  const tfjs = await loadTfjs(options);
  const { batchSize = BATCH } = options;
  return inTurn(tfjs.core, tfjs.backend, async () => {
    const failing = (verb: 'open' | 'run') => (error: unknown) => {
      const reason = `TF.js does not ${verb} ${files.main.name}: ${firstSentence(error)}`;
      throw verb === 'open'
        ? new CannotOpenError(reason, error)
        : new CannotRunError('', reason, { cause: error });
    };
    const model = await tfjs.layers
      .loadLayersModel({ load: () => Promise.resolve(artifacts) })
      .catch(failing('open'));
    return predict(tfjs, model, inputs, batchSize).catch(failing('run'));
  });
}

/** TF.js does not make a model of the files. */
export class CannotOpenError extends CannotRunError {
  constructor(reason: string, cause: unknown) {
    super('', reason, { cause });
  }
}

/** What TF.js says, without the advice for its developers that it gives in further lines. */
function firstSentence(error: unknown): string {
  const [line = ''] = messageOf(error).split('\n', 1);
  return line.replace(/ This may be due to one of the following reasons:$/, '');
}

async function predict(
  { core }: Tfjs,
  model: LayersModel,
  inputs: readonly Tensor[],
  batchSize: number,
): Promise<Tensor[]> {
  try {
    const samples = inputs[0]?.shape[0] ?? 0;
    const batches: Tensor[][] = [];
    for (let start = 0; start < samples; start += batchSize) {
      const count = Math.min(batchSize, samples - start);
      const given = inputs.map((tensor) => toTfjs(core, slice(tensor, start, count)));
      const made = [model.predict(given, { batchSize })].flat();
      batches.push(made.map(fromTfjs));
      core.dispose([given, made]);
    }
    return model.outputs.map((_, index) => joinBatches(batches.map((batch) => batch[index] as Tensor)));
  } finally {
    model.dispose();
  }
}

/** What a page would have downloaded. */
function artifactsOf(files: ModelFiles): TfjsCore.io.ModelArtifacts {
  const { main } = files;
  const document = readJsonObject(main);
  const groups = parseManifest(document['weightsManifest'], main.name);
  const parts = groups.map((group) => openGroup(files, group).bytes);
  const weightSpecs = groups.flatMap(({ weights }) => weights.map(({ entry }) => entry));
  return {
    format: 'layers-model',
    modelTopology: document['modelTopology'] as object,
    weightSpecs: weightSpecs as unknown as TfjsCore.io.WeightsManifestEntry[],
    weightData: joined(parts),
  };
}

function joined(parts: readonly ByteSource[]): ArrayBuffer {
  const bytes = new Uint8Array(parts.reduce((sum, { size }) => sum + size, 0));
  let start = 0;
  for (const part of parts) {
    part.read(0, bytes.subarray(start, start + part.size));
    start += part.size;
  }
  return bytes.buffer;
}
