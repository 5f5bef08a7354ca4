import type { ByteSink } from '../bytes.ts';
import { Pauses } from '../pause.ts';

const ALIGNMENT = 8;
/** Headers and small weights are written together up to this size: each write is a call of the system. */
const GATHERED_BYTES = 2 ** 16;

/** Hands out the bytes of a file being written, one piece behind the other, aligned to 8. */
export class FileSpace {
  readonly #sink: ByteSink;
  /** Where address 0 lies in the sink: behind the user block. */
  readonly #base: number;
  readonly #pauses = new Pauses();
  #end: number;
  readonly #gathered = new Uint8Array(GATHERED_BYTES);
  /** Where what is gathered belongs. */
  #from = 0;
  #count = 0;

  constructor(sink: ByteSink, base: number, reserved: number) {
    this.#sink = sink;
    this.#base = base;
    this.#end = reserved;
  }

  /** The first address that was not handed out. */
  get end(): number {
    return this.#end;
  }

  /** An address with room for `size` bytes. */
  allocate(size: number): number {
    const address = this.#end;
    this.#end += Math.ceil(size / ALIGNMENT) * ALIGNMENT;
    return address;
  }

  /** Writes `bytes` at a new address. */
  write(bytes: Uint8Array): number {
    const address = this.allocate(bytes.length);
    this.writeAt(address, bytes);
    return address;
  }

  writeAt(address: number, bytes: Uint8Array): void {
    const gap = address - (this.#from + this.#count);
    if (gap < 0 || gap >= ALIGNMENT || this.#count + gap + bytes.length > GATHERED_BYTES) this.flush();
    if (bytes.length > GATHERED_BYTES) {
      this.#sink.write(this.#base + address, bytes);
      return;
    }
    if (this.#count === 0) this.#from = address;
    const at = address - this.#from;
    this.#gathered.fill(0, this.#count, at);
    this.#gathered.set(bytes, at);
    this.#count = at + bytes.length;
  }

  /** Writes what is gathered. */
  flush(): void {
    const bytes = this.#gathered.subarray(0, this.#count);
    this.#count = 0;
    if (bytes.length > 0) this.#sink.write(this.#base + this.#from, bytes);
  }

  /** {@link writeAt} for large pieces: pauses now and then. */
  async writeLarge(address: number, bytes: Uint8Array): Promise<void> {
    this.writeAt(address, bytes);
    await this.#pauses.after(bytes.length);
  }
}
