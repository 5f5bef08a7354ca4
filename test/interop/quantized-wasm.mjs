/**
 * Runs .tflite files with the LiteRT of this package.
 *
 *     node test/interop/quantized-wasm.mjs < jobs.json
 *
 * jobs.json is a list of {"model", "reference", "others"}: outputs on the first samples of the reference's inputs go to `others`
 * with an index behind it, as float32 numbers.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { json } from 'node:stream/consumers';
import { startLitert, Tensor } from '../../dist/node.js';
import { runTflite } from '../../dist/verification.js';
import { readReference } from './references.mjs';

const SAMPLES = 32;

const litert = await startLitert();
for (const { model, reference, others } of await json(process.stdin)) {
  const { inputs } = await readReference(reference);
  const outputs = await runTflite(litert, readFileSync(model), inputs.map(firstSamples));
  for (const [index, output] of outputs.entries()) writeFileSync(`${others}${index}`, output.values());
}

function firstSamples(tensor) {
  const [samples, ...shape] = tensor.shape;
  const count = Math.min(SAMPLES, samples);
  return Tensor.of('float32', [count, ...shape], tensor.values().slice(0, (tensor.size / samples) * count));
}
