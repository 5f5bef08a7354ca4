/**
 * B-trees over nodes of links and over chunks.
 *
 * https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, "B-trees: Version 1".
 *
 * @module
 */

import { ByteBuilder, UNDEFINED_ADDRESS } from './byte-builder.ts';
import type { FileSpace } from './file-space.ts';

/** What a tree leads to. */
export interface TreeContent {
  /** 0 for nodes of links, 1 for chunks. */
  readonly type: 0 | 1;
  /** A node has up to twice as many children. */
  readonly k: number;
  /** Addresses, in order. */
  readonly children: readonly number[];
  /** In front of each child, and one behind the last; all of one length. */
  readonly keys: readonly Uint8Array[];
}

/** Writes a tree level by level, sibling nodes one behind the other, and returns the address of its root. */
export function writeTree(space: FileSpace, { type, k, children, keys }: TreeContent, level = 0): number {
  const most = 2 * k;
  const nodeBytes = 24 + most * 8 + (most + 1) * (keys[0]?.length ?? 0);
  const count = Math.max(1, Math.ceil(children.length / most));
  const first = space.allocate(nodeBytes * count);
  const addresses = Array.from({ length: count }, (_, index) => first + index * nodeBytes);
  for (const [index, address] of addresses.entries()) {
    const part = children.slice(index * most, (index + 1) * most);
    const [left, right] = [addresses[index - 1], addresses[index + 1]];
    const node = new ByteBuilder().text('TREE').u8(type, level).u16(part.length);
    node.u64(left ?? UNDEFINED_ADDRESS, right ?? UNDEFINED_ADDRESS);
    for (const [at, key] of keys.slice(index * most, (index + 1) * most + 1).entries()) {
      node.bytes(key);
      const child = part[at];
      if (child !== undefined) node.u64(child);
    }
    space.writeAt(address, node.zeros(nodeBytes - node.length).build());
  }
  if (count === 1) return first;
  const outer = keys.filter((_, index) => index % most === 0 || index === children.length);
  return writeTree(space, { type, k, children: addresses, keys: outer }, level + 1);
}
