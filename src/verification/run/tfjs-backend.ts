/**
 * The packages of TF.js, which are loaded when a model is run and not before.
 *
 * @module
 */

import type * as TfjsCore from '@tensorflow/tfjs-core';
import type * as TfjsLayers from '@tensorflow/tfjs-layers';
import { CannotRunError, NotInstalledError } from '../../errors.ts';

/** Where TF.js computes: WebAssembly with SIMD, or plain JavaScript. */
export type Backend = 'wasm' | 'cpu';

/** TF.js with the backend that was asked for, and the classes of layers that it lacks. */
export interface Tfjs {
  readonly core: typeof TfjsCore;
  readonly layers: typeof TfjsLayers;
  readonly backend: Backend;
  readonly classes: typeof import('../layers/custom-layers.ts');
}

/** Which backend is used. */
export interface BackendOptions {
  /** wasm where it is left out, or cpu where wasm does not start. */
  readonly backend?: Backend;
  /** The folder with the .wasm files of `@tensorflow/tfjs-backend-wasm`, which a browser has to be told. */
  readonly wasmPaths?: string;
}

/**
 * Loads TF.js and starts its backend.
 *
 * @throws CannotRunError where its packages are not installed, or the backend that was asked for does not start.
 */
export async function loadTfjs({ backend, wasmPaths }: BackendOptions = {}): Promise<Tfjs> {
  const { core, layers } = await importPackages();
  const classes = await import('../layers/custom-layers.ts');
  // In Node TF.js prints advertising for its native backend otherwise.
  if (core.env().getBool('IS_NODE')) core.env().set('PROD', true);
  if (wasmPaths !== undefined) await tellWasmPaths(wasmPaths);
  for (const candidate of backend ? [backend] : (['wasm', 'cpu'] as const)) {
    if (await starts(core, candidate)) return { core, layers, backend: candidate, classes };
  }
  throw new CannotRunError('', `the ${backend ?? 'cpu'} backend of TF.js does not start on this machine`);
}

async function tellWasmPaths(wasmPaths: string): Promise<void> {
  try {
    (await wasmPackage())?.setWasmPaths(wasmPaths);
  } catch {
    // It failed to start before and does not try again; there still is the CPU.
  }
}

/** Undefined where it is not installed. */
function wasmPackage(): Promise<typeof import('@tensorflow/tfjs-backend-wasm') | undefined> {
  return import('@tensorflow/tfjs-backend-wasm').catch(() => undefined);
}

async function importPackages(): Promise<Pick<Tfjs, 'core' | 'layers'>> {
  try {
    const core = await import('@tensorflow/tfjs-core');
    const layers = await import('@tensorflow/tfjs-layers');
    await import('@tensorflow/tfjs-backend-cpu');
    return { core, layers };
  } catch (error) {
    const names = ['core', 'layers', 'backend-cpu', 'backend-wasm'].map((one) => `@tensorflow/tfjs-${one}`);
    throw new NotInstalledError('running models takes TF.js', names, { cause: error });
  }
}

/** Whether the backend starts; the one that a page was using stays in use. */
async function starts(core: typeof TfjsCore, backend: Backend): Promise<boolean> {
  if (backend === 'wasm' && !(await wasmPackage())) return false;
  const restore = keepErrorListeners();
  try {
    return await inTurn(core, backend, async (started) => started);
  } finally {
    restore();
  }
}

/** What the WebAssembly module listens for in Node: it would make every uncaught error of the program its own. */
const TAKEN_OVER = ['uncaughtException', 'unhandledRejection'] as const;

/** Remembers who listens for uncaught errors; the function that it returns removes all others. */
function keepErrorListeners(): () => void {
  const { process } = globalThis as { process?: NodeJS.Process };
  if (typeof process?.listeners !== 'function') return () => {};
  const before = new Set<unknown>(TAKEN_OVER.flatMap((event) => process.listeners(event as 'exit')));
  return () => {
    for (const event of TAKEN_OVER) {
      for (const listener of process.listeners(event as 'exit')) {
        if (!before.has(listener)) process.removeListener(event, listener as () => void);
      }
    }
  };
}

/** What is waited for before the backend is changed again. */
let turn: Promise<unknown> = Promise.resolve();

/** {@link withBackend} once all that was begun before is done: two at once would take each other's backend away. */
export function inTurn<Result>(
  core: typeof TfjsCore,
  backend: Backend,
  work: (started: boolean) => Promise<Result>,
): Promise<Result> {
  const done = turn.then(() => withBackend(core, backend, work));
  turn = done.catch(() => {});
  return done;
}

/**
 * Does some work with a backend in use, and then puts the one back that was in use before: for work inside of what is done
 * {@link inTurn}.
 *
 * @param work is told whether the backend started.
 */
export async function withBackend<Result>(
  core: typeof TfjsCore,
  backend: Backend,
  work: (started: boolean) => Promise<Result>,
): Promise<Result> {
  const before = core.engine().backendName;
  try {
    const started = await core.setBackend(backend).catch(() => false);
    return await work(started);
  } finally {
    if (before && before !== backend) await core.setBackend(before);
  }
}
