/** Little-endian bytes that grow as they are written: the small structures between the data of an HDF5 file. */
export class ByteBuilder {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(256);
  #view: DataView = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  u8(...values: number[]): this {
    let at = this.#reserve(1 * values.length);
    for (const value of values) {
      this.#view.setUint8(at, value);
      at += 1;
    }
    return this;
  }

  u16(...values: number[]): this {
    let at = this.#reserve(2 * values.length);
    for (const value of values) {
      this.#view.setUint16(at, value, true);
      at += 2;
    }
    return this;
  }

  u32(...values: number[]): this {
    let at = this.#reserve(4 * values.length);
    for (const value of values) {
      this.#view.setUint32(at, value, true);
      at += 4;
    }
    return this;
  }

  /** Whole numbers below 2^53, or {@link UNDEFINED_ADDRESS}. */
  u64(...values: (number | bigint)[]): this {
    let at = this.#reserve(8 * values.length);
    for (const value of values) {
      this.#view.setBigUint64(at, BigInt(value), true);
      at += 8;
    }
    return this;
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  text(text: string): this {
    return this.bytes(new TextEncoder().encode(text));
  }

  /** Zeros up to the next multiple of `alignment`. */
  align(alignment = 8): this {
    return this.zeros((alignment - (this.#length % alignment)) % alignment);
  }

  zeros(count: number): this {
    this.#reserve(count);
    return this;
  }

  /** What was written. */
  build(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}

/** HDF5's address of what does not exist. */
export const UNDEFINED_ADDRESS = 0xffff_ffff_ffff_ffffn;
