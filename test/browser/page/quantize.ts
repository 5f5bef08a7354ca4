/** A page that makes a TF.js model of 8 bits from a file of Keras, and loads it with its own TF.js. */

import '@tensorflow/tfjs-backend-cpu';
import * as core from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { memoryFiles, quantize, readModel, seededInputs, TfjsRunner, writeModelToMemory } from 'crosslayer';
import { allIn } from 'crosslayer/quantization';
import { compareOutputs, runWithTfjs } from 'crosslayer/verification';

/** What the page tells the test. */
export interface QuantizeOutcome {
  readonly kernels: number;
  /** Bytes of the file of weights. */
  readonly bytes: number;
  /** Of the written files against the model that was read, in dB, of the first output. */
  readonly sqnrDb: number;
  /** The largest difference between the page's `tf.loadLayersModel` and the model that was written. */
  readonly difference: number;
}

declare global {
  /** Started by the test, with the path of a model that the server has. */
  var runQuantize: (path: string) => Promise<QuantizeOutcome>;
}

globalThis.runQuantize = async (path) => {
  const name = path.split('/').at(-1) ?? '';
  const bytes = new Uint8Array(await (await fetch(path)).arrayBuffer());
  const model = await readModel(memoryFiles(new Map([[name, bytes]]), name));
  const { model: quantized, report } = await quantize(model);
  const { files } = await writeModelToMemory(quantized, { format: 'tfjs-layers' });

  const inputs = seededInputs(model);
  const runner = await TfjsRunner.create({ wasmPaths: '/wasm/' });
  const [original] = await runner.run(model, inputs);
  const [computed] = await runner.run(quantized, inputs);
  const [loaded] = await runWithTfjs(memoryFiles(files, 'model.json'), inputs, { wasmPaths: '/wasm/' });
  if (!original || !computed || !loaded) throw new Error('no output');

  await core.setBackend('cpu');
  const own = await layers.loadLayersModel(core.io.fromMemory(artifactsOf(files)));
  const given = inputs.map((tensor) => core.tensor(Float32Array.from(tensor.toFloat64()), [...tensor.shape]));
  const made = [own.predict(given)].flat()[0]?.dataSync() ?? [];
  const expected = computed.toFloat64();
  const differences = [...made, ...loaded.toFloat64()].map((value, index) =>
    Math.abs(value - (expected[index % expected.length] ?? Number.NaN)),
  );
  return {
    kernels: allIn(report.passes, 'packed').length,
    bytes: files.get('group1-shard1of1.bin')?.length ?? 0,
    sqnrDb: compareOutputs(original, loaded).sqnrDb,
    difference: Math.max(...differences),
  };
};

function artifactsOf(files: ReadonlyMap<string, Uint8Array>): core.io.ModelArtifacts {
  const document = JSON.parse(new TextDecoder().decode(files.get('model.json')));
  return {
    modelTopology: document.modelTopology,
    weightSpecs: document.weightsManifest[0].weights,
    weightData: files.get('group1-shard1of1.bin')?.slice().buffer,
  } as core.io.ModelArtifacts;
}
