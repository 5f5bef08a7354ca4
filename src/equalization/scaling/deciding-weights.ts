/**
 * The weights that decide the ranges, in logarithms.
 *
 * Of all weights of a kernel the ranges hang on a few: the largest of each channel at the factors tried so far. On these a
 * round costs as much as there are channels, where a look at the kernels costs as much as there are weights.
 *
 * @module
 */

import type { KernelSide } from './kernel-ranges.ts';

/** The limit of `ln s`. */
const LOG_LIMIT = Math.log(1e3);

/** Whether a factor is at the limit, or as good as there. */
export function isAtLimit(logScale: number): boolean {
  return Math.abs(logScale) > LOG_LIMIT - 1e-3;
}

/** `ln s` within the limit. */
export function limited(logScale: number): number {
  return Math.min(LOG_LIMIT, Math.max(-LOG_LIMIT, logScale));
}

/** For each class the known weights that write or read it, and the two among them that decide its ranges. */
export class DecidingWeights {
  /** `ln |w|`, the class on the other side of the kernel, and the next entry of the same class (-1: none). */
  #values = new Float64Array(1 << 12);
  #others = new Int32Array(1 << 12);
  #next = new Int32Array(1 << 12);
  #count = 0;
  readonly #first: Readonly<Record<KernelSide, Int32Array>>;
  /** The same in the order of the classes: what writes class c, then what reads it, from `starts[2 c]` and `starts[2 c + 1]`. */
  #packed = { starts: new Int32Array(1), values: new Float64Array(0), others: new Int32Array(0) };
  /** `ln` of the largest weight of a class on either side, but for the factor of the class itself; see {@link bind}. */
  readonly largest: Readonly<Record<KernelSide, Float64Array>>;
  /** The class on the other side of the one that writes, and of the one that reads. */
  readonly before: Int32Array;
  readonly behind: Int32Array;
  /** Half of `ln` of the first of the two over the second, without any factor. */
  readonly offsets: Float64Array;

  /** @param classes how many classes there are */
  constructor(classes: number) {
    this.#first = { written: new Int32Array(classes).fill(-1), read: new Int32Array(classes).fill(-1) };
    this.largest = { written: new Float64Array(classes), read: new Float64Array(classes) };
    this.before = new Int32Array(classes);
    this.behind = new Int32Array(classes);
    this.offsets = new Float64Array(classes);
  }

  /** Takes a weight in, by its logarithm; it counts from the next {@link pack} on. */
  add(side: KernelSide, at: number, other: number, value: number): void {
    if (!(value > -Infinity)) return;
    const first = this.#first[side];
    for (let entry = first[at] as number; entry >= 0; entry = this.#next[entry] as number) {
      if (this.#others[entry] !== other) continue;
      if (value > (this.#values[entry] as number)) this.#values[entry] = value;
      return;
    }
    if (this.#count === this.#values.length) this.#grow();
    this.#values[this.#count] = value;
    this.#others[this.#count] = other;
    this.#next[this.#count] = first[at] as number;
    first[at] = this.#count++;
  }

  /** Brings the weights into the order of their classes, in which sweeps go through them. */
  pack(): void {
    const classes = this.before.length;
    const starts = new Int32Array(2 * classes + 1);
    const values = new Float64Array(this.#count);
    const others = new Int32Array(this.#count);
    const sides = [this.#first.written, this.#first.read];
    let place = 0;
    for (let list = 0; list < 2 * classes; list++) {
      starts[list] = place;
      const first = sides[list % 2]?.[list >> 1] ?? -1;
      for (let entry = first; entry >= 0; entry = this.#next[entry] as number) {
        values[place] = this.#values[entry] as number;
        others[place++] = this.#others[entry] as number;
      }
    }
    starts[2 * classes] = place;
    this.#packed = { starts, values, others };
  }

  /** Finds the two weights that decide the ranges of each of the classes at these factors. */
  bind(classes: ArrayLike<number>, logScales: Float64Array): void {
    const { starts, values, others } = this.#packed;
    const { largest, before, behind, offsets } = this;
    for (let place = 0; place < classes.length; place++) {
      const at = classes[place] as number;
      const middle = starts[2 * at + 1] as number;
      const end = starts[2 * at + 2] as number;
      let writing = -Infinity;
      let reading = -Infinity;
      let first = 0;
      let second = 0;
      for (let entry = starts[2 * at] as number; entry < middle; entry++) {
        const value = (values[entry] as number) + (logScales[others[entry] as number] as number);
        if (value > writing) {
          writing = value;
          first = entry;
        }
      }
      for (let entry = middle; entry < end; entry++) {
        const value = (values[entry] as number) - (logScales[others[entry] as number] as number);
        if (value > reading) {
          reading = value;
          second = entry;
        }
      }
      largest.written[at] = writing;
      largest.read[at] = reading;
      before[at] = others[first] as number;
      behind[at] = others[second] as number;
      offsets[at] = ((values[first] as number) - (values[second] as number)) / 2;
    }
  }

  /** `ln s` of the class at which its two ranges match, `w1 s_before / s = w2 s / s_behind`, within the limit. */
  goal(at: number, logScales: Float64Array): number {
    const before = logScales[this.before[at] as number] as number;
    const behind = logScales[this.behind[at] as number] as number;
    return limited((this.offsets[at] as number) + (before + behind) / 2);
  }

  /** Steps from the factors of the classes to their {@link goal}s; returns the largest. */
  stepsOf(classes: Int32Array, logScales: Float64Array, steps: Float64Array): number {
    let largest = 0;
    for (let place = 0; place < classes.length; place++) {
      const at = classes[place] as number;
      const step = this.goal(at, logScales) - (logScales[at] as number);
      steps[place] = step;
      largest = Math.max(largest, Math.abs(step));
    }
    return largest;
  }

  #grow(): void {
    const grown = <Values extends Float64Array | Int32Array>(to: Values, from: Values): Values => {
      to.set(from);
      return to;
    };
    const size = 2 * this.#values.length;
    this.#values = grown(new Float64Array(size), this.#values);
    this.#others = grown(new Int32Array(size), this.#others);
    this.#next = grown(new Int32Array(size), this.#next);
  }
}
