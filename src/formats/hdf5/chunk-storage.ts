/**
 * Datasets in chunks, each of which goes through filters of its own.
 *
 * @module
 */

import { sizeOf } from '../../tensor/dtype.ts';
import { ByteBuilder } from './byte-builder.ts';
import { unravel } from './dataset.ts';
import type { FileSpace } from './file-space.ts';
import type { LibraryFilter } from './library.ts';
import { writeTree } from './tree.ts';

const DEFLATE = 1;
const SHUFFLE = 2;
const FLETCHER32 = 3;
/** HDF5's default for files whose superblock does not say. */
const CHUNK_K = 32;

/** Whether a filter of a dataset is applied again when it is written; others would only change how it is stored. */
export function isWritten({ id }: LibraryFilter): boolean {
  return id === DEFLATE || id === SHUFFLE || id === FLETCHER32;
}

/**
 * Writes the elements of a dataset in chunks and returns the address of their index; undefined where there are none.
 *
 * @param bytes all elements in C order.
 */
export async function writeChunks(
  space: FileSpace,
  bytes: Uint8Array,
  shape: readonly number[],
  chunks: readonly number[],
  elementSize: number,
  filters: readonly LibraryFilter[],
): Promise<number | undefined> {
  const children: number[] = [];
  const keys: Uint8Array[] = [];
  let end: readonly number[] = [];
  for (const offsets of gridOffsets(shape, chunks)) {
    let chunk = cutChunk(bytes, shape, chunks, offsets, elementSize);
    for (const filter of filters) chunk = await applyFilter(filter.id, chunk, elementSize);
    const address = space.allocate(chunk.length);
    await space.writeLarge(address, chunk);
    children.push(address);
    keys.push(treeKey(chunk.length, offsets));
    end = offsets.map((offset, axis) => offset + (chunks[axis] ?? 1));
  }
  if (children.length === 0) return undefined;
  return writeTree(space, { type: 1, k: CHUNK_K, children, keys: [...keys, treeKey(0, end)] });
}

/** Offsets of all chunks in C order. */
function* gridOffsets(shape: readonly number[], chunks: readonly number[]): Generator<number[]> {
  const grid = shape.map((length, axis) => Math.ceil(length / (chunks[axis] || 1)));
  const count = sizeOf(grid);
  for (let index = 0; index < count; index++) {
    yield unravel(grid, index).map((at, axis) => at * (chunks[axis] ?? 1));
  }
}

/** The elements of one chunk; those past the end of the dataset are zero. */
function cutChunk(
  bytes: Uint8Array,
  shape: readonly number[],
  chunks: readonly number[],
  offsets: readonly number[],
  elementSize: number,
): Uint8Array<ArrayBuffer> {
  const chunk = new Uint8Array(chunks.reduce((product, length) => product * length, elementSize));
  const last = shape.length - 1;
  const copyRows = (axis: number, from: number, to: number): void => {
    const available = Math.min(chunks[axis] ?? 1, (shape[axis] ?? 1) - (offsets[axis] ?? 0));
    if (axis === last) {
      const start = (from + (offsets[axis] ?? 0)) * elementSize;
      chunk.set(bytes.subarray(start, start + available * elementSize), to * elementSize);
      return;
    }
    for (let row = 0; row < available; row++) {
      const source = (from + (offsets[axis] ?? 0) + row) * (shape[axis + 1] ?? 1);
      copyRows(axis + 1, source, (to + row) * (chunks[axis + 1] ?? 1));
    }
  };
  copyRows(0, 0, 0);
  return chunk;
}

async function applyFilter(
  id: number,
  bytes: Uint8Array<ArrayBuffer>,
  elementSize: number,
): Promise<Uint8Array<ArrayBuffer>> {
  switch (id) {
    case DEFLATE:
      return deflate(bytes);
    case SHUFFLE:
      return shuffle(bytes, elementSize);
    default:
      return withFletcher32(bytes);
  }
}

async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** First bytes of all elements, then all second bytes, …: what deflate likes better. */
function shuffle(bytes: Uint8Array, elementSize: number): Uint8Array<ArrayBuffer> {
  const shuffled = new Uint8Array(bytes.length);
  const count = Math.floor(bytes.length / elementSize);
  let at = 0;
  for (let byte = 0; byte < elementSize; byte++) {
    for (let index = 0; index < count; index++) shuffled[at++] = bytes[index * elementSize + byte] ?? 0;
  }
  shuffled.set(bytes.subarray(at), at);
  return shuffled;
}

/** `bytes` with HDF5's Fletcher checksum of their big-endian 16-bit words behind them. */
function withFletcher32(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  let sum1 = 0;
  let sum2 = 0;
  for (let index = 0; index < bytes.length; index += 2) {
    sum1 = (sum1 + (((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0))) % 65535;
    sum2 = (sum2 + sum1) % 65535;
  }
  const nonZero = bytes.some((byte) => byte !== 0);
  // HDF5 folds carries instead of taking remainders: a sum that is a multiple of 65535 stays 65535 unless all is zero.
  const fold = (sum: number): number => (sum === 0 && nonZero ? 65535 : sum);
  const result = new Uint8Array(bytes.length + 4);
  result.set(bytes);
  new DataView(result.buffer).setUint32(bytes.length, ((fold(sum2) << 16) | fold(sum1)) >>> 0, true);
  return result;
}

/** Size of the stored chunk, no filter skipped, where it starts; the element itself is the last dimension. */
function treeKey(size: number, offsets: readonly number[]): Uint8Array {
  return new ByteBuilder()
    .u32(size, 0)
    .u64(...offsets, 0)
    .build();
}
