import { CannotRunError } from 'crosslayer';
import { messageOf } from 'crosslayer/quantization';
import { Litert, type LitertFactory } from 'crosslayer/verification';
import { pageFolder } from '../page-folder.ts';

let started: Promise<Litert> | undefined;

/**
 * LiteRT, from the two files that lie beside the page, once something is to be run by it.
 *
 * @throws CannotRunError where they are not there, or it does not start.
 */
export function startLitert(): Promise<Litert> {
  started ??= start().catch((error) => {
    // What was not there may be there when it is asked for again.
    started = undefined;
    throw error;
  });
  return started;
}

async function start(): Promise<Litert> {
  const address = (ending: string): string =>
    new URL(`litert/litert_wasm_compat_internal.${ending}`, pageFolder()).href;
  const [script, wasm] = await Promise.all([importScript(address('js')), fetchBytes(address('wasm'))]).catch(
    (error) => {
      const reason = `LiteRT, which lies beside the page in the folder litert, could not be loaded: ${messageOf(error)}`;
      throw new CannotRunError('', reason, { cause: error });
    },
  );
  return Litert.start({ script, wasm });
}

/**
 * The script is for `module.exports`, or for `define` of AMD, which is the one of the two that can be given to it: the page's policy
 * lets it be imported, and no function be made of its text.
 */
async function importScript(url: string): Promise<LitertFactory> {
  const scope = globalThis as { define?: unknown };
  let factory: LitertFactory | undefined;
  const define = (_: readonly string[], make: () => LitertFactory): void => {
    factory = make();
  };
  scope.define = Object.assign(define, { amd: true });
  try {
    await import(/* @vite-ignore */ url);
  } finally {
    delete scope.define;
  }
  if (!factory) throw new TypeError(`${url} hands nothing on`);
  return factory;
}

async function fetchBytes(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new TypeError(`${response.status} for ${url}`);
  return new Uint8Array(await response.arrayBuffer());
}
