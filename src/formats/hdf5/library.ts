/**
 * The HDF5 library (h5wasm), loaded when the first file is opened. Nothing else imports it.
 *
 * @module
 */

import { CrosslayerError, FormatError, messageOf } from '../../errors.ts';
import type { ByteSource } from '../bytes.ts';
import { readStringsAt } from './element-values.ts';
import { catchInstance, keepMemory, type LibraryInstance, MemoryLimit } from './instance.ts';
import {
  type FileSystem,
  type SourceFile,
  SourceFolder,
  STANDARD_ERROR,
  type Stream,
} from './source-folder.ts';

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

const READ_ONLY = 0;

interface LoadedLibrary {
  readonly module: Hdf5Library;
  readonly folder: SourceFolder;
  readonly limit: MemoryLimit | undefined;
  /** Makes the memory what it was when the library was loaded. */
  readonly restore: (() => void) | undefined;
}

let loaded: Promise<LoadedLibrary> | undefined;
/** Undefined also where it could not be had. */
let instance: LibraryInstance | undefined;
/** Whether a call has failed since the library was as new. */
let hasFailed = false;
/** How often the library was made as new: files that were opened before are to be opened again. */
let renewals = 0;
/** What HDF5 printed while its handler was off. */
let printed = '';

/** HDF5 with a source opened in it. */
export class OpenedFile {
  readonly library: Hdf5Library;
  readonly #loaded: LoadedLibrary;
  /** Of the source, for messages. */
  readonly #name: string;
  readonly #size: number;
  readonly #file: SourceFile;
  #id = 0n;
  /** {@link renewals} when it got its id. */
  #openedAt = -1;
  #isOpen = true;

