/**
 * The HDF5 library (h5wasm), loaded when the first file is opened. Nothing else imports it.
 *
 * HDF5 runs on Emscripten's file system. Sources are mounted there as read-only files whose bytes are fetched on
 * demand, so that a file of any size, or a member of a zip file, is read in place.
 *
 * @module
 */

import { CrosslayerError, FormatError, messageOf } from '../../errors.ts';
import type { ByteSource } from '../bytes.ts';
import { readStringsAt } from './element-values.ts';
import { checkHeapCollection } from './heap-check.ts';
import { catchInstance, type LibraryInstance, MemoryLimit } from './instance.ts';

/** What h5wasm says of a type and an extent; only what is used here. */
export interface LibraryMetadata {
  readonly type: number;
  readonly size: number;
  readonly signed: boolean;
  readonly vlen: boolean;
  readonly shape: number[] | null;
  readonly maxshape: (number | null)[] | null;
  readonly chunks: number[] | null;
  readonly cset?: number;
  readonly strpad?: number;
  readonly enum_type?: { readonly type: number; readonly members: Readonly<Record<string, number>> };
  readonly compound_type?: {
    readonly members: readonly (LibraryMetadata & { readonly name: string; readonly offset: number })[];
  };
  readonly array_type?: LibraryMetadata;
  readonly virtual_sources?: readonly unknown[];
}

/** A filter of a chunked dataset. */
export interface LibraryFilter {
  readonly id: number;
  readonly name: string;
  readonly cd_values: readonly number[];
}

interface Stream {
  node: FileNode;
  position: number;
  path?: string;
  stream_ops: object;
}

interface FileNode {
  id: number;
  mode: number;
  size: number;
  node_ops: object;
  stream_ops: object;
  /** Undefined once the file is closed: a read that HDF5 still tries then fails. */
  source: ByteSource | undefined;
}

interface FileSystem {
  mkdir(path: string): void;
  mount(type: object, options: object, path: string): FileNode;
  createNode(parent: FileNode | null, name: string, mode: number, device: number): FileNode;
  destroyNode(node: FileNode): void;
  getStream(descriptor: number): Stream | null;
  close(stream: Stream): void;
  streams: (Stream | null)[];
  ErrnoError: new (errno: number) => Error;
}

/** The part of h5wasm's low level interface that is used. Ids are bigints; pointers index `HEAPU8`. */
export interface Hdf5Library {
  readonly FS: FileSystem;
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  open(path: string, mode: number, trackOrder: boolean, low: number, high: number): bigint;
  close_file(file: bigint): number;
  get_type(file: bigint, path: string): number;
  get_symbolic_link(file: bigint, path: string): string | null;
  get_external_link(file: bigint, path: string): { filename?: string };
  /** Eight bytes: the address of the object. */
  create_object_reference(file: bigint, path: string): Uint8Array;
  get_names(file: bigint, path: string, recursive: boolean): string[];
  get_attribute_names(file: bigint, path: string): string[];
  get_attribute_metadata(file: bigint, path: string, name: string): LibraryMetadata;
  get_attribute_data(file: bigint, path: string, name: string, pointer: bigint): number;
  get_dataset_metadata(file: bigint, path: string): LibraryMetadata;
  get_dataset_filters(file: bigint, path: string): LibraryFilter[];
  get_dataset_data(
    file: bigint,
    path: string,
    count: bigint[] | null,
    offset: bigint[] | null,
    strides: bigint[] | null,
    pointer: bigint,
  ): number;
  reclaim_vlen_memory(file: bigint, path: string, attribute: string, pointer: bigint): number;
  activate_throwing_error_handler(): number;
  deactivate_throwing_error_handler(): number;
}

const ERRNO_IO = 29;
const ERRNO_INVALID = 28;
const ERRNO_NO_ENTRY = 44;
const MOUNT = '/crosslayer';
const READ_ONLY = 0;

interface LoadedLibrary {
  readonly module: Hdf5Library;
  readonly root: FileNode;
  readonly limit: MemoryLimit | undefined;
}

