/** Bytes between two pauses: some 10 ms of writing. */
const BYTES_BETWEEN = 2 ** 25;

/**
 * Lets timers, messages and signals through in the middle of long writes, which are otherwise one long turn: without
 * it neither Ctrl-C nor a page's cancel button would reach anybody before the end.
 */
export class Pauses {
  #bytes = 0;

  /** Counts `bytes` that were written, and pauses when there were many since the last time. */
  async after(bytes: number): Promise<void> {
    this.#bytes += bytes;
    if (this.#bytes < BYTES_BETWEEN) return;
    this.#bytes = 0;
    await new Promise((resolve) => setTimeout(resolve));
  }
}
