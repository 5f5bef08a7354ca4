/**
 * The same network in one runtime and another, a picture at a time.
 *
 * @module
 */

import { execFile, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import * as core from '@tensorflow/tfjs-core';
import { type ReadTflite, readTflite } from '../../src/formats/tflite/read.ts';
import { startLitert } from '../../src/node/litert.ts';
import { closeModel, loadModel } from '../../src/node.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { seededInputs } from '../../src/verification/inputs/seeded-inputs.ts';
import { toTfjs } from '../../src/verification/run/tensor-transfer.ts';
import { stockModel } from '../converter/stock-tfjs.ts';
import { CACHE } from '../model-files.ts';

/** A way to run a network. */
export interface Timed {
  readonly title: string;
  /** Runs it on a picture; the seconds that it took. */
  picture(): Promise<number>;
  close(): void;
}

const FOLDER = join(CACHE, 'runtimes');
const CLI = 'dist/cli/main.js';

/**
 * Writes the network in each form, without data, and opens it in each runtime.
 *
 * @param python one with ai-edge-litert and numpy, for XNNPACK
 */
export async function waysOf(name: string, path: string, python: string | undefined): Promise<Timed[]> {
  mkdirSync(FOLDER, { recursive: true });
  const model = await loadModel(path);
  const inputs = seededInputs(model, { samples: 1 });
  closeModel(model);
  const write = async (output: string, ...args: string[]): Promise<string> => {
    const file = join(FOLDER, `${name}${output}`);
    await promisify(execFile)(process.execPath, [CLI, ...args, path, '-o', file, '--force']);
    return file;
  };
  const quantize = ['quantize', '--no-verify'];
  const int8 = await write('-int8.tflite', ...quantize);
  const int8PerTensor = await write('-int8-tensor.tflite', ...quantize, '--weights', 'per-tensor');
  const float = await write('-float.tflite', ...quantize, '--float');
  const tfjs = await write('-tfjs', 'convert');
  return [
    await litertWay('LiteRT, float32', float, inputs),
    await litertWay('LiteRT, int8', int8, inputs),
    await litertWay('LiteRT, int8, one range a kernel', int8PerTensor, inputs),
    await tfjsWay('TF.js, float32', tfjs, inputs),
    ...(python
      ? [
          nativeWay('ai-edge-litert with XNNPACK, float32', python, float),
          nativeWay('ai-edge-litert with XNNPACK, int8', python, int8),
          nativeWay('ai-edge-litert with XNNPACK, int8, one range a kernel', python, int8PerTensor),
        ]
      : []),
  ];
}

async function litertWay(title: string, file: string, inputs: readonly Tensor[]): Promise<Timed> {
  const litert = await startLitert();
  const bytes = new Uint8Array(readFileSync(file));
  const model = await litert.load(bytes);
  const given = givenTo(readTflite(file, bytes), inputs);
  return { title, picture: () => timed(() => model.run(given)), close: () => model.close() };
}

/** The picture as floats, or any codes of its size. */
function givenTo({ inputs, tensors }: ReadTflite, pictures: readonly Tensor[]): Uint8Array[] {
  return inputs.map(({ tensor }, index) => {
    const floats = Float32Array.from(pictures[index]?.toFloat64() ?? []);
    if (tensors[tensor]?.type === 'float32') return new Uint8Array(floats.buffer);
    return Uint8Array.from(floats, (value) => Math.round(127 * value));
  });
}

async function tfjsWay(title: string, folder: string, inputs: readonly Tensor[]): Promise<Timed> {
  await core.setBackend('wasm');
  const model = await stockModel(folder);
  const given = inputs.map((tensor) => toTfjs(core, tensor));
  const picture = (): Promise<number> =>
    timed(async () => {
      const [output] = [model.predict(given)].flat();
      await output?.data();
      output?.dispose();
    });
  return { title, picture, close: () => model.dispose() };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** A process that runs the file once for each line that it is given. */
function nativeWay(title: string, python: string, file: string): Timed {
  const child = spawn(python, ['bench/runtimes/native.py', file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const picture = async (): Promise<number> => {
    child.stdin.write('\n');
    const { value } = await lines.next();
    if (!(Number(value) > 0))
      throw new Error(`${python}: ended without a time; has it ai-edge-litert and numpy?`);
    return Number(value);
  };
  return { title, picture, close: () => child.stdin.end() };
}
