import fs from 'node:fs';
import { createRequire } from 'node:module';
import { CannotRunError } from '../errors.ts';
import { Litert, type LitertFiles } from '../verification/litert/runtime.ts';

let started: Promise<Litert> | undefined;

/**
 * LiteRT from the optional peer `@litertjs/core`, started once.
 *
 * @throws CannotRunError where it is not installed, or does not start.
 */
export function startLitert(): Promise<Litert> {
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
    throw new CannotRunError(
      '',
      'running .tflite files takes LiteRT, which is not installed; to have it: npm install @litertjs/core',
      { cause: error },
    );
  }
}
