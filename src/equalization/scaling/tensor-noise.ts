/**
 * The noise of tensors on grids, and how it changes with the factors of channels.
 *
 * @module
 */

import { addScattered, sumOf, timesGathered } from '../../kernels/gathered.ts';
import { powerOf } from '../../kernels/power-sums.ts';
import { largestOf } from '../../tensor/extremes.ts';
import { TENSOR_COUNT } from '../noise/rounded-tensors.ts';
import type { FreeFactors } from './free-factors.ts';
import type { NoiseSlopes } from './noise-slopes.ts';
import type { TensorTerm } from './tensor-terms.ts';

/**
 * The noise of a tensor beside that of a kernel: the squares of their steps, of 255 on a width and of 127 on the largest
 * weight, and by how much less tensors count than their terms say.
 */
const TENSOR_WEIGHT = TENSOR_COUNT * (127 / 255) ** 2;

/** The noise of the tensors of a grid as a function of the free factors. */
export class TensorNoise {
  readonly #factors: FreeFactors;
  /** The free factors that there are in it, each once, and one more for all others together. */
  readonly #places: Int32Array;
  /** Of each channel the index of its factor among those. */
  readonly #indices: Int32Array;
  readonly #up: Reach;
  readonly #down: Reach;
  readonly #sensitivities: Float64Array;
  #exponent = 1;
  /** What is computed at a point, written over at the next. */
  readonly #at: Readonly<Record<'heard' | 'above' | 'below', Float64Array>>;

  /** It is known once {@link smooth} was called. */
  constructor({ classes, up, down, sensitivities }: TensorTerm, factors: FreeFactors) {
    this.#factors = factors;
    const places = factors.placesOf(classes);
    this.#places = Int32Array.from(new Set(places));
    const indexOf = new Int32Array(factors.count + 1);
    for (const [index, place] of this.#places.entries()) indexOf[place] = index;
    this.#indices = places.map((place) => indexOf[place] as number);
    const sums = (): Float64Array => new Float64Array(this.#places.length);
    const reach = (values: Float64Array): Reach => {
      const ofChannels = factors.fixed(values, classes, -1);
      const largest = largestOf(ofChannels, 0);
      const parts = largest > 0 ? ofChannels.map((value) => value / largest) : ofChannels;
      return { largest, parts, powers: sums() };
    };
    this.#up = reach(up);
    this.#down = reach(down);
    this.#sensitivities = sums();
    addScattered(this.#sensitivities, this.#indices, factors.fixed(sensitivities, classes, 2), 1);
    this.#at = { heard: sums(), above: sums(), below: sums() };
  }

  /** From here on the maximum stands for `(sum of v^p)^(1/p)` with `p = 2^squarings`. */
  smooth(squarings: number): void {
    this.#exponent = 2 ** squarings;
    for (const { parts, powers } of [this.#up, this.#down]) {
      powers.fill(0);
      addScattered(
        powers,
        this.#indices,
        parts.map((part) => powerOf(part, squarings)),
        1,
      );
    }
  }

  /** The noise at the factors as they are, whose derivatives are added to `slopes`. */
  add({ rising, steepFalling }: NoiseSlopes): number {
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
    addScattered(rising, this.#places, heard, (2 * noise) / all);
    if (high > 0) addScattered(steepFalling, this.#places, above, (2 * noise * high) / (width * aboveSum));
    if (low > 0) addScattered(steepFalling, this.#places, below, (2 * noise * low) / (width * belowSum));
    return noise;
  }

  #soft({ largest }: Reach, sum: number): number {
    return sum > 0 ? largest * sum ** (1 / this.#exponent) : 0;
  }
}

/** What the channels reach on one side of zero, in parts of the largest, and by factor the sums of powers of that. */
interface Reach {
  readonly largest: number;
  readonly parts: Float64Array;
  readonly powers: Float64Array;
}