  /** @throws {@link FormatError} where it is no HDF5 file. */
  constructor(library: LoadedLibrary, source: ByteSource) {
    this.library = library.module;
    this.#loaded = library;
    this.#name = source.name;
    this.#size = source.size;
    this.#file = library.folder.add(source);
    library.limit?.opened(this.#size);
    try {
      this.guarded('', () => {});
    } catch (error) {
      this.#remove();
      throw error;
    }
  }

  /** Closes the file; does nothing the second time. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    renewAfterFailure(this.#loaded);
    try {
      if (this.#openedAt === renewals) withStack(() => this.library.close_file(this.#id));
    } catch {
      hasFailed = true;
    }
    this.#remove();
  }

  /**
   * Runs a call into HDF5 with the id of the file, and turns whatever it throws into a {@link FormatError}.
   *
   * @param where the HDF5 path, for the message.
   */
  guarded<Result>(where: string, call: (id: bigint) => Result): Result {
    this.#file.error = undefined;
    try {
      return withStack(() => call(this.#currentId()));
    } catch (error) {
      hasFailed = true;
      throw this.#asFormatError(error, where);
    }
  }

  /**
   * Runs a read that reports failure by its status, with HDF5's throwing handler off: then the library closes what it
   * opened.
   */
  guardedStatus(where: string, call: (id: bigint) => number): void {
    this.guarded(where, (id) => {
      printed = '';
      this.library.deactivate_throwing_error_handler();
      try {
        if (call(id) < 0) throw new Error(printed);
      } finally {
        this.library.activate_throwing_error_handler();
      }
    });
  }

  /** Runs `use` with `bytes` bytes of the library's memory. */
  withMemory<Result>(bytes: number, where: string, use: (pointer: number) => Result): Result {
    const pointer = this.guarded(where, () => this.library._malloc(Math.max(1, bytes)));
    if (pointer === 0) throw new FormatError(this.#name, where, `no memory for ${bytes} bytes`);
    try {
      return use(pointer);
    } finally {
      // What failed may have broken the heap, which is restored anyway.
      if (!(hasFailed && this.#loaded.restore)) this.library._free(pointer);
    }
  }

  /**
   * Strings of variable length, which `read` puts into memory as pointers.
   *
   * @param attribute the attribute of `path` that has them; empty for those of a dataset.
   */
  strings(
    path: string,
    attribute: string,
    count: number,
    read: (id: bigint, pointer: bigint) => number,
  ): Uint8Array[] {
    const where = attribute === '' ? path : `${path}@${attribute}`;
    if (count === 0) return [];
    return this.withMemory(4 * count, where, (pointer) => {
      this.guardedStatus(where, (id) => read(id, BigInt(pointer)));
      const strings = readStringsAt(this.library.HEAPU8, pointer, count);
      this.guarded(where, (id) =>
        this.library.reclaim_vlen_memory(id, `/${path}`, attribute, BigInt(pointer)),
      );
      return strings;
    });
  }

  /** Memory of {@link VIEW_BYTES} that is kept for data on their way out: each read overwrites what the last one left. */
  viewPointer(where: string): number {
    return this.guarded(where, () => {
      view ??= this.library._malloc(VIEW_BYTES);
      return view;
    });
  }

  #remove(): void {
    this.#loaded.limit?.closed(this.#size);
    this.#loaded.folder.remove(this.#file);
  }

  #asFormatError(error: unknown, where: string): CrosslayerError {
    const cause = this.#file.error ?? error;
    if (cause instanceof CrosslayerError) return cause;
    const reason = `not readable as HDF5: ${innermostReason(messageOf(cause))}`;
    return new FormatError(this.#name, where, reason, { cause });
  }

  /** The library was made as new since the file was opened where any file was found to be damaged. */
  #currentId(): bigint {
    renewAfterFailure(this.#loaded);
    if (this.#openedAt !== renewals) {
      this.#id = this.library.open(this.#file.path, READ_ONLY, false, -1, -1);
      this.#openedAt = renewals;
    }
    return this.#id;
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

/**
 * Makes the library as new after a call that failed. Such a call may leave anything in it: objects that keep its file open
 * and their memory taken, until there is none and the next call never ends, or a heap in pieces.
 */
function renewAfterFailure({ folder, restore }: LoadedLibrary): void {
  if (!hasFailed) return;
  hasFailed = false;
  folder.closePrinted();
  // Whoever else has files open in the library keeps them.
  if (!restore || folder.hasOthers) return;
  folder.closeAll();
  restore();
  view = undefined;
  renewals++;
}

/** Size of the memory of a view: small enough to stay in a processor's cache. */
export const VIEW_BYTES: number = 2 ** 21;
let view: number | undefined;

/** The last line of HDF5's error stack says what went wrong; those before it say who was affected. */
function innermostReason(message: string): string {
  const reasons = [...message.matchAll(/#\d+: .*?\(\): (.*)/g)];
  const reason = (reasons.at(-1)?.[1] ?? message.split('\n')[0] ?? '').trim() || 'damaged';
  const [, end, whole] = /^truncated file: eof = (\d+),.* stored_eof = (\d+)/.exec(reason) ?? [];
  return end === undefined ? reason : `cut off, it has ${end} of ${whole} bytes; get it again`;
}

async function load(): Promise<LoadedLibrary> {
  const caught = await catchInstance(async () => (await import('h5wasm')).ready);
  instance = caught.instance;
  const module = caught.loaded as unknown as Hdf5Library;
  module.activate_throwing_error_handler();
  const standardError = module.FS.getStream(STANDARD_ERROR);
  if (standardError) standardError.stream_ops = { ...standardError.stream_ops, write: keepPrinted };
  return {
    module,
    folder: new SourceFolder(module.FS),
    limit: instance && new MemoryLimit(instance.memory),
    restore: instance && keepMemory(instance),
  };
}

function keepPrinted(_stream: Stream, buffer: Uint8Array, offset: number, length: number): number {
  printed += new TextDecoder().decode(Uint8Array.from(buffer.subarray(offset, offset + length)));
  return length;
}
