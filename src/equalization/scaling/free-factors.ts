/**
 * The factors of a graph that are looked for, and the powers of them that noise is made of.
 *
 * @module
 */

import { powerOf } from '../../kernels/power-sums.ts';

/** What terms of noise need of factors at a point `ln s`: by place, and 1 behind the last for factors that are fixed. */
export class FreeFactors {
  /** How many there are. */
  readonly count: number;
  /** By class its place; {@link count} where the factor is fixed. */
  readonly placeOf: Int32Array;
  /** By class; those that are free are as at the last point. */
  readonly scales: Float64Array;
  readonly squares: Float64Array;
  readonly inverseSquares: Float64Array;
  /** `s^p` and `s^-p`, `p = 2^squarings`. */
  readonly powers: Float64Array;
  readonly inversePowers: Float64Array;
  readonly #classes: Int32Array;

  /**
   * @param classes those whose factors are free
   * @param scales by class
   */
  constructor(classes: Int32Array, scales: Float64Array) {
    this.#classes = classes;
    this.count = classes.length;
    this.scales = scales.slice();
    this.placeOf = new Int32Array(scales.length).fill(classes.length);
    for (let place = 0; place < classes.length; place++) this.placeOf[classes[place] as number] = place;
    const ones = (): Float64Array => new Float64Array(classes.length + 1).fill(1);
    this.squares = ones();
    this.inverseSquares = ones();
    this.powers = ones();
    this.inversePowers = ones();
  }

  /** Goes to the point. */
  set(logScales: Float64Array, squarings: number): void {
    for (let place = 0; place < this.count; place++) {
      const scale = Math.exp(logScales[place] as number);
      const square = scale * scale;
      const power = powerOf(square, squarings - 1);
      this.scales[this.#classes[place] as number] = scale;
      this.squares[place] = square;
      this.inverseSquares[place] = 1 / square;
      this.powers[place] = power;
      this.inversePowers[place] = 1 / power;
    }
  }

  /** The places of classes. */
  placesOf(classes: Int32Array): Int32Array {
    return classes.map((at) => this.placeOf[at] as number);
  }

  /** What a value that goes with a power of a fixed factor is with it; the value itself where the factor is free. */
  fixed(values: Float64Array, classes: Int32Array, power: number): Float64Array {
    return values.map((value, index) => {
      const at = classes[index] as number;
      return this.placeOf[at] === this.count ? value * (this.scales[at] as number) ** power : value;
    });
  }
}
