import type { ByteSink } from '../bytes.ts';
import { Pauses } from '../pause.ts';

/** Hands out the bytes of a file being written, one piece behind the other, aligned to 8. */
export class FileSpace {
  readonly #sink: ByteSink;
  /** Where address 0 lies in the sink: behind the user block. */
  readonly #base: number;
  readonly #pauses = new Pauses();
  #end: number;

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
    this.#end += Math.ceil(size / 8) * 8;
    return address;
  }

  /** Writes `bytes` at a new address. */
  write(bytes: Uint8Array): number {
    const address = this.allocate(bytes.length);
    this.writeAt(address, bytes);
    return address;
  }

  writeAt(address: number, bytes: Uint8Array): void {
    this.#sink.write(this.#base + address, bytes);
  }

  /** {@link writeAt} for large pieces: pauses now and then. */
  async writeLarge(address: number, bytes: Uint8Array): Promise<void> {
    this.writeAt(address, bytes);
    await this.#pauses.after(bytes.length);
  }
}
