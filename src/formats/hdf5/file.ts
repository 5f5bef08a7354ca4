/**
 * Reading HDF5 files: groups, attributes with their exact types, datasets as lazy tensors.
 *
 * @module
 */

import { FormatError, LimitError, UnsupportedModelError } from '../../errors.ts';
import { sizeOf } from '../../tensor/dtype.ts';
import type { ByteSource } from '../bytes.ts';
import { MAX_ATTRIBUTE_BYTES } from '../limits.ts';
import { type Attribute, attributeStrings } from './attribute.ts';
import { Hdf5Dataset } from './dataset.ts';
import { type LibraryMetadata, type OpenedFile, openInLibrary } from './library.ts';
import { signatureOffset } from './signature.ts';
import { typeFromLibrary } from './type.ts';

/** What a link of a group leads to. `softLink` is one within the file. */
export type LinkKind = 'group' | 'dataset' | 'softLink' | 'externalLink' | 'namedType' | 'missing';

/** By the numbers that the library has for them. */
const KINDS: ReadonlyMap<number, LinkKind> = new Map([
  [-1, 'missing'],
  [0, 'group'],
  [1, 'dataset'],
  [3, 'softLink'],
  [4, 'externalLink'],
]);

/** Closes files whose models nobody holds any more. */
const forgotten = new FinalizationRegistry<OpenedFile>((opened) => opened.close());

/**
 * Opens `source` as an HDF5 file. It is read on demand, until it is closed or no longer reachable.
 *
 * @throws {@link FormatError} where it is not an HDF5 file.
 */
export async function openHdf5(source: ByteSource): Promise<Hdf5File> {
  return new Hdf5File(source, await openInLibrary(source));
}

/** An open HDF5 file. Paths have no leading slash; the root is `''`. */
export class Hdf5File {
  /** For messages. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly #source: ByteSource;
  readonly #opened: OpenedFile;
  /** By path: to ask the library takes longer than all else that is done with a link. */
  readonly #kinds = new Map<string, LinkKind>();

  constructor(source: ByteSource, opened: OpenedFile) {
    this.name = source.name;
    this.size = source.size;
    this.#source = source;
    this.#opened = opened;
    forgotten.register(this, opened, this);
  }

  /** Closes the file; tensors that were read from it can no longer be read. */
  close(): void {
    forgotten.unregister(this);
    this.#opened.close();
  }

