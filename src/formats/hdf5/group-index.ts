/**
 * The index of a group: a heap of names, nodes of links in the order of their names, a B-tree over the nodes.
 *
 * https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, "Symbol Table Node", "Local Heap".
 *
 * @module
 */

import { ByteBuilder, UNDEFINED_ADDRESS } from './byte-builder.ts';
import type { FileSpace } from './file-space.ts';
import { writeTree } from './tree.ts';

/** Where a link leads. */
export type LinkTarget =
  | { readonly kind: 'dataset'; readonly address: number }
  | { readonly kind: 'group'; readonly address: number; readonly index: GroupIndex }
  | { readonly kind: 'softLink'; readonly target: string };

/** Where the index of a group lies. */
export interface GroupIndex {
  readonly tree: number;
  readonly heap: number;
}

/** HDF5's defaults, as in the superblock. */
export const LEAF_K = 4;
export const INTERNAL_K = 16;

const NO_FREE_SPACE = 1;

/** Writes the index of a group with these links. */
export function writeGroupIndex(space: FileSpace, links: ReadonlyMap<string, LinkTarget>): GroupIndex {
  const encoder = new TextEncoder();
  const sorted = [...links]
    .map(([name, target]) => ({ bytes: encoder.encode(name), target }))
    .sort((a, b) => compareBytes(a.bytes, b.bytes));
  const names = new ByteBuilder().zeros(8);
  const intern = (bytes: Uint8Array): number => {
    const offset = names.length;
    names.bytes(bytes).u8(0).align();
    return offset;
  };
  const entries = sorted.map(({ bytes, target }) => ({ nameOffset: intern(bytes), target }));
  const nodes: number[] = [];
  // That of each node is its last name, and an empty one comes before all.
  const keys = [new ByteBuilder().u64(0).build()];
  for (let start = 0; start < entries.length; start += 2 * LEAF_K) {
    const part = entries.slice(start, start + 2 * LEAF_K);
    const node = new ByteBuilder().text('SNOD').u8(1, 0).u16(part.length);
    for (const { nameOffset, target } of part) appendEntry(node, nameOffset, target, intern);
    node.zeros(8 + 2 * LEAF_K * ENTRY_BYTES - node.length);
    nodes.push(space.write(node.build()));
    keys.push(new ByteBuilder().u64(part.at(-1)?.nameOffset ?? 0).build());
  }
  const tree = writeTree(space, { type: 0, k: INTERNAL_K, children: nodes, keys });
  const data = names.build();
  const dataAddress = space.write(data);
  const heap = new ByteBuilder().text('HEAP').u8(0, 0, 0, 0).u64(data.length, NO_FREE_SPACE, dataAddress);
  return { tree, heap: space.write(heap.build()) };
}

const ENTRY_BYTES = 40;

/** A link in a node; also the root's entry in the superblock. */
export function appendEntry(
  to: ByteBuilder,
  nameOffset: number,
  target: LinkTarget,
  intern: (bytes: Uint8Array) => number,
): void {
  switch (target.kind) {
    case 'dataset':
      to.u64(nameOffset, target.address).u32(0, 0).zeros(16);
      break;
    case 'group':
      to.u64(nameOffset, target.address).u32(1, 0).u64(target.index.tree, target.index.heap);
      break;
    case 'softLink':
      to.u64(nameOffset, UNDEFINED_ADDRESS).u32(2, 0);
      to.u32(intern(new TextEncoder().encode(target.target))).zeros(12);
      break;
  }
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
