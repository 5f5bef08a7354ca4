import fs from 'node:fs';
import { createRequire } from 'node:module';
import { NotInstalledError } from '../errors.ts';
import type { WatchOptions } from '../model/progress.ts';
import { Litert, type LitertFiles } from '../verification/litert/runtime.ts';
import { TfjsRunner } from '../verification/run/runner.ts';
import type { BackendOptions } from '../verification/run/tfjs-backend.ts';

let started: Promise<Litert> | undefined;

/**
 * LiteRT from the optional peer `@litertjs/core`, started once.
 *
 * @throws CannotRunError where it is not installed, or does not start.
 */
export async function startLitert(): Promise<Litert> {
  started ??= Litert.start(litertFiles());
  return started;
}

function litertFiles(): LitertFiles {
  const require = createRequire(import.meta.url);
  const read = (ending: string): Uint8Array<ArrayBuffer> =>
    new Uint8Array(
      fs.readFileSync(require.resolve(`@litertjs/core/wasm/litert_wasm_compat_internal.${ending}`)),
    );
  try {
    return { script: new TextDecoder().decode(read('js')), wasm: read('wasm'), require };
  } catch (error) {
    throw new NotInstalledError('running .tflite files takes LiteRT', ['@litertjs/core'], { cause: error });
  }
}

/**
 * Both that a `.tflite` file and the model beside it are run with.
 *
 * @throws NotInstalledError where any of it is missing, with all packages to install; CannotRunError where it does not start.
 */
export async function startBoth(
  options: BackendOptions & WatchOptions,
): Promise<{ runner: TfjsRunner; litert: Litert }> {
  const [runner, litert] = await Promise.allSettled([TfjsRunner.create(options), startLitert()]);
  const lacking = [runner, litert].flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  if (lacking.length === 2 && lacking.every((error) => error instanceof NotInstalledError)) {
    const packages = lacking.flatMap((error) => error.packages);
    throw new NotInstalledError('running a .tflite file beside the model takes TF.js and LiteRT', packages);
  }
  if (runner.status === 'rejected') throw runner.reason;
  if (litert.status === 'rejected') throw litert.reason;
  return { runner: runner.value, litert: litert.value };
}
