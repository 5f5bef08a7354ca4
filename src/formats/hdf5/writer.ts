/**
 * Writing HDF5 files.
 *
 * Not through the library: h5wasm cannot create float16, opaque, enum and empty types, keeps a file's worth of memory,
 * and is left unusable by a disk that is full. The format that HDF5 writes by default is small, and data go straight
 * to the sink: all that is kept until the end is the tree of names.
 *
 * https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, with superblock version 0.
 *
 * @module
 */

import { InvalidModelError, UnsupportedModelError } from '../../errors.ts';
import { sizeOf } from '../../tensor/dtype.ts';
import type { ByteSink } from '../bytes.ts';
import type { Attribute, Content } from './attribute.ts';
import { ByteBuilder, UNDEFINED_ADDRESS } from './byte-builder.ts';
import { isWritten, writeChunks } from './chunk-storage.ts';
import { encodeType } from './encode-type.ts';
import { FileSpace } from './file-space.ts';
import { GlobalHeap, REFERENCE_BYTES } from './global-heap.ts';
import { appendEntry, INTERNAL_K, LEAF_K, type LinkTarget, writeGroupIndex } from './group-index.ts';
import type { LibraryFilter } from './library.ts';
import {
  encodeAttribute,
  encodeDatasetMessages,
  encodeDataspace,
  encodeObjectHeader,
  type HeaderMessage,
  MAX_MESSAGE_BYTES,
  MAX_MESSAGES,
  REFERENCES_OFFSET,
  type StoredLayout,
} from './object-header.ts';
import { type Hdf5Type, typeSize } from './type.ts';

const SUPERBLOCK_BYTES = 96;

/** A dataset to be written. */
export interface DatasetSpec {
  readonly type: Hdf5Type;
  /** Empty for a scalar, undefined for a type without a value. */
  readonly shape: readonly number[] | undefined;
  readonly maxShape?: readonly (number | undefined)[] | undefined;
  readonly chunks?: readonly number[] | undefined;
  readonly filters?: readonly LibraryFilter[];
  readonly attributes?: readonly Attribute[];
}

/** The elements of a dataset to be written: bytes in C order in pieces, or strings. */
export type DatasetContent = Iterable<Uint8Array> | Extract<Content, { strings: unknown }>;

/** An HDF5 file being written. The same calls give the same bytes. */
export class Hdf5Writer {
  readonly root: GroupWriter;
  readonly #sink: ByteSink;
  readonly #space: FileSpace;
  readonly #heap: GlobalHeap;
  readonly #userBlock: Uint8Array;

