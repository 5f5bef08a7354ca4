/**
 * The noise of tensors on grids, and how it changes with the factors of channels.
 *
 * @module
 */

import { addScattered, sumOf, timesGathered } from '../../kernels/gathered.ts';
import { largestOf } from '../../tensor/extremes.ts';
import { TENSOR_COUNT } from '../noise/rounded-tensors.ts';
import type { FreeFactors } from './free-factors.ts';
import type { TensorTerm } from './tensor-terms.ts';

/**
 * The noise of a tensor beside that of a kernel: the squares of their steps, of 255 on a width and of 127 on the largest
 * weight, and by how much less tensors count than their terms say.
 */
const TENSOR_WEIGHT = TENSOR_COUNT * (127 / 255) ** 2;

/** The noise of the tensors of a grid as a function of the free factors. */
export class TensorNoise {
  readonly #factors: FreeFactors;
  readonly #exponent: number;
  /** The free factors that there are in it, each once, and one more for all others together. */
  readonly #places: Int32Array;
  /** What the channels of each reach, as sums of powers in parts of the largest. */
  readonly #up: PowersOfReach;
  readonly #down: PowersOfReach;
  readonly #sensitivities: Float64Array;
  /** What is computed at a point, written over at the next. */
  readonly #at: Readonly<Record<'heard' | 'above' | 'below', Float64Array>>;

  /** @param squarings the maximum stands for `(sum of v^p)^(1/p)` with p = 2^squarings */
  constructor({ classes, up, down, sensitivities }: TensorTerm, factors: FreeFactors, squarings: number) {
    this.#factors = factors;
    this.#exponent = 2 ** squarings;
    const places = factors.placesOf(classes);
    this.#places = Int32Array.from(new Set(places));
    const indexOf = new Map(Array.from(this.#places, (place, index) => [place, index]));
    const indices = places.map((place) => indexOf.get(place) ?? 0);
    const gathered = (values: Float64Array): Float64Array => {
      const sums = new Float64Array(this.#places.length);
      addScattered(sums, indices, values, 1);
      return sums;
    };
    const reach = (values: Float64Array): PowersOfReach => {
      const largest = largestOf(values);
      const powers = factors.fixed(
        values.map((value) => (largest > 0 ? (value / largest) ** this.#exponent : 0)),
        classes,
        -this.#exponent,
      );
      return { largest, powers: gathered(powers) };
    };
    this.#up = reach(up);
    this.#down = reach(down);
    this.#sensitivities = gathered(factors.fixed(sensitivities, classes, 2));
    const empty = (): Float64Array => new Float64Array(this.#places.length);
    this.#at = { heard: empty(), above: empty(), below: empty() };
  }

  /** The noise at the factors as they are, whose derivatives by the logarithms of the free ones are added to `gradient`. */
  add(gradient: Float64Array): number {
    const { squares, inversePowers } = this.#factors;
    const { heard, above, below } = this.#at;
    timesGathered(this.#sensitivities, squares, this.#places, heard);
    timesGathered(this.#up.powers, inversePowers, this.#places, above);
    timesGathered(this.#down.powers, inversePowers, this.#places, below);
    const [aboveSum, belowSum, all] = [sumOf(above), sumOf(below), sumOf(heard)];
    const [high, low] = [this.#soft(this.#up, aboveSum), this.#soft(this.#down, belowSum)];
    const width = high + low;
    if (width === 0 || all === 0) return 0;
    const noise = TENSOR_WEIGHT * width ** 2 * all;
    addScattered(gradient, this.#places, heard, (2 * noise) / all);
    if (high > 0) addScattered(gradient, this.#places, above, (-2 * noise * high) / (width * aboveSum));
    if (low > 0) addScattered(gradient, this.#places, below, (-2 * noise * low) / (width * belowSum));
    return noise;
  }

  #soft({ largest }: PowersOfReach, sum: number): number {
    return sum > 0 ? largest * sum ** (1 / this.#exponent) : 0;
  }
}

interface PowersOfReach {
  readonly largest: number;
  readonly powers: Float64Array;
}
