import type { ByteSink } from 'crosslayer';

/** Bytes of a piece: a buffer that grew as a whole would be copied, and be in memory twice while it is. */
const PIECE_BYTES = 2 ** 23;

/** A file that is written in pieces of memory, and becomes a Blob. */
export class ChunkedSink implements ByteSink {
  readonly name: string;
  readonly #pieces: Uint8Array<ArrayBuffer>[] = [];
  #size = 0;

  constructor(name: string) {
    this.name = name;
  }

  get size(): number {
    return this.#size;
  }

  write(byteOffset: number, bytes: Uint8Array): void {
    const end = byteOffset + bytes.length;
    while (this.#pieces.length * PIECE_BYTES < end) this.#pieces.push(new Uint8Array(PIECE_BYTES));
    this.#eachPart(byteOffset, end, (part, from) => part.set(bytes.subarray(from, from + part.length)));
    this.#size = Math.max(this.#size, end);
  }

  read(byteOffset: number, target: Uint8Array): number {
    const end = Math.min(this.#size, byteOffset + target.length);
    this.#eachPart(byteOffset, end, (part, from) => target.set(part, from));
    return Math.max(0, end - byteOffset);
  }

  /** What was written; the memory of it is let go, and nothing is left in here. */
  toBlob(type: string): Blob {
    const size = this.#size;
    const parts: Blob[] = [];
    for (let at = 0; at < size; at += PIECE_BYTES) {
      // One after the other, so that no two copies of everything are in memory at a time.
      const piece = this.#pieces.shift();
      if (piece) parts.push(new Blob([piece.subarray(0, Math.min(PIECE_BYTES, size - at))]));
    }
    this.#size = 0;
    return new Blob(parts, { type });
  }

  /** Calls `use` with the parts of the pieces between two offsets, and where they are from the first on. */
  #eachPart(start: number, end: number, use: (part: Uint8Array, from: number) => void): void {
    for (let at = start; at < end; ) {
      const index = Math.floor(at / PIECE_BYTES);
      const within = at - index * PIECE_BYTES;
      const length = Math.min(PIECE_BYTES - within, end - at);
      const piece = this.#pieces[index];
      if (piece) use(piece.subarray(within, within + length), at - start);
      at += length;
    }
  }
}
