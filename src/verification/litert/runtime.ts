/**
 * LiteRT, the runtime of TensorFlow Lite models, as the WebAssembly of `@litertjs/core`, by its raw bindings: the API of that
 * package wants a document or a worker, and takes no int8 tensors.
 *
 * @module
 */

import { CannotRunError, messageOf } from '../../errors.ts';

/** What LiteRT is made of: two files of the folder `wasm` of `@litertjs/core`. */
export interface LitertFiles {
  /**
   * The text of `litert_wasm_compat_internal.js`, or what that script hands on where it was loaded as one: policies of pages
   * forbid making functions of text.
   */
  readonly script: string | LitertFactory;
  /** The bytes of `litert_wasm_compat_internal.wasm`. */
  readonly wasm: Uint8Array;
  /** In Node what the script loads Node's own modules with. */
  readonly require?: (name: string) => unknown;
}

/** What the raw bindings have, as far as it is used. */
interface Bindings {
  readonly HEAPU8: Uint8Array;
  _malloc(size: number): number;
  _free(pointer: number): void;
  readonly LiteRtEnvironment: { create(device: null): object };
  loadModel(environment: object, pointer: number, size: number): ModelBinding;
  compileModel(environment: object, model: ModelBinding, options: object): Promise<CompiledBinding>;
  readonly LiteRtTensorBufferType: { readonly HOST_MEMORY: object };
  readonly LiteRtTensorBufferLockMode: { readonly READ: object; readonly WRITE: object };
  readonly LiteRtTensorBuffer: {
    createManaged(environment: object, memory: object, type: TypeBinding, size: number): BufferBinding;
  };
}

interface Deletable {
  delete(): void;
}

interface ModelBinding extends Deletable {
  getInputTensorType(signature: number, index: number): TypeBinding;
}

interface CompiledBinding extends Deletable {
  run(signature: number, inputs: readonly BufferBinding[]): Promise<BufferBinding[]>;
}

interface TypeBinding extends Deletable {
  bytes(): number;
}

interface BufferBinding extends Deletable {
  lock(mode: object): number;
  unlock(): void;
  packedSize(): number;
}

/** What LiteRT's script makes: a function that starts the WebAssembly, and gives its bindings. */
export type LitertFactory = (options: object) => Promise<unknown>;

/** The one thread that needs no isolation of the page. */
const ONE_THREAD = { numThreads: 1 } as const;

/** How lines begin that tell what is done and which hardware is not there. */
const HARMLESS = /^(INFO|WARNING)\b/;

/** LiteRT, started. */
export class Litert {
  readonly #bindings: Bindings;
  readonly #environment: object;
  /** What was printed since the last check. */
  readonly #lines: string[];

  private constructor(bindings: Bindings, environment: object, lines: string[]) {
    this.#bindings = bindings;
    this.#environment = environment;
    this.#lines = lines;
  }

