/**
 * Memory that the HDF5 library may take.
 *
 * A string in an HDF5 file may declare a length of 4 GB at the cost of four bytes, and the library asks for that much
 * before it looks at the string; what it once had it never gives back. So its memory grows no further than the files
 * that are open explain.
 *
 * @module
 */

/** What the library needs besides the contents of files: tables, filters, the pieces that are on their way. */
const FIXED_BYTES = 256 * 2 ** 20;
/** Contents are in memory as they are stored, converted, and copied out. */
const BYTES_PER_FILE_BYTE = 4;
const PAGE_BYTES = 2 ** 16;

/** A limit that moves with the files that are open. */
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
