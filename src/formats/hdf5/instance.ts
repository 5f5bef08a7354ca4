/**
 * What the HDF5 library does not give out: its memory and its stack.
 *
 * @module
 */

/** What the compiled library exports, by the names that Emscripten gives them. */
export interface LibraryInstance {
  readonly memory: WebAssembly.Memory;
  /** Where the address is kept at which memory that was never used begins. */
  emscripten_get_sbrk_ptr(): number;
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

/**
 * Keeps a copy of the memory as it is.
 *
 * @returns what makes it so again. All that the library knows is in its memory: it is as new then.
 */
export function keepMemory(instance: LibraryInstance): () => void {
  const used = (): Uint8Array => {
    const { buffer } = instance.memory;
    return new Uint8Array(
      buffer,
      0,
      new DataView(buffer).getUint32(instance.emscripten_get_sbrk_ptr(), true),
    );
  };
  const kept = used().slice();
  return () => {
    const memory = used();
    memory.fill(0, kept.length);
    memory.set(kept);
  };
}

/** What the library needs besides the contents of files: tables, filters, the pieces that are on their way. */
const FIXED_BYTES = 256 * 2 ** 20;
/** Contents are in memory as they are stored, converted, and copied out. */
const BYTES_PER_FILE_BYTE = 4;
const PAGE_BYTES = 2 ** 16;

/**
 * Memory that the library may take. A string in an HDF5 file may declare a length of 4 GB at the cost of four bytes, and the
 * library asks for that much before it looks at the string; what it once had it never gives back. So its memory grows no
 * further than the files that are open explain.
 */
export class MemoryLimit {
  #bytes: number = FIXED_BYTES;

  constructor(memory: WebAssembly.Memory) {
    const grow = memory.grow.bind(memory);
    memory.grow = (pages) => {
      const bytes = memory.buffer.byteLength + pages * PAGE_BYTES;
      // The library's allocator takes this for the end of all memory, and HDF5 for an error.
      if (bytes > this.#bytes) throw new RangeError(`${bytes} bytes are more than the open files explain`);
      return grow(pages);
    };
  }

  /** A file of `size` bytes was opened. */
  opened(size: number): void {
    this.#bytes += BYTES_PER_FILE_BYTE * size;
  }

  /** A file of `size` bytes was closed. */
  closed(size: number): void {
    this.#bytes -= BYTES_PER_FILE_BYTE * size;
  }
}