  /**
   * Starts the runtime.
   *
   * @throws CannotRunError where its files are none.
   */
  static async start({ script, wasm, require }: LitertFiles): Promise<Litert> {
    const lines: string[] = [];
    const note = (line: unknown): void => void lines.push(String(line));
    try {
      const factory = typeof script === 'string' ? factoryOf(script, require) : script;
      const bindings = (await factory({ wasmBinary: wasm, print: note, printErr: note })) as Bindings;
      return new Litert(bindings, bindings.LiteRtEnvironment.create(null), lines);
    } catch (error) {
      throw new CannotRunError('', `LiteRT does not start: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * Loads a model, by the bytes of its file.
   *
   * @throws CannotRunError, with what the runtime says, where it does not take it.
   */
  async load(bytes: Uint8Array): Promise<LitertModel> {
    const bindings = this.#bindings;
    const pointer = bindings._malloc(bytes.length);
    try {
      bindings.HEAPU8.set(bytes, pointer);
      const model = bindings.loadModel(this.#environment, pointer, bytes.length);
      const compiled = await bindings.compileModel(this.#environment, model, {
        environment: { liteRtEnvironment: this.#environment },
        ...{ accelerator: 'wasm', cpuOptions: ONE_THREAD, gpuOptions: {}, webNNOptions: {} },
      });
      this.check();
      return new LitertModel(this, { bindings, environment: this.#environment, model, compiled, pointer });
    } catch (error) {
      bindings._free(pointer);
      throw this.refused(error);
    }
  }

  /**
   * An error among what was printed is a failure whatever was returned: where a delegate fails, the runtime goes on and gives
   * nonsense.
   *
   * @throws CannotRunError with the line.
   */
  check(): void {
    const lines = this.#lines.splice(0);
    const error = lines.find((line) => /\bERROR\b/.test(line));
    if (error !== undefined) throw new CannotRunError('', `LiteRT: ${error}`);
  }

  /** The error of a call that failed, with what was printed. */
  refused(error: unknown): CannotRunError {
    if (error instanceof CannotRunError) return error;
    const said = this.#lines.splice(0).filter((line) => !HARMLESS.test(line));
    return new CannotRunError('', `LiteRT: ${[messageOf(error), ...said].join('; ')}`, { cause: error });
  }
}

/** A model in the memory of the runtime, until it is closed. */
export class LitertModel implements Disposable {
  readonly #litert: Litert;
  readonly #bindings: Bindings;
  readonly #environment: object;
  readonly #model: ModelBinding;
  readonly #compiled: CompiledBinding;
  readonly #pointer: number;

  constructor(
    litert: Litert,
    parts: {
      readonly bindings: Bindings;
      readonly environment: object;
      readonly model: ModelBinding;
      readonly compiled: CompiledBinding;
      readonly pointer: number;
    },
  ) {
    this.#litert = litert;
    this.#bindings = parts.bindings;
    this.#environment = parts.environment;
    this.#model = parts.model;
    this.#compiled = parts.compiled;
    this.#pointer = parts.pointer;
  }

  /**
   * The bytes of all outputs for those of all inputs.
   *
   * @throws CannotRunError where an input has another size, or the runtime fails.
   */
  async run(inputs: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const buffers: BufferBinding[] = [];
    try {
      for (const [index, bytes] of inputs.entries()) buffers.push(this.#input(bytes, index));
      const outputs = await this.#compiled.run(0, buffers);
      this.#litert.check();
      return outputs.map((buffer) => this.#read(buffer));
    } catch (error) {
      throw this.#litert.refused(error);
    } finally {
      for (const buffer of buffers) buffer.delete();
    }
  }

  close(): void {
    this.#compiled.delete();
    this.#model.delete();
    this.#bindings._free(this.#pointer);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #input(bytes: Uint8Array, index: number): BufferBinding {
    const bindings = this.#bindings;
    const type = this.#model.getInputTensorType(0, index);
    const size = type.bytes();
    if (size !== bytes.length) {
      throw new CannotRunError('', `input ${index}: ${bytes.length} bytes, and the file takes ${size}`);
    }
    const buffer = bindings.LiteRtTensorBuffer.createManaged(
      this.#environment,
      bindings.LiteRtTensorBufferType.HOST_MEMORY,
      type,
      size,
    );
    type.delete();
    const pointer = buffer.lock(bindings.LiteRtTensorBufferLockMode.WRITE);
    bindings.HEAPU8.set(bytes, pointer);
    buffer.unlock();
    return buffer;
  }

  #read(buffer: BufferBinding): Uint8Array {
    const pointer = buffer.lock(this.#bindings.LiteRtTensorBufferLockMode.READ);
    const bytes = this.#bindings.HEAPU8.slice(pointer, pointer + buffer.packedSize());
    buffer.unlock();
    buffer.delete();
    return bytes;
  }
}

/** The script is CommonJS in a package of ECMAScript modules, so that no import reads it. */
function factoryOf(script: string, require: LitertFiles['require']): LitertFactory {
  const module = { exports: {} as unknown };
  const names = ['module', 'exports', 'require', '__filename', '__dirname'];
  new Function(...names, script)(module, module.exports, require, 'litert.js', '.');
  return module.exports as LitertFactory;
}