  /** The bytes in front of the file that HDF5 leaves to others; mostly none. */
  userBlock(): Uint8Array {
    const block = new Uint8Array(signatureOffset(this.#source) ?? 0);
    this.#source.read(0, block);
    return block;
  }

  /** Names in a group, in creation order where the file tracks it, by name otherwise. */
  names(path: string): string[] {
    const { library } = this.#opened;
    return this.#opened.guarded(path, (id) => library.get_names(id, absolute(path), false));
  }

  /** What the last part of `path` is. */
  kind(path: string): LinkKind {
    const known = this.#kinds.get(path) ?? this.#kindOf(path);
    this.#kinds.set(path, known);
    return known;
  }

  #kindOf(path: string): LinkKind {
    const { library } = this.#opened;
    if (path === '') return 'group';
    return this.#opened.guarded(path, (id) => {
      // Of what a link leads to. One into another file leads nowhere: no file can know the name of another here.
      const kind = KINDS.get(library.get_type(id, absolute(path))) ?? 'namedType';
      const mayBeSoft = kind === 'group' || kind === 'dataset' || kind === 'namedType';
      return mayBeSoft && library.get_symbolic_link(id, absolute(path)) !== null ? 'softLink' : kind;
    });
  }

  /** Whether `path` is a group. */
  hasGroup(path: string): boolean {
    return this.kind(path) === 'group';
  }

  /** What is the same for all links to one object, and for no two objects. */
  address(path: string): string {
    const { library } = this.#opened;
    return this.#opened.guarded(path, (id) => library.create_object_reference(id, absolute(path)).join());
  }

  /** Where a soft link leads. */
  linkTarget(path: string): string {
    const { library } = this.#opened;
    return this.#opened.guarded(path, (id) => library.get_symbolic_link(id, absolute(path)) ?? '');
  }

  /**
   * The dataset at `path`.
   *
   * @throws {@link FormatError} where there is none; {@link UnsupportedModelError} for virtual ones.
   */
  dataset(path: string): Hdf5Dataset {
    const { library } = this.#opened;
    const metadata = this.#datasetMetadata(path);
    if (metadata.virtual_sources) {
      throw new UnsupportedModelError(
        'virtual datasets',
        `${this.name}: ${path}: a virtual dataset, whose values lie in other files; save the model again to one file`,
      );
    }
    const filters = metadata.chunks
      ? this.#opened.guarded(path, (id) => library.get_dataset_filters(id, absolute(path)))
      : [];
    return new Hdf5Dataset(this, this.#opened, path, metadata, filters);
  }

  /** Mostly there is one where it is looked for; what else is there is asked where there is none. */
  #datasetMetadata(path: string): LibraryMetadata {
    const { library } = this.#opened;
    const known = this.#kinds.get(path);
    const read = (id: bigint): LibraryMetadata | undefined => {
      const isSoft = known === undefined && library.get_symbolic_link(id, absolute(path)) !== null;
      return isSoft ? undefined : library.get_dataset_metadata(id, absolute(path));
    };
    let found: LibraryMetadata | undefined;
    try {
      if (known === undefined || known === 'dataset') found = this.#opened.guarded(path, read);
    } catch (error) {
      if (this.kind(path) === 'dataset') throw error;
    }
    if (!found) throw new FormatError(this.name, path, 'no dataset there');
    this.#kinds.set(path, 'dataset');
    return found;
  }

  /** Names of the attributes of a group or dataset. */
  attributeNames(path: string): string[] {
    const { library } = this.#opened;
    return this.#opened.guarded(path, (id) => library.get_attribute_names(id, absolute(path)));
  }

  /** An attribute, or undefined. */
  attribute(path: string, name: string): Attribute | undefined {
    return this.attributeNames(path).includes(name) ? this.#readAttribute(path, name) : undefined;
  }

  /** The attributes of a group or dataset that are named; all by default. */
  attributes(path: string, names: readonly string[] = this.attributeNames(path)): Attribute[] {
    return names.map((name) => this.#readAttribute(path, name));
  }

  /** The strings of an attribute; undefined where it is missing or holds none. */
  strings(path: string, name: string): string[] | undefined {
    const attribute = this.attribute(path, name);
    return attribute && attributeStrings(attribute);
  }

  #readAttribute(path: string, name: string): Attribute {
    const { library } = this.#opened;
    const where = `${path}@${name}`;
    const metadata = this.#opened.guarded(where, (id) =>
      library.get_attribute_metadata(id, absolute(path), name),
    );
    const type = typeFromLibrary(metadata);
    const shape = metadata.shape ?? undefined;
    if (shape === undefined) return { name, type, shape, content: { bytes: new Uint8Array() } };
    const count = sizeOf(shape);
    const bytes = count * metadata.size;
    if (bytes > MAX_ATTRIBUTE_BYTES)
      throw new LimitError(`${this.name}: ${where}`, bytes, MAX_ATTRIBUTE_BYTES);
    const read = (id: bigint, pointer: bigint): number =>
      library.get_attribute_data(id, absolute(path), name, pointer);
    if (type.kind === 'variableString') {
      return { name, type, shape, content: { strings: this.#opened.strings(path, name, count, read) } };
    }
    return this.#opened.withMemory(bytes, where, (pointer) => {
      this.#opened.guardedStatus(where, (id) => (count === 0 ? 0 : read(id, BigInt(pointer))));
      return { name, type, shape, content: { bytes: library.HEAPU8.slice(pointer, pointer + bytes) } };
    });
  }
}

function absolute(path: string): string {
  return `/${path}`;
}
