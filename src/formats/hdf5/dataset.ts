import { FormatError, UnsupportedModelError } from '../../errors.ts';
import { type DType, sizeOf, type TensorValues } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { MAX_DEFLATE_RATIO } from '../limits.ts';
import type { Content } from './attribute.ts';
import { valuesOfBytes } from './element-values.ts';
import type { Hdf5File } from './file.ts';
import { type LibraryFilter, type LibraryMetadata, type OpenedFile, VIEW_BYTES } from './library.ts';
import { dtypeOf, type Hdf5Type, typeFromLibrary, typeSize } from './type.ts';

/** What a dataset may declare beyond the size of its file: elements that were never written take no room. */
const SMALL_DATASET_BYTES = 2 ** 20;
/** Weights up to this size stay in memory once they are read: to ask the library again takes longer than all that is done with them. */
const KEPT_BYTES = 2 ** 16;

/** A dataset of an open file; its elements are read on demand. */
export class Hdf5Dataset {
  readonly path: string;
  readonly type: Hdf5Type;
  /** Empty for a scalar, undefined where the dataset has a type but no value. */
  readonly shape: readonly number[] | undefined;
  /** Undefined for an unlimited dimension. */
  readonly maxShape: readonly (number | undefined)[] | undefined;
  /** The shape of its chunks; undefined where the elements lie in one piece. */
  readonly chunks: readonly number[] | undefined;
  readonly filters: readonly LibraryFilter[];
  readonly #file: Hdf5File;
  readonly #opened: OpenedFile;

  constructor(
    file: Hdf5File,
    opened: OpenedFile,
    path: string,
    metadata: LibraryMetadata,
    filters: readonly LibraryFilter[],
  ) {
    this.#file = file;
    this.#opened = opened;
    this.path = path;
    this.type = typeFromLibrary(metadata);
    this.shape = metadata.shape ?? undefined;
    // HDF5's unlimited is 2^64 - 1.
    this.maxShape = metadata.maxshape?.map((length) =>
      length === null || length > 2 ** 63 ? undefined : length,
    );
    this.chunks = metadata.chunks ?? undefined;
    this.filters = filters;
    this.#checkSize();
  }

  /** Number of elements. */
  get count(): number {
    return this.shape === undefined ? 0 : sizeOf(this.shape);
  }

  /** The dtype of its tensor, or undefined where it is not one of numbers. */
  get dtype(): DType | undefined {
    const { type } = this;
    const isTwoBytes = type.kind !== 'variableString' && type.size === 2;
    return dtypeOf(type, isTwoBytes ? this.#file.strings(this.path, 'dtype')?.[0] : undefined);
  }

  /**
   * The dataset as a lazy tensor.
   *
   * @throws {@link UnsupportedModelError} where its elements are not numbers.
   */
  tensor(): Tensor {
    const { dtype, shape } = this;
    if (dtype === undefined || shape === undefined) {
      const found = this.type.kind === 'other' ? this.type.name : this.type.kind;
      throw new UnsupportedModelError(
        `weights of type ${found}`,
        `${this.#file.name}: ${this.path}: a weight must hold numbers, found ${found}`,
      );
    }
    const read = (start: number, count: number): TensorValues =>
      valuesOfBytes(dtype, this.readBytes(start, count));
    if (this.count * typeSize(this.type) > KEPT_BYTES) {
      const readInto = (start: number, values: TensorValues): void =>
        values.set(valuesOfBytes(dtype, this.#viewBytes(start, values.length)) as never);
      return Tensor.lazy(dtype, shape, { read, readInto });
    }
    let kept: TensorValues | undefined;
    return Tensor.lazy(dtype, shape, {
      isStable: true,
      read: (start, count) => {
        kept ??= read(0, this.count);
        return kept.subarray(start, start + count);
      },
    });
  }

  /**
   * The bytes of `count` elements in C order from flat index `start`, little-endian.
   *
   * @throws {@link FormatError} where the file is damaged.
   */
  readBytes(start: number, count: number): Uint8Array<ArrayBuffer> {
    const bytes = count * typeSize(this.type);
    if (bytes <= VIEW_BYTES) return this.#viewBytes(start, count).slice();
    return this.#opened.withMemory(bytes, this.path, (pointer) => {
      this.#readInto(start, count, pointer);
      return this.#opened.library.HEAPU8.slice(pointer, pointer + bytes) as Uint8Array<ArrayBuffer>;
    });
  }

  /** As {@link readBytes}, without a copy where they are few: they hold until anything else is read. */
  #viewBytes(start: number, count: number): Uint8Array<ArrayBuffer> {
    const bytes = count * typeSize(this.type);
    if (bytes > VIEW_BYTES) return this.readBytes(start, count);
    const pointer = this.#opened.viewPointer(this.path);
    this.#readInto(start, count, pointer);
    return this.#opened.library.HEAPU8.subarray(pointer, pointer + bytes) as Uint8Array<ArrayBuffer>;
  }

