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
export class ActiveRanges {
  /** `ln |w|`, the class on the other side of the kernel, and the next entry of the same class (-1: none). */
  #values = new Float64Array(1 << 12);
  #others = new Int32Array(1 << 12);
  #next = new Int32Array(1 << 12);
  #count = 0;
  readonly #first: Readonly<Record<KernelSide, Int32Array>>;
  /** The same in the order of the classes: what writes class c, then what reads it, from `starts[2 c]` and `starts[2 c + 1]`. */
  #packed = { starts: new Int32Array(1), values: new Float64Array(0), others: new Int32Array(0) };
  /** The class on the other side of the weight that decides what writes a class, and what reads it; see {@link bind}. */
  readonly before: Int32Array;
  readonly behind: Int32Array;
  /** Half of `ln` of the first of the two weights over the second. */
  readonly offsets: Float64Array;

  /** @param classes how many classes there are */
  constructor(classes: number) {
    this.#first = { written: new Int32Array(classes).fill(-1), read: new Int32Array(classes).fill(-1) };
    this.before = new Int32Array(classes);
    this.behind = new Int32Array(classes);
    this.offsets = new Float64Array(classes);
  }

  /** Takes a weight in; it counts from the next {@link pack} on. */
  add(side: KernelSide, at: number, other: number, magnitude: number): void {
    if (!(magnitude > 0)) return;
    const value = Math.log(magnitude);
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
    const { written, read } = this.#first;
    let place = 0;
    for (let at = 0; at < classes; at++) {
      starts[2 * at] = place;
      for (let entry = written[at] as number; entry >= 0; entry = this.#next[entry] as number) {
        values[place] = this.#values[entry] as number;
        others[place++] = this.#others[entry] as number;
      }
      starts[2 * at + 1] = place;
      for (let entry = read[at] as number; entry >= 0; entry = this.#next[entry] as number) {
        values[place] = this.#values[entry] as number;
        others[place++] = this.#others[entry] as number;
      }
    }
    starts[2 * classes] = place;
    this.#packed = { starts, values, others };
  }

  /** The ranges of the classes as far as these weights tell them, but for the factor of the class itself. */
  ranges(logScales: Float64Array): Record<KernelSide, Float64Array> {
    const classes = this.before.length;
    const { starts, values, others } = this.#packed;
    const [written, read] = [new Float64Array(classes), new Float64Array(classes)];
    for (let at = 0; at < classes; at++) {
      let writing = -Infinity;
      let reading = -Infinity;
      const middle = starts[2 * at + 1] as number;
      const end = starts[2 * at + 2] as number;
      for (let entry = starts[2 * at] as number; entry < middle; entry++) {
        writing = Math.max(
          writing,
          (values[entry] as number) + (logScales[others[entry] as number] as number),
        );
      }
      for (let entry = middle; entry < end; entry++) {
        reading = Math.max(
          reading,
          (values[entry] as number) - (logScales[others[entry] as number] as number),
        );
      }
      written[at] = Math.exp(writing);
      read[at] = Math.exp(reading);
    }
    return { written, read };
  }

  /** Finds the two weights that decide the ranges of a class at these factors. It must have a weight on either side. */
  bind(at: number, logScales: Float64Array): void {
    this.bindAll([at], logScales);
  }

  /** {@link bind} for each of the classes. */
  bindAll(classes: ArrayLike<number>, logScales: Float64Array): void {
    const { starts, values, others } = this.#packed;
    const { before, behind, offsets } = this;
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
    const { before, behind, offsets } = this;
    let largest = 0;
    for (let place = 0; place < classes.length; place++) {
      const at = classes[place] as number;
      const around =
        (logScales[before[at] as number] as number) + (logScales[behind[at] as number] as number);
      const goal = limited((offsets[at] as number) + around / 2);
      const step = goal - (logScales[at] as number);
      steps[place] = step;
      if (step > largest) largest = step;
      else if (-step > largest) largest = -step;
    }
    return largest;
  }

  #grow(): void {
    const size = 2 * this.#values.length;
    const grown = <Values extends Float64Array | Int32Array>(to: Values, from: Values): Values => {
      to.set(from);
      return to;
    };
    this.#values = grown(new Float64Array(size), this.#values);
    this.#others = grown(new Int32Array(size), this.#others);
    this.#next = grown(new Int32Array(size), this.#next);
  }
}
