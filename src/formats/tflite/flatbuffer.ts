import { FormatError } from '../../errors.ts';

/** A table of a flatbuffer; slots are numbered as in its schema. All that is read is checked to lie in the file. */
export class FlatTable {
  readonly #file: FlatFile;
  readonly #start: number;
  readonly #fields: number;
  readonly #fieldsSize: number;

  constructor(file: FlatFile, start: number) {
    this.#file = file;
    this.#start = start;
    this.#fields = start - file.int32(start);
    this.#fieldsSize = file.uint16(this.#fields);
  }

  int8(slot: number, otherwise = 0): number {
    const at = this.#at(slot);
    return at === undefined ? otherwise : this.#file.int8(at);
  }

  int32(slot: number, otherwise = 0): number {
    const at = this.#at(slot);
    return at === undefined ? otherwise : this.#file.int32(at);
  }

  float32(slot: number, otherwise = 0): number {
    const at = this.#at(slot);
    return at === undefined ? otherwise : this.#file.float32(at);
  }

  table(slot: number): FlatTable | undefined {
    const at = this.#at(slot);
    return at === undefined ? undefined : new FlatTable(this.#file, this.#file.target(at));
  }

  tables(slot: number): FlatTable[] {
    return this.#elements(slot, 4, (at) => new FlatTable(this.#file, this.#file.target(at)));
  }

  int32s(slot: number): number[] {
    return this.#elements(slot, 4, (at) => this.#file.int32(at));
  }

  /** Where the elements of a vector of int32 lie in the file. */
  int32Places(slot: number): number[] {
    return this.#elements(slot, 4, (at) => at);
  }

  float32s(slot: number): number[] {
    return this.#elements(slot, 4, (at) => this.#file.float32(at));
  }

  int64s(slot: number): number[] {
    return this.#elements(slot, 8, (at) => this.#file.int64(at));
  }

  /** The bytes of a vector, in the file; none where it is missing. */
  bytes(slot: number): Uint8Array {
    const at = this.#at(slot);
    if (at === undefined) return new Uint8Array();
    const start = this.#file.target(at);
    return this.#file.slice(start + 4, this.#file.length(start, 1));
  }

  text(slot: number): string {
    return new TextDecoder().decode(this.bytes(slot));
  }

  #elements<Element>(slot: number, size: number, element: (at: number) => Element): Element[] {
    const at = this.#at(slot);
    if (at === undefined) return [];
    const start = this.#file.target(at);
    const length = this.#file.length(start, size);
    return Array.from({ length }, (_, index) => element(start + 4 + index * size));
  }

  /** Where a field lies; undefined where it has its default. */
  #at(slot: number): number | undefined {
    const entry = 4 + 2 * slot;
    if (entry + 2 > this.#fieldsSize) return undefined;
    const offset = this.#file.uint16(this.#fields + entry);
    return offset === 0 ? undefined : this.#start + offset;
  }
}

/** How often the bytes of a file are read at most, all vectors together. */
const MOST_SHARED = 64;

/** The bytes of a flatbuffer. */
export class FlatFile {
  readonly #name: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #taken = 0;

  constructor(name: string, bytes: Uint8Array) {
    this.#name = name;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  root(): FlatTable {
    return new FlatTable(this, this.target(0));
  }

  int8(at: number): number {
    return this.#view.getInt8(this.#inside(at, 1));
  }

  uint16(at: number): number {
    return this.#view.getUint16(this.#inside(at, 2), true);
  }

  int32(at: number): number {
    return this.#view.getInt32(this.#inside(at, 4), true);
  }

  float32(at: number): number {
    return this.#view.getFloat32(this.#inside(at, 4), true);
  }

  int64(at: number): number {
    return Number(this.#view.getBigInt64(this.#inside(at, 8), true));
  }

  /** What the offset at that place leads to. */
  target(at: number): number {
    return at + this.#view.getUint32(this.#inside(at, 4), true);
  }

  /** The length of the vector that starts there, whose elements all lie in the file. */
  length(start: number, elementSize: number): number {
    const length = this.#view.getUint32(this.#inside(start, 4), true);
    this.#inside(start + 4, length * elementSize);
    // Vectors may be shared, but not as often as would keep a reader busy for hours.
    this.#taken += length;
    if (this.#taken > MOST_SHARED * this.#bytes.length) {
      throw new FormatError(
        this.#name,
        `offset ${start}`,
        'the same values stand for too many things; it is damaged',
      );
    }
    return length;
  }

  slice(start: number, length: number): Uint8Array {
    return this.#bytes.subarray(start, start + length);
  }

  #inside(at: number, size: number): number {
    if (at >= 0 && at + size <= this.#bytes.length) return at;
    throw new FormatError(
      this.#name,
      `offset ${at}`,
      `${size} bytes are read there, and the file has ${this.#bytes.length}; it is damaged, so copy or download it again`,
    );
  }
}