  /** All elements as bytes, in pieces; each holds until anything else is read. */
  *blocks(): Generator<Uint8Array> {
    const step = Math.max(1, Math.floor(VIEW_BYTES / typeSize(this.type)));
    for (let start = 0; start < this.count; start += step) {
      yield this.#viewBytes(start, Math.min(step, this.count - start));
    }
  }

  /** All elements, strings of variable length included. */
  content(): Content {
    if (this.type.kind !== 'variableString') return { bytes: this.readBytes(0, this.count) };
    const { library } = this.#opened;
    const read = (id: bigint, pointer: bigint): number =>
      library.get_dataset_data(id, `/${this.path}`, null, null, null, pointer);
    return { strings: this.#opened.strings(this.path, '', this.count, read) };
  }

  #readInto(start: number, count: number, pointer: number): void {
    const { library } = this.#opened;
    const size = typeSize(this.type);
    for (const slab of slabsOf(this.shape ?? [], start, count)) {
      const isScalar = slab.counts.length === 0;
      this.#opened.guardedStatus(this.path, (id) =>
        library.get_dataset_data(
          id,
          `/${this.path}`,
          isScalar ? null : slab.counts.map(BigInt),
          isScalar ? null : slab.offsets.map(BigInt),
          isScalar ? null : slab.counts.map(() => 1n),
          BigInt(pointer + (slab.start - start) * size),
        ),
      );
    }
  }

  /** A dataset may declare any shape at no cost; this bounds what reading it may ask for. */
  #checkSize(): void {
    const bytes = this.count * typeSize(this.type);
    const ratio = this.filters.length > 0 ? MAX_DEFLATE_RATIO : 1;
    const most = this.#file.size * ratio + SMALL_DATASET_BYTES;
    if (!(bytes <= most)) {
      throw new FormatError(
        this.#file.name,
        this.path,
        `declares ${bytes} bytes, which a file of ${this.#file.size} bytes cannot hold`,
      );
    }
  }
}

/** A box of elements that lies in C order without gaps. */
interface Slab {
  /** Flat index of its first element. */
  readonly start: number;
  readonly offsets: readonly number[];
  readonly counts: readonly number[];
}

/** The flat range as few boxes: the longest run of whole inner dimensions that fits, again and again. */
function* slabsOf(shape: readonly number[], start: number, count: number): Generator<Slab> {
  let position = start;
  const end = start + count;
  while (position < end) {
    let axis = 0;
    let inner = sizeOf(shape.slice(1));
    while (axis < shape.length - 1 && (position % inner !== 0 || inner > end - position)) {
      axis++;
      inner = sizeOf(shape.slice(axis + 1));
    }
    const offsets = unravel(shape, position);
    const length = shape[axis] ?? 1;
    const steps = Math.min(Math.floor((end - position) / inner), length - (offsets[axis] ?? 0));
    const counts = shape.map((whole, index) => (index < axis ? 1 : index === axis ? steps : whole));
    yield { start: position, offsets, counts };
    position += steps * inner;
  }
}

/** The index in each dimension of the element with that flat index. */
export function unravel(shape: readonly number[], flat: number): number[] {
  const offsets = new Array<number>(shape.length).fill(0);
  let rest = flat;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const length = shape[axis] ?? 1;
    offsets[axis] = rest % length;
    rest = Math.floor(rest / length);
  }
  return offsets;
}
