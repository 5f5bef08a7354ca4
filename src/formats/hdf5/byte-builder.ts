/** Little-endian bytes that grow as they are written: the small structures between the data of an HDF5 file. */
export class ByteBuilder {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(256);
  #length = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  u8(...values: number[]): this {
    return this.bytes(Uint8Array.from(values));
  }

  u16(...values: number[]): this {
    return this.bytes(new Uint8Array(Uint16Array.from(values).buffer));
  }

  u32(...values: number[]): this {
    return this.bytes(new Uint8Array(Uint32Array.from(values).buffer));
  }

  /** Whole numbers below 2^53, or {@link UNDEFINED_ADDRESS}. */
  u64(...values: (number | bigint)[]): this {
    return this.bytes(new Uint8Array(BigUint64Array.from(values, BigInt).buffer));
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
    }
    return at;
  }
}

/** HDF5's address of what does not exist. */
export const UNDEFINED_ADDRESS = 0xffff_ffff_ffff_ffffn;
