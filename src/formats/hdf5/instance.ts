/**
 * What the HDF5 library does not give out: its memory and its stack.
 *
 * @module
 */

/** What the compiled library exports, by the names that Emscripten gives them. */
export interface LibraryInstance {
  readonly memory: WebAssembly.Memory;
  emscripten_stack_get_current(): number;
  _emscripten_stack_restore(pointer: number): void;
}

/** A function that only HDF5 has. */
const MARK = 'H5free_memory';

/**
 * Runs `load`, and catches the library while it is instantiated: its own JavaScript keeps the instance to itself.
 *
 * @returns what `load` gave, and the instance; undefined where the library had been loaded by somebody else before.
 */
export async function catchInstance<Loaded>(
  load: () => Promise<Loaded>,
): Promise<{ loaded: Loaded; instance: LibraryInstance | undefined }> {
  let instance: LibraryInstance | undefined;
  const { instantiate } = WebAssembly;
  const watched = async (...given: Parameters<typeof instantiate>): Promise<unknown> => {
    const result = (await instantiate(...given)) as
      | WebAssembly.Instance
      | WebAssembly.WebAssemblyInstantiatedSource;
    const { exports } = 'instance' in result ? result.instance : result;
    if (MARK in exports) instance = exports as unknown as LibraryInstance;
    return result;
  };
  WebAssembly.instantiate = watched as typeof instantiate;
  try {
    return { loaded: await load(), instance };
  } finally {
    WebAssembly.instantiate = instantiate;
  }
}
