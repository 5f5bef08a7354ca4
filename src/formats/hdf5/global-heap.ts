/**
 * The heaps that hold the strings of variable length.
 *
 * https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, "Global Heap".
 *
 * @module
 */

import { ByteBuilder } from './byte-builder.ts';
import type { FileSpace } from './file-space.ts';

const COLLECTION_BYTES = 4096;
const HEAD_BYTES = 16;
const OBJECT_HEAD_BYTES = 16;
/** An element that refers to a string. */
export const REFERENCE_BYTES = 16;

/** Stores strings in collections; each is written once it is full. */
export class GlobalHeap {
  readonly #space: FileSpace;
  #collection: { address: number; size: number; count: number; body: ByteBuilder } | undefined;

  constructor(space: FileSpace) {
    this.#space = space;
  }

  /** Stores `strings` and returns the elements that refer to them. */
  store(strings: readonly Uint8Array[]): Uint8Array {
    const references = new ByteBuilder();
    for (const string of strings) {
      if (string.length === 0) {
        references.zeros(REFERENCE_BYTES);
        continue;
      }
      const { address, index } = this.#add(string);
      references.u32(string.length).u64(address).u32(index);
    }
    return references.build();
  }

  /** Writes what is not yet written. */
  flush(): void {
    const collection = this.#collection;
    this.#collection = undefined;
    if (!collection) return;
    const { address, size, body } = collection;
    const rest = size - HEAD_BYTES - body.length;
    if (rest >= OBJECT_HEAD_BYTES)
      body
        .u16(0, 0)
        .u32(0)
        .u64(rest)
        .zeros(rest - OBJECT_HEAD_BYTES);
    else body.zeros(rest);
    const version = 1;
    const head = new ByteBuilder().text('GCOL').u8(version, 0, 0, 0).u64(size);
    this.#space.writeAt(address, head.bytes(body.build()).build());
  }

  #add(string: Uint8Array): { address: number; index: number } {
    const needed = OBJECT_HEAD_BYTES + Math.ceil(string.length / 8) * 8;
    const open = this.#collection;
    if (!open || open.size - HEAD_BYTES - open.body.length < needed) {
      this.flush();
      const size = Math.max(COLLECTION_BYTES, HEAD_BYTES + needed);
      this.#collection = { address: this.#space.allocate(size), size, count: 0, body: new ByteBuilder() };
    }
    const collection = this.#collection as NonNullable<typeof open>;
    collection.count++;
    const references = 1;
    collection.body.u16(collection.count, references).u32(0).u64(string.length).bytes(string).align();
    return { address: collection.address, index: collection.count };
  }
}
