/**
 * The noise of a graph as a function of the factors of its channels.
 *
 * @module
 */

import type { FreeFactors } from './free-factors.ts';
import type { Smoothness } from './kernel-ranges.ts';
import { NoiseSlopes } from './noise-slopes.ts';
import type { NoiseTerm } from './noise-terms.ts';
import { TensorNoise } from './tensor-noise.ts';
import type { TensorTerm } from './tensor-terms.ts';
import { WeightNoise } from './weight-noise.ts';

/**
 * How much half the mean square of the distances from equal ranges counts beside the logarithm of the noise. The noise hardly
 * depends on some of the factors: this decides about them, whatever way they are looked for, and makes the noise larger by about a
 * thousandth at most.
 */
const PULL = 0.08;
/** The least curvature of a factor, in parts of an average one: what next to nothing depends on does not run ahead. */
const LEAST_CURVATURE = 1;

/** What makes noise: kernels, and tensors where these are rounded too. */
export interface NoiseTerms {
  readonly kernels: readonly NoiseTerm[];
  readonly tensors: readonly TensorTerm[];
}

/** The logarithm of the noise of all kernels and tensors. */
export class GraphNoise {
  readonly #factors: FreeFactors;
  readonly #equal: Float64Array;
  readonly #kernels: readonly WeightNoise[];
  readonly #tensors: readonly TensorNoise[];
  readonly #slopes: NoiseSlopes;
  #squarings = 0;

  /**
   * Until {@link smooth} is called it knows nothing.
   *
   * @param equal the logarithms of the free factors of equal ranges
   */
  constructor({ kernels, tensors }: NoiseTerms, factors: FreeFactors, equal: Float64Array) {
    this.#factors = factors;
    this.#equal = equal;
    this.#kernels = kernels.map((term) => new WeightNoise(term, factors));
    this.#tensors = tensors.map((term) => new TensorNoise(term, factors));
    this.#slopes = new NoiseSlopes(factors.count);
  }

  /** Has maxima stand for other powers from here on; all weights are looked at at the next point. */
  smooth(smoothness: Smoothness): void {
    this.#squarings = smoothness.squarings;
    for (const kernel of this.#kernels) kernel.smooth(smoothness);
    for (const tensor of this.#tensors) tensor.smooth(smoothness.squarings);
  }

  /**
   * Guessed variances have no unit: such kernels count from here on as much as those that are known do at this point, on average.
   */
  weighGuesses(logScales: Float64Array): void {
    if (this.#kernels.every(({ isKnown }) => isKnown)) return;
    this.#factors.set(logScales, this.#squarings);
    const noises = this.#kernels.map((kernel) => kernel.add(this.#slopes));
    const known = noises.filter((noise, index) => noise > 0 && this.#kernels[index]?.isKnown);
    const average = Math.exp(known.reduce((sum, noise) => sum + Math.log(noise), 0) / (known.length || 1));
    for (const [index, kernel] of this.#kernels.entries()) {
      const noise = noises[index] as number;
      if (!kernel.isKnown && noise > 0) kernel.weight = average / noise;
    }
  }

  /** The value at a point, by what is known of the weights there. */
  of(logScales: Float64Array): number {
    return Math.log(this.#noise(logScales, (kernel) => kernel.add(this.#slopes)));
  }

  /** The value at a point, all weights looked at. */
  whole(logScales: Float64Array): number {
    return Math.log(this.#noise(logScales, (kernel) => kernel.whole()));
  }

  /** What the value at a point is at least, without a look. */
  least(logScales: Float64Array): number {
    return Math.log(this.#noise(logScales, (kernel) => kernel.least()));
  }

  /** The value at a point and how far that is from equal ranges, as `minimize` wants it. */
  readonly at = (logScales: Float64Array, gradient: Float64Array, curvature: Float64Array): number => {
    this.#slopes.clear();
    const total = this.#noise(logScales, (kernel) => kernel.add(this.#slopes));
    const part = 1 / (logScales.length || 1);
    let distance = 0;
    for (let place = 0; place < logScales.length; place++) {
      const away = (logScales[place] as number) - (this.#equal[place] as number);
      distance += away * away;
      gradient[place] = PULL * part * away;
      curvature[place] = (PULL + LEAST_CURVATURE) * part;
    }
    this.#slopes.addTo(gradient, curvature, total, 2 ** this.#squarings);
    return Math.log(total) + (PULL * part * distance) / 2;
  };

  /** The noise at a point; the slopes of what is asked for them grow. */
  #noise(logScales: Float64Array, noiseOf: (kernel: WeightNoise) => number): number {
    this.#factors.set(logScales, this.#squarings);
    let total = 0;
    for (const kernel of this.#kernels) total += noiseOf(kernel);
    for (const tensor of this.#tensors) total += tensor.add(this.#slopes);
    return total;
  }
}
