/** A page that makes a .tflite file of a file of Keras, and runs it by our bindings and by LiteRT's own API. */

import { Tensor as LitertTensor, loadAndCompile, loadLiteRt } from '@litertjs/core';
import { memoryFiles, quantize, readModel, seededInputs, TfjsRunner, writeTflite } from 'crosslayer';
import { runPlan } from 'crosslayer/quantization';
import { Litert, runTflite } from 'crosslayer/verification';

/** What the page tells the test. */
export interface TfliteOutcome {
  readonly bytes: number;
  /** The largest value of the plan, and the largest differences from it. */
  readonly scale: number;
  readonly byBindings: number;
  readonly byItsApi: number;
}

declare global {
  /** Started by the test, with the path of a model that the server has. */
  var runTflitePage: (path: string) => Promise<TfliteOutcome>;
}

globalThis.runTflitePage = async (path) => {
  const name = path.split('/').at(-1) ?? '';
  const model = await readModel(memoryFiles(new Map([[name, await bytesAt(path)]]), name));
  const runner = await TfjsRunner.create({ wasmPaths: '/wasm/' });
  const inputs = seededInputs(model, { samples: 3 });
  const { plan } = await quantize(model, { format: 'tflite', standIns: { runner, inputs } });
  const expected = (await runPlan(plan, runner, inputs))[0]?.toFloat64() ?? [];
  const int8 = writeTflite(plan);

  const script = new TextDecoder().decode(await bytesAt('/litert/litert_wasm_compat_internal.js'));
  const wasm = await bytesAt('/litert/litert_wasm_compat_internal.wasm');
  const bound = await runTflite(await Litert.start({ script, wasm }), int8, inputs);

  await loadLiteRt('/litert/');
  const compiled = await loadAndCompile(writeTflite(plan, { io: 'float32' }), { accelerator: 'wasm' });
  const [input] = inputs;
  if (!input) throw new Error('no input');
  const size = input.size / (input.shape[0] ?? 1);
  const shape = [1, ...input.shape.slice(1)];
  const values = Float32Array.from(input.toFloat64());
  const own: number[] = [];
  for (let start = 0; start < values.length; start += size) {
    const [made] = await compiled.run(new LitertTensor(values.slice(start, start + size), shape));
    own.push(...((await made?.data()) ?? []));
  }
  const largest = (list: Iterable<number>): number => Math.max(...Array.from(list, Math.abs));
  const apart = (list: ArrayLike<number>): number =>
    largest(Array.from(expected, (value, index) => value - (list[index] ?? Number.NaN)));
  return {
    bytes: int8.length,
    scale: largest(expected),
    byBindings: apart(bound[0]?.toFloat64() ?? []),
    byItsApi: apart(own),
  };
};

async function bytesAt(path: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(path)).arrayBuffer());
}