  /** @param userBlock bytes in front of the file that HDF5 leaves alone: none, or 512, 1024, 2048, … */
  constructor(sink: ByteSink, userBlock: Uint8Array = new Uint8Array()) {
    this.#sink = sink;
    this.#userBlock = userBlock;
    this.#space = new FileSpace(sink, userBlock.length, SUPERBLOCK_BYTES);
    this.#heap = new GlobalHeap(this.#space);
    this.root = new GroupWriter(this.#space, this.#heap, '');
  }

  /** Writes the tree of groups and attributes, and the head of the file: before this there is no file. */
  close(): void {
    const root = this.root.finish();
    this.#heap.flush();
    this.#space.flush();
    const base = this.#userBlock.length;
    const head = new ByteBuilder().u8(0x89).text('HDF\r\n').u8(0x1a, 0x0a);
    const addressBytes = 8;
    head.u8(0, 0, 0, 0, 0, addressBytes, addressBytes, 0).u16(LEAF_K, INTERNAL_K).u32(0);
    head.u64(base, UNDEFINED_ADDRESS, base + this.#space.end, UNDEFINED_ADDRESS);
    appendEntry(head, 0, root, () => 0);
    const end = base + this.#space.end;
    // HDF5 takes a file that ends before its last piece is filled up for a truncated one.
    if (this.#sink.size < end) this.#sink.write(end - 1, new Uint8Array(1));
    this.#sink.write(0, this.#userBlock);
    this.#sink.write(base, head.build());
  }
}

/** A group being written. */
export class GroupWriter {
  /** For messages. */
  readonly path: string;
  readonly #space: FileSpace;
  readonly #heap: GlobalHeap;
  readonly #attributes = new Map<string, Attribute>();
  readonly #links = new Map<string, GroupWriter | LinkTarget>();

  constructor(space: FileSpace, heap: GlobalHeap, path: string) {
    this.#space = space;
    this.#heap = heap;
    this.path = path;
  }

  /** Sets an attribute. */
  setAttribute(attribute: Attribute): void {
    this.#attributes.set(attribute.name, attribute);
  }

  /** Whether the group has neither links nor attributes. */
  get isEmpty(): boolean {
    return this.#links.size === 0 && this.#attributes.size === 0;
  }

  /** Takes a link out again. */
  remove(name: string): void {
    this.#links.delete(name);
  }

  /** The group at `path` below this one, which is made where it is missing. */
  group(path: string): GroupWriter {
    // HDF5 takes neither empty parts nor dots for names: `a//b` is `a/b`.
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    if (names.length === 0) throw invalidName(this.path, path);
    return names.reduce<GroupWriter>((parent, name) => parent.#child(name), this);
  }

  /** Adds a link to `target`, a path in the same file. */
  softLink(name: string, target: string): void {
    this.#add(name, { kind: 'softLink', target });
  }

  /**
   * Writes a dataset at `path` below this group, and returns its address.
   *
   * @throws {@link UnsupportedModelError} where its type cannot be written.
   */
  async dataset(path: string, spec: DatasetSpec, content: DatasetContent): Promise<number> {
    const slash = path.lastIndexOf('/');
    if (slash !== -1) return this.group(path.slice(0, slash)).dataset(path.slice(slash + 1), spec, content);
    const where = join(this.path, path);
    const type = encodeOrRefuse(spec.type, where);
    const elementSize = typeSize(spec.type);
    const bytes = 'strings' in content ? [this.#heap.store(content.strings)] : content;
    const layout = await this.#store(spec, bytes, elementSize, where);
    const dataspace = encodeDataspace(spec.shape, spec.maxShape);
    const messages = encodeDatasetMessages(type, elementSize, dataspace, layout);
    const address = this.#writeHeader(messages, spec.attributes ?? [], where);
    this.#add(path, { kind: 'dataset', address });
    return address;
  }

  /** Adds a link at `path` below this group to the dataset at `address`, which has `references` of them then. */
  hardLink(path: string, address: number, references: number): void {
    const slash = path.lastIndexOf('/');
    const group = slash === -1 ? this : this.group(path.slice(0, slash));
    group.#add(path.slice(slash + 1), { kind: 'dataset', address });
    this.#space.writeAt(address + REFERENCES_OFFSET, new ByteBuilder().u32(references).build());
  }

  /** Writes the group and all below it. */
  finish(): LinkTarget & { kind: 'group' } {
    const targets = new Map<string, LinkTarget>();
    for (const [name, link] of this.#links) {
      targets.set(name, link instanceof GroupWriter ? link.finish() : link);
    }
    const index = writeGroupIndex(this.#space, targets);
    const messages: HeaderMessage[] = [
      { type: 0x11, body: new ByteBuilder().u64(index.tree, index.heap).build() },
    ];
    const address = this.#writeHeader(messages, [...this.#attributes.values()], this.path);
    return { kind: 'group', address, index };
  }

  #writeHeader(own: readonly HeaderMessage[], attributes: readonly Attribute[], where: string): number {
    const count = own.length + attributes.length;
    if (count > MAX_MESSAGES) {
      throw new UnsupportedModelError(
        'many HDF5 attributes',
        `${where}: ${attributes.length} attributes; an object of an HDF5 file has room for ` +
          `${MAX_MESSAGES - own.length}; delete some, or give the layers shorter names, which are listed in them`,
      );
    }
    const messages = attributes.map((attribute) => this.#attributeMessage(attribute, where));
    return this.#space.write(encodeObjectHeader([...own, ...messages]));
  }

  async #store(
    spec: DatasetSpec,
    blocks: Iterable<Uint8Array>,
    elementSize: number,
    where: string,
  ): Promise<StoredLayout> {
    const size = spec.shape === undefined ? 0 : sizeOf(spec.shape) * elementSize;
    if (spec.chunks && spec.shape) {
      const filters = (spec.filters ?? []).filter(isWritten);
      const bytes = collect(blocks, size, where);
      const index = await writeChunks(this.#space, bytes, spec.shape, spec.chunks, elementSize, filters);
      return { kind: 'chunked', index, chunks: spec.chunks, filters };
    }
    if (size === 0) return { kind: 'contiguous', address: undefined, size };
    const address = this.#space.allocate(size);
    let written = 0;
    for (const block of blocks) {
      if (written + block.length > size) throw new TypeError(`${where}: more bytes than its shape holds`);
      await this.#space.writeLarge(address + written, block);
      written += block.length;
    }
    if (written !== size) throw new TypeError(`${where}: ${written} bytes, its shape holds ${size}`);
    return { kind: 'contiguous', address, size };
  }

  #attributeMessage(attribute: Attribute, where: string): HeaderMessage {
    const label = `${where}@${attribute.name}`;
    const { content } = attribute;
    const value = 'strings' in content ? this.#heap.store(content.strings) : content.bytes;
    const message = attributeMessage(attribute, encodeOrRefuse(attribute.type, label), value);
    if (message.body.length > MAX_MESSAGE_BYTES) {
      throw new UnsupportedModelError(
        'large HDF5 attributes',
        `${label}: ${value.length} bytes do not fit the header of an HDF5 object; keep it in a dataset`,
      );
    }
    return message;
  }

  #child(name: string): GroupWriter {
    const existing = this.#links.get(name);
    if (existing instanceof GroupWriter) return existing;
    const group = new GroupWriter(this.#space, this.#heap, join(this.path, name));
    this.#add(name, group);
    return group;
  }

  #add(name: string, link: GroupWriter | LinkTarget): void {
    // A half of a surrogate pair has no bytes in UTF-8: two names with different halves would become one.
    const hasBytes = !/\p{Surrogate}/u.test(name);
    if (name === '' || name === '.' || name.includes('\0') || !hasBytes) throw invalidName(this.path, name);
    if (this.#links.has(name)) {
      throw new InvalidModelError(
        join(this.path, name),
        'two layers or weights would have this place in the file',
      );
    }
    this.#links.set(name, link);
  }
}

function attributeMessage({ name, shape }: Attribute, type: Uint8Array, value: Uint8Array): HeaderMessage {
  return encodeAttribute(name, type, encodeDataspace(shape), value);
}

/** Whether an attribute fits the header of its object, which is where the writer puts it. */
export function fitsHeader(attribute: Attribute): boolean {
  const { type, content } = attribute;
  const value =
    'strings' in content ? new Uint8Array(REFERENCE_BYTES * content.strings.length) : content.bytes;
  const message = attributeMessage(attribute, encodeType(type) ?? new Uint8Array(), value);
  return message.body.length <= MAX_MESSAGE_BYTES;
}

function invalidName(path: string, name: string): InvalidModelError {
  return new InvalidModelError(
    join(path, name),
    `${JSON.stringify(name)} cannot be a name in an HDF5 file; rename the layer or the weight`,
  );
}

function encodeOrRefuse(type: Hdf5Type, where: string): Uint8Array {
  const encoded = encodeType(type);
  if (encoded) return encoded;
  const name = type.kind === 'other' ? type.name : `${8 * typeSize(type)}-bit ${type.kind}`;
  throw new UnsupportedModelError(
    `HDF5 ${name}`,
    `${where}: values of type ${name} cannot be written to another file; delete them from the input`,
  );
}

function collect(blocks: Iterable<Uint8Array>, size: number, where: string): Uint8Array {
  const bytes = new Uint8Array(size);
  let written = 0;
  for (const block of blocks) {
    if (written + block.length > size) throw new TypeError(`${where}: more bytes than its shape holds`);
    bytes.set(block, written);
    written += block.length;
  }
  return bytes;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`;
}
