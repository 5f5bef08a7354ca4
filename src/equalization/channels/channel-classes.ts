/**
 * Channels that have to be scaled by the same factor.
 *
 * @module
 */

/**
 * Union-find over channels: two channels in one class share their factor, and a class that is closed keeps the factor 1.
 */
export class ChannelClasses<Cause> {
  #parents = new Int32Array(1 << 10);
  #count = 0;
  readonly #causes = new Map<number, Cause>();

  /** `count` new channels, each in a class of its own; their indices follow one another. */
  add(count: number): Int32Array {
    const first = this.#count;
    this.#count += count;
    if (this.#count > this.#parents.length) {
      const grown = new Int32Array(Math.max(this.#count, 2 * this.#parents.length));
      grown.set(this.#parents);
      this.#parents = grown;
    }
    const added = new Int32Array(count);
    for (let index = 0; index < count; index++) added[index] = first + index;
    this.#parents.set(added, first);
    return added;
  }

  /** Number of channels. */
  get size(): number {
    return this.#count;
  }

  /** The channel that stands for the class of `channel`. */
  find(channel: number): number {
    let root = channel;
    while ((this.#parents[root] as number) !== root) root = this.#parents[root] as number;
    for (let at = channel; at !== root; ) {
      const next = this.#parents[at] as number;
      this.#parents[at] = root;
      at = next;
    }
    return root;
  }

  /** Makes one class of two; closed if either was, with the cause of the older one. */
  join(one: number, other: number): void {
    const root = this.find(one);
    const otherRoot = this.find(other);
    if (root === otherRoot) return;
    const kept = Math.min(root, otherRoot);
    const gone = Math.max(root, otherRoot);
    this.#parents[gone] = kept;
    const cause = this.#causes.get(gone);
    this.#causes.delete(gone);
    if (cause !== undefined && !this.#causes.has(kept)) this.#causes.set(kept, cause);
  }

  /** {@link join} for lists of the same length, channel by channel. */
  joinAll(ones: ArrayLike<number>, others: ArrayLike<number>): void {
    if (ones.length !== others.length) throw new RangeError(`${ones.length} and ${others.length} channels`);
    for (let index = 0; index < ones.length; index++)
      this.join(ones[index] as number, others[index] as number);
  }

  /** Closes the classes of these channels; the cause that was there first stays. */
  close(channels: ArrayLike<number>, cause: Cause): void {
    for (let index = 0; index < channels.length; index++) {
      const root = this.find(channels[index] as number);
      if (!this.#causes.has(root)) this.#causes.set(root, cause);
    }
  }

  /** Why the class of `channel` is closed; undefined where it is open. */
  causeOf(channel: number): Cause | undefined {
    return this.#causes.get(this.find(channel));
  }
}
