/**
 * A second runtime: TensorFlow Lite of 2023 as the WebAssembly of `@tensorflow/tfjs-tflite`, by its raw bindings. It has old
 * operator versions alone, tells which kernels ran, and goes on with the right ones where a delegate fails.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

interface TensorBinding {
  readonly shape: string;
  data(): Int8Array;
}

interface List<Element> {
  size(): number;
  get(index: number): Element;
}

interface RunnerBinding {
  GetInputs(): List<TensorBinding>;
  GetOutputs(): List<TensorBinding>;
  Infer(): boolean;
  delete(): void;
}

interface ModuleBinding {
  readonly HEAPU8: Uint8Array;
  _malloc(size: number): number;
  readonly TFLiteWebModelRunner: {
    CreateFromBufferAndOptions(
      pointer: number,
      size: number,
      options: object,
    ): { ok(): boolean; errorMessage(): string; value(): RunnerBinding };
  };
}

/** What was printed. */
const lines: string[] = [];
let started: Promise<ModuleBinding> | undefined;

function start(): Promise<ModuleBinding> {
  const require = createRequire(import.meta.url);
  const path = (ending: string): string =>
    require.resolve(`@tensorflow/tfjs-tflite/wasm/tflite_web_api_cc_simd.${ending}`);
  const factory = require(path('js')) as (options: object) => Promise<ModuleBinding>;
  const note = (line: unknown): void => void lines.push(String(line));
  started ??= factory({ wasmBinary: readFileSync(path('wasm')), print: note, printErr: note });
  return started;
}

/**
 * The codes of all outputs for those of all inputs, one sample after the other.
 *
 * @throws Error where the file is refused, or an error is printed.
 */
export async function runWithTfjsTflite(
  bytes: Uint8Array,
  samples: readonly (readonly Int8Array[])[],
): Promise<Int8Array[][]> {
  const module = await start();
  lines.length = 0;
  const pointer = module._malloc(bytes.length);
  module.HEAPU8.set(bytes, pointer);
  const created = module.TFLiteWebModelRunner.CreateFromBufferAndOptions(pointer, bytes.length, {
    numThreads: 1,
    enableProfiling: false,
    maxProfilingBufferEntries: 0,
  });
  if (!created.ok()) throw new Error(`${created.errorMessage()} ${lines.join('\n')}`);
  const runner = created.value();
  const results = samples.map((inputs) => {
    const ports = runner.GetInputs();
    for (const [index, codes] of inputs.entries()) ports.get(index).data().set(codes);
    if (!runner.Infer()) throw new Error(lines.join('\n') || 'not run');
    const outputs = runner.GetOutputs();
    return Array.from({ length: outputs.size() }, (_, index) => outputs.get(index).data().slice());
  });
  runner.delete();
  const error = lines.find((line) => line.includes('ERROR'));
  if (error) throw new Error(error);
  return results;
}
