/**
 * The index of a group: a heap of names, nodes of links in the order of their names, a B-tree over the nodes.
 *
 * https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, "Symbol Table Node", "B-trees: Version 1",
 * "Local Heap".
 *
 * @module
 */

import { ByteBuilder, UNDEFINED_ADDRESS } from './byte-builder.ts';
import type { FileSpace } from './file-space.ts';

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
  const nodes: TreeChild[] = [];
  for (let start = 0; start < entries.length; start += 2 * LEAF_K) {
    const part = entries.slice(start, start + 2 * LEAF_K);
    const node = new ByteBuilder().text('SNOD').u8(1, 0).u16(part.length);
    for (const { nameOffset, target } of part) appendEntry(node, nameOffset, target, intern);
    node.zeros(8 + 2 * LEAF_K * ENTRY_BYTES - node.length);
    nodes.push({ address: space.write(node.build()), lastKey: part.at(-1)?.nameOffset ?? 0 });
  }
  const tree = writeNameTree(space, nodes);
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

interface TreeChild {
  readonly address: number;
  /** Heap offset of the last name in the child. */
  readonly lastKey: number;
}

function writeNameTree(space: FileSpace, nodes: readonly TreeChild[]): number {
  let children = nodes;
  for (let level = 0; ; level++) {
    const parents: TreeChild[] = [];
    const nodeBytes = 24 + 2 * INTERNAL_K * 8 + (2 * INTERNAL_K + 1) * 8;
    const count = Math.max(1, Math.ceil(children.length / (2 * INTERNAL_K)));
    const first = space.allocate(nodeBytes * count);
    let previousKey = 0;
    for (let index = 0; index < count; index++) {
      const part = children.slice(index * 2 * INTERNAL_K, (index + 1) * 2 * INTERNAL_K);
      const address = first + index * nodeBytes;
      const node = treeHead(0, level, part.length, address, nodeBytes, index, count).u64(previousKey);
      for (const child of part) node.u64(child.address, child.lastKey);
      previousKey = part.at(-1)?.lastKey ?? 0;
      node.zeros(nodeBytes - node.length);
      space.writeAt(address, node.build());
      parents.push({ address, lastKey: previousKey });
    }
    if (count === 1) return first;
    children = parents;
  }
}

/** The head of one of `count` sibling nodes that lie one behind the other. */
export function treeHead(
  type: 0 | 1,
  level: number,
  used: number,
  address: number,
  nodeBytes: number,
  index: number,
  count: number,
): ByteBuilder {
  const left = index === 0 ? UNDEFINED_ADDRESS : address - nodeBytes;
  const right = index === count - 1 ? UNDEFINED_ADDRESS : address + nodeBytes;
  return new ByteBuilder().text('TREE').u8(type, level).u16(used).u64(left, right);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