let loaded: Promise<LoadedLibrary> | undefined;
let nextName = 0;
/** Undefined also where it could not be had. */
let instance: LibraryInstance | undefined;
/** What a source threw inside HDF5: kept, because an exception must not cross the library's own frames. */
let sourceError: unknown;
/** What HDF5 printed while its handler was off. */
let printed = '';

/** HDF5 with a source opened in it. */
export class OpenedFile {
  readonly library: Hdf5Library;
  readonly id: bigint;
  readonly #source: string;
  readonly #release: () => void;
  #isOpen = true;

  /** @throws {@link FormatError} where it is no HDF5 file. */
  constructor({ module, root, limit }: LoadedLibrary, source: ByteSource) {
    this.library = module;
    this.#source = source.name;
    const name = `${nextName++}`;
    const node = module.FS.createNode(root, name, 0o100444, 0);
    Object.assign(node, { size: source.size, source, node_ops: NODE_OPERATIONS });
    node.stream_ops = streamOperations(module.FS);
    limit?.opened(source.size);
    this.#release = () => {
      limit?.closed(source.size);
      node.source = undefined;
      module.FS.destroyNode(node);
    };
    try {
      this.id = this.guarded('', () => module.open(`${MOUNT}/${name}`, READ_ONLY, false, -1, -1));
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  /** Closes the file; does nothing the second time. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      withStack(() => this.library.close_file(this.id));
    } catch {
      closeLeakedStreams(this.library.FS);
    }
    this.#release();
  }

  /**
   * Runs a call into HDF5 and turns whatever it throws into a {@link FormatError}.
   *
   * @param where the HDF5 path, for the message.
   */
  guarded<Result>(where: string, call: () => Result): Result {
    sourceError = undefined;
    try {
      return withStack(call);
    } catch (error) {
      closeLeakedStreams(this.library.FS);
      throw asFormatError(error, this.#source, where);
    }
  }

  /**
   * Runs a read that reports failure by its status, with HDF5's throwing handler off: then the library closes what it
   * opened, and a damaged file leaves nothing behind in it.
   */
  guardedStatus(where: string, call: () => number): void {
    sourceError = undefined;
    printed = '';
    this.library.deactivate_throwing_error_handler();
    let status: number;
    try {
      status = withStack(call);
    } catch (error) {
      throw asFormatError(error, this.#source, where);
    } finally {
      this.library.activate_throwing_error_handler();
    }
    if (status < 0) throw asFormatError(new Error(printed), this.#source, where);
  }

  /** Runs `use` with `bytes` bytes of the library's memory. */
  withMemory<Result>(bytes: number, where: string, use: (pointer: number) => Result): Result {
    const pointer = this.guarded(where, () => this.library._malloc(Math.max(1, bytes)));
    if (pointer === 0) throw new FormatError(this.#source, where, `no memory for ${bytes} bytes`);
    try {
      return use(pointer);
    } finally {
      this.library._free(pointer);
    }
  }

  /**
   * Strings of variable length, which `read` puts into memory as pointers.
   *
   * @param attribute the attribute of `path` that has them; empty for those of a dataset.
   */
  strings(path: string, attribute: string, count: number, read: (pointer: bigint) => number): Uint8Array[] {
    const where = attribute === '' ? path : `${path}@${attribute}`;
    if (count === 0) return [];
    return this.withMemory(4 * count, where, (pointer) => {
      this.guardedStatus(where, () => read(BigInt(pointer)));
      const strings = readStringsAt(this.library.HEAPU8, pointer, count);
      this.guarded(where, () =>
        this.library.reclaim_vlen_memory(this.id, `/${path}`, attribute, BigInt(pointer)),
      );
      return strings;
    });
  }
}

/**
 * Opens `source` as an HDF5 file.
 *
 * @throws {@link FormatError} where it is not one.
 */
export async function openInLibrary(source: ByteSource): Promise<OpenedFile> {
  loaded ??= load();
  return new OpenedFile(await loaded, source);
}

/** The throwing handler leaves the library in the middle of its functions, and their variables on its stack. */
function withStack<Result>(call: () => Result): Result {
  const stack = instance?.emscripten_stack_get_current();
  try {
    return call();
  } catch (error) {
    if (stack !== undefined) instance?._emscripten_stack_restore(stack);
    throw error;
  }
}

/** Size of the memory of {@link viewPointer}: small enough to stay in a processor's cache. */
export const VIEW_BYTES: number = 2 ** 21;
let view: number | undefined;

/** Memory of {@link VIEW_BYTES} that is kept for data on their way out: each read overwrites what the last one left. */
export function viewPointer(library: Hdf5Library): number {
  view ??= library._malloc(VIEW_BYTES);
  return view;
}

function asFormatError(error: unknown, source: string, where: string): CrosslayerError {
  const cause = sourceError ?? error;
  sourceError = undefined;
  if (cause instanceof CrosslayerError) return cause;
  return new FormatError(source, where, `not readable as HDF5: ${innermostReason(messageOf(cause))}`, {
    cause,
  });
}

/** The last line of HDF5's error stack says what went wrong; those before it say who was affected. */
function innermostReason(message: string): string {
  const reasons = [...message.matchAll(/#\d+: .*?\(\): (.*)/g)];
  return (reasons.at(-1)?.[1] ?? message.split('\n')[0] ?? '').trim() || 'damaged';
}

async function load(): Promise<LoadedLibrary> {
  const caught = await catchInstance(async () => (await import('h5wasm')).ready);
  instance = caught.instance;
  const module = caught.loaded as unknown as Hdf5Library;
  module.activate_throwing_error_handler();
  const { FS } = module;
  const standardError = FS.getStream(2);
  if (standardError) standardError.stream_ops = { ...standardError.stream_ops, write: keepPrinted };
  FS.mkdir(MOUNT);
  const root = FS.mount({ mount: () => createRoot(FS) }, {}, MOUNT);
  return { module, root, limit: instance && new MemoryLimit(instance.memory) };
}

function keepPrinted(_stream: Stream, buffer: Uint8Array, offset: number, length: number): number {
  printed += new TextDecoder().decode(Uint8Array.from(buffer.subarray(offset, offset + length)));
  return length;
}

function createRoot(FS: FileSystem): FileNode {
  const root = FS.createNode(null, '/', 0o40555, 0);
  root.node_ops = {
    ...NODE_OPERATIONS,
    lookup() {
      throw new FS.ErrnoError(ERRNO_NO_ENTRY);
    },
  };
  root.stream_ops = {};
  return root;
}

const EPOCH = new Date(0);

const NODE_OPERATIONS = {
  getattr(node: FileNode): object {
    const { id: ino, mode, size } = node;
    const times = { atime: EPOCH, mtime: EPOCH, ctime: EPOCH };
    return { dev: 1, ino, mode, nlink: 1, uid: 0, gid: 0, rdev: 0, size, ...times, blksize: 4096, blocks: 1 };
  },
  setattr(): void {},
};

function streamOperations(FS: FileSystem): object {
  return {
    llseek(stream: Stream, offset: number, whence: number): number {
      const from = whence === 1 ? stream.position : whence === 2 ? stream.node.size : 0;
      if (from + offset < 0) throw new FS.ErrnoError(ERRNO_INVALID);
      return from + offset;
    },
    read(stream: Stream, buffer: Uint8Array, offset: number, length: number, position: number): number {
      try {
        const { source, size } = stream.node;
        if (!source) throw new TypeError('the file was closed');
        const available = Math.max(0, Math.min(length, size - position));
        const target = new Uint8Array(buffer.buffer, buffer.byteOffset + offset, available);
        const count = source.read(position, target);
        checkHeapCollection(source, position, target.subarray(0, count));
        return count;
      } catch (error) {
        sourceError = error;
        throw new FS.ErrnoError(ERRNO_IO);
      }
    },
  };
}

/** h5wasm's throwing handler leaves the temporary file open that it printed the error into. */
function closeLeakedStreams(FS: FileSystem): void {
  for (const stream of FS.streams) {
    if (stream?.path?.startsWith('/tmp/')) FS.close(stream);
  }
}
