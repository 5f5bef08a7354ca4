/**
 * HDF5 runs on Emscripten's file system. Sources are mounted there as read-only files whose bytes are fetched on demand, so
 * that a file of any size, or a member of a zip file, is read in place.
 *
 * @module
 */

import type { ByteSource } from '../bytes.ts';
import { checkHeapCollection } from './heap-check.ts';

/** A file that is open in the file system. */
export interface Stream {
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
}

/** The part of Emscripten's file system that is used. */
export interface FileSystem {
  mkdir(path: string): void;
  mount(type: object, options: object, path: string): FileNode;
  createNode(parent: FileNode | null, name: string, mode: number, device: number): FileNode;
  destroyNode(node: FileNode): void;
  getStream(descriptor: number): Stream | null;
  close(stream: Stream): void;
  streams: (Stream | null)[];
  ErrnoError: new (errno: number) => Error;
}

/** The descriptor that HDF5 prints to. */
export const STANDARD_ERROR = 2;
const ERRNO_IO = 29;
const ERRNO_INVALID = 28;
const ERRNO_NO_ENTRY = 44;

/** A source in the file system. */
export interface SourceFile {
  readonly path: string;
  readonly node: FileNode;
  /** Undefined once the file is removed: a read that HDF5 still tries then fails. */
  source: ByteSource | undefined;
  /** What the source threw inside HDF5: kept, because an exception must not cross the library's own frames. */
  error: unknown;
}

/** A folder with sources. */
export class SourceFolder {
  readonly #FS: FileSystem;
  /** Another copy of this package in the same process may use the same file system. */
  readonly #path = `/crosslayer-${crypto.randomUUID()}`;
  readonly #root: FileNode;

  constructor(FS: FileSystem) {
    this.#FS = FS;
    FS.mkdir(this.#path);
    this.#root = FS.mount({ mount: () => createRoot(FS) }, {}, this.#path);
  }

  /** Makes a file of `source`. */
  add(source: ByteSource): SourceFile {
    // One that no file knows, so that no link of a file leads into another.
    const name = crypto.randomUUID();
    const node = this.#FS.createNode(this.#root, name, 0o100444, 0);
    const file = { path: `${this.#path}/${name}`, node, source, error: undefined };
    Object.assign(node, {
      size: source.size,
      node_ops: NODE_OPERATIONS,
      stream_ops: streamOperations(this.#FS, file),
    });
    return file;
  }

  /** Takes a file out again. */
  remove(file: SourceFile): void {
    file.source = undefined;
    this.#FS.destroyNode(file.node);
  }

  /** Whether somebody else has files open. */
  get hasOthers(): boolean {
    return this.#streams().some(({ path }) => !path?.startsWith(this.#path));
  }

  /** Closes what HDF5 has open here. */
  closeAll(): void {
    this.#closeBelow(this.#path);
  }

  /** h5wasm's throwing handler leaves the temporary file open that it printed the error into. */
  closePrinted(): void {
    this.#closeBelow('/tmp/');
  }

  #closeBelow(folder: string): void {
    for (const stream of this.#streams()) if (stream.path?.startsWith(folder)) this.#FS.close(stream);
  }

  #streams(): Stream[] {
    return this.#FS.streams.slice(STANDARD_ERROR + 1).filter((stream) => stream !== null);
  }
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

function streamOperations(FS: FileSystem, file: SourceFile): object {
  return {
    llseek(stream: Stream, offset: number, whence: number): number {
      const from = whence === 1 ? stream.position : whence === 2 ? stream.node.size : 0;
      if (from + offset < 0) throw new FS.ErrnoError(ERRNO_INVALID);
      return from + offset;
    },
    read(_: Stream, buffer: Uint8Array, offset: number, length: number, position: number): number {
      try {
        const { source } = file;
        if (!source) throw new TypeError('the file was closed');
        const available = Math.max(0, Math.min(length, source.size - position));
        const target = new Uint8Array(buffer.buffer, buffer.byteOffset + offset, available);
        const count = source.read(position, target);
        checkHeapCollection(source, position, target.subarray(0, count));
        return count;
      } catch (error) {
        file.error = error;
        throw new FS.ErrnoError(ERRNO_IO);
      }
    },
  };
}
