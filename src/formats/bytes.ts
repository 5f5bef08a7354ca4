/**
 * Where bytes come from and go to. Formats read and write through these, so that the same code works on files in
 * Node, on Blobs in a browser worker and on memory. Reads are synchronous: lazy tensors read in the middle of loops.
 *
 * @module
 */

/** Bytes that can be read anywhere: a file, a Blob, memory. */
export interface ByteSource {
  /** For messages: the path or name as the user gave it. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /**
   * Fills `target` from `byteOffset` on and returns how many bytes there were; fewer than asked only at the end.
   */
  read(byteOffset: number, target: Uint8Array): number;
  /** Releases what the source holds; reading after that is an error. */
  close?(): void;
}

/** A file being written, in any order of offsets. */
export interface ByteSink {
  /** For messages. */
  readonly name: string;
  /** Bytes written so far: the highest offset. */
  readonly size: number;
  write(byteOffset: number, bytes: Uint8Array): void;
  /** Reads back what was written; as {@link ByteSource.read}. HDF5 and zip need it. */
  read(byteOffset: number, target: Uint8Array): number;
}

/** The files that make up a model on disk: one, or `model.json` with its shards. */
export interface ModelFiles {
  /** The file that the user named. */
  readonly main: ByteSource;
  /** A file beside it, by the name that `main` gives it; undefined where it is missing. */
  open(name: string): ByteSource | undefined;
}

/** Where the files of a model are written. */
export interface OutputFiles {
  /** The file that the user named. */
  readonly main: ByteSink;
  /** A new file beside it. */
  create(name: string): ByteSink;
  /**
   * The name for {@link create} of a file that would have `name`: another one where a model is replaced, so that the new
   * main file is what makes one model of the other. The name itself where it is left out.
   */
  nameFor?(name: string): string;
  /** Scratch space that is gone when the write is over: the HDF5 file that goes into a zip. */
  scratch(): ByteSink;
}

/** A source over memory. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    read(byteOffset, target) {
      const part = bytes.subarray(byteOffset, byteOffset + target.length);
      target.set(part);
      return part.length;
    },
  };
}

/** A part of a source as a source of its own. */
export function sourceSlice(source: ByteSource, name: string, byteOffset: number, size: number): ByteSource {
  return {
    name,
    size,
    read(offset, target) {
      const length = Math.max(0, Math.min(target.length, size - offset));
      return source.read(byteOffset + offset, target.subarray(0, length));
    },
  };
}

/** Whether a source has `bytes` at `byteOffset`. */
export function startsWith(source: ByteSource, bytes: readonly number[], byteOffset = 0): boolean {
  const found = new Uint8Array(bytes.length);
  return (
    source.read(byteOffset, found) === bytes.length && bytes.every((byte, index) => byte === found[index])
  );
}

/** All bytes of a source. */
export function readAll(source: ByteSource): Uint8Array {
  const bytes = new Uint8Array(source.size);
  const length = source.read(0, bytes);
  return length === bytes.length ? bytes : bytes.subarray(0, length);
}

/** A sink that grows in memory. */
export class MemorySink implements ByteSink {
  readonly name: string;
  #bytes: Uint8Array = new Uint8Array(1 << 16);
  #size = 0;

  constructor(name: string) {
    this.name = name;
  }

  get size(): number {
    return this.#size;
  }

  write(byteOffset: number, bytes: Uint8Array): void {
    const end = byteOffset + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, Math.ceil(this.#bytes.length * 1.5)));
      grown.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, byteOffset);
    this.#size = Math.max(this.#size, end);
  }

  read(byteOffset: number, target: Uint8Array): number {
    const part = this.#bytes.subarray(byteOffset, Math.min(this.#size, byteOffset + target.length));
    target.set(part);
    return part.length;
  }

  /** What was written. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }
}
