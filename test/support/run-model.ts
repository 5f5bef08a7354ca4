/**
 * Runs a model with an implementation that is not ours: tfjs-layers on its CPU backend.
 *
 * @module
 */

import '@tensorflow/tfjs-backend-cpu';
import * as tfc from '@tensorflow/tfjs-core';
import { loadLayersModel } from '@tensorflow/tfjs-layers';
import { MemorySink } from '../../src/formats/bytes.ts';
import { writeTfjsLayers } from '../../src/formats/tfjs-layers/write.ts';
import type { JsonObject } from '../../src/json/value.ts';
import { buildGraph } from '../../src/model/graph.ts';
import type { Layer } from '../../src/model/layer.ts';
import type { Model } from '../../src/model/model.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { seededRandom } from './random.ts';

/**
 * The outputs of `model` for `inputs`, in float32.
 *
 * @throws Error where TF.js would compute something else than Keras: such a run proves nothing.
 */
export async function runModel(model: Model, inputs: readonly Tensor[]): Promise<Float32Array[]> {
  refuseInnerBatchNorms(model);
  const main = new MemorySink('model.json');
  const shards: MemorySink[] = [];
  const { warnings } = await writeTfjsLayers(ungrouped(model), {
    main,
    create(name) {
      const shard = new MemorySink(name);
      shards.push(shard);
      return shard;
    },
    scratch: () => new MemorySink('scratch'),
  });
  if (warnings.length > 0) throw new Error(warnings.join('\n'));
  const document: unknown = JSON.parse(new TextDecoder().decode(main.bytes()));
  const { modelTopology, weightsManifest } = document as {
    modelTopology: object;
    weightsManifest: { weights: tfc.io.WeightsManifestEntry[] }[];
  };
  const weightData = await new Blob(
    shards.map((shard) => shard.bytes() as Uint8Array<ArrayBuffer>),
  ).arrayBuffer();
  const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
  // Without this TF.js tells every run that a native backend would be faster.
  tfc.enableProdMode();
  await tfc.setBackend('cpu');
  const loaded = await loadLayersModel(tfc.io.fromMemory({ modelTopology, weightSpecs, weightData }));
  const results = tfc.tidy(() => {
    const feeds = inputs.map((tensor) =>
      tfc.tensor(tensor.values() as Float32Array, [...tensor.shape], 'float32'),
    );
    const outputs = loaded.predict(feeds.length === 1 && feeds[0] ? feeds[0] : feeds);
    return (Array.isArray(outputs) ? outputs : [outputs]).map((output) =>
      Float32Array.from(output.dataSync()),
    );
  });
  loaded.dispose();
  return results;
}

/** TF.js' CPU backend cycles through the statistics of a batch norm as if channels were always last. */
function refuseInnerBatchNorms(model: Model): void {
  const graph = buildGraph(model);
  for (const call of graph.calls) {
    const { operation } = call.layer;
    if (operation.kind !== 'batchNorm') continue;
    const last = (call.input?.shape?.length ?? 0) - 1;
    if (operation.axes.some((axis) => axis !== -1 && axis !== last)) {
      throw new Error(`${call.path}: TF.js computes batch norms on the last axis alone`);
    }
  }
}

/** Standard normal inputs for `model`, a batch of two. */
export function randomInputs(model: Model, seed = 7): Tensor[] {
  const random = seededRandom(seed);
  return model.inputs.map(({ shape }) => {
    const filled = (shape ?? []).map((size) => size ?? 2);
    const values = new Float32Array(filled.reduce((product, size) => product * size, 1));
    return Tensor.of(
      'float32',
      filled,
      values.map(() => random.normal()),
    );
  });
}

/** The largest difference between two lists of outputs, as a part of the largest value among the first. */
export function relativeDifference(
  expected: readonly Float32Array[],
  actual: readonly Float32Array[],
): number {
  let scale = 0;
  let worst = 0;
  for (const [index, values] of expected.entries()) {
    const others = actual[index];
    if (others?.length !== values.length) return Infinity;
    for (const [position, value] of values.entries()) {
      const difference = Math.abs(value - (others[position] ?? NaN));
      // A NaN on one side must not pass as "no larger than".
      if (Number.isNaN(difference)) return Infinity;
      worst = Math.max(worst, difference);
      scale = Math.max(scale, Math.abs(value));
    }
  }
  return worst / (scale || 1);
}

/** A copy in which grouped convolutions, which TF.js lacks, are plain ones with zeros between the groups. */
function ungrouped(model: Model): Model {
  const copy = model.clone();
  for (const { layer } of copy.allLayers()) ungroup(layer);
  return copy;
}

function ungroup(layer: Layer): void {
  const { operation, origin } = layer;
  if (operation.kind !== 'conv' || operation.groups === 1) return;
  const { groups, filters, kernelSize } = operation;
  const kernel = layer.requireWeight('kernel');
  const { rows } = kernel;
  const positions = kernelSize.reduce((product, size) => product * size, 1);
  const whole = new Float32Array(positions * rows * groups * filters);
  const values = kernel.toFloat64();
  for (let position = 0, at = 0; position < positions; position++) {
    for (let row = 0; row < rows; row++) {
      for (let filter = 0; filter < filters; filter++, at++) {
        const channel = Math.floor(filter / (filters / groups)) * rows + row;
        whole[(position * rows * groups + channel) * filters + filter] = values[at] ?? 0;
      }
    }
  }
  layer.weights.set('kernel', Tensor.of('float32', [...kernelSize, rows * groups, filters], whole));
  layer.operation = { ...operation, groups: 1 };
  if (origin?.operation.kind !== 'conv') return;
  // As if it had been read without groups; what was edited since still counts as edited.
  const config = origin.config['config'] as JsonObject;
  layer.remember({
    operation: { ...origin.operation, groups: 1 },
    config: { ...origin.config, config: { ...config, groups: 1 } },
  });
}
