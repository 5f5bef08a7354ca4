/**
 * Factors with which quantized kernels disturb the outputs of a model least.
 *
 * @module
 */

import { type MinimizeOptions, minimize } from '../../kernels/minimize.ts';
import type { Graph } from '../../model/graph.ts';
import type { Tell } from '../../model/progress.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import { limited } from './deciding-weights.ts';
import type { EqualRanges } from './equal-ranges.ts';
import { FreeFactors } from './free-factors.ts';
import type { Smoothness } from './kernel-ranges.ts';
import { type NoiseTerm, noiseTerms } from './noise-terms.ts';
import type { LayerKernel, Region } from './regions.ts';
import { TensorNoise } from './tensor-noise.ts';
import type { TensorTerm } from './tensor-terms.ts';
import { WeightNoise } from './weight-noise.ts';

/**
 * A maximum stands for a sum of powers, which is smooth: first rough and easy to find, then close. Few weights are heavy in either,
 * and a round costs what these cost.
 */
const ROUGH: Smoothness = { squarings: 3, light: 8, mostLight: 0.3 };
const CLOSE: Smoothness = { squarings: 5, light: 0.1, mostLight: 1e-2 };
/** Steps for each of them, and the change of the logarithm of the noise at which it is found. */
const ITERATIONS = 40;
const TOLERANCE = 1e-4;
/** Looks at all weights at what was found, until they say the same as the heavy ones. */
const MOST_LOOKS = 3;
/**
 * Factors that make the logarithm of the noise smaller by less than this are not worth it: what is found from different starts
 * differs by as much.
 */
const LEAST_GAIN = 1e-2;
/** A factor goes no further than this many times from that of equal ranges, which heeds dead channels and biases. */
const FURTHEST = 30;

/**
 * The factors that make the noise of all kernels and tensors together smallest. That of kernels is `sum over kernels of range² (sum of E[x_i'²] - E[x_i']²)
 * (sum of D_o')`, where the means of errors are corrected with biases: what is left goes with the variances of inputs, and
 * weighs as much as the outputs are sensitive to it. For tensors see {@link TensorTerm}. In the logarithms of the factors that is a convex function, over the
 * whole graph at once: sums of exponentials, products of them, and maxima. A model whose noise is least keeps its factors.
 *
 * @param equal factors of equal ranges, by class; dead channels keep them
 * @param tensors what is rounded besides kernels; nothing where it is left out
 * @param onProgress called with the steps of the search, and how many it takes at most
 * @returns factors by class, 1 for classes that belong to no region.
 */
export function leastNoise(
  regions: readonly Region<LayerKernel>[],
  graph: Graph,
  moments: ActivationMoments,
  { scales: start, dead }: Pick<EqualRanges, 'scales' | 'dead'>,
  tensors: readonly TensorTerm[] = [],
  onProgress: Tell = () => {},
): Float64Array {
  const free = Int32Array.from(new Set(regions.flatMap(({ classes }) => classes))).filter(
    (at) => !dead.has(at),
  );
  const scales = new Float64Array(start.length).fill(1);
  for (const at of dead) scales[at] = start[at] ?? 1;
  const factors = new FreeFactors(free, scales);
  const equal = Float64Array.from(free, (at) => Math.log(start[at] ?? 1));
  const bounds = {
    low: equal.map((logScale) => limited(logScale - Math.log(FURTHEST))),
    high: equal.map((logScale) => limited(logScale + Math.log(FURTHEST))),
  };
  const kernels = noiseTerms(regions, graph, moments);
  factors.set(equal, ROUGH.squarings);
  const weights = weightsOf(kernels, factors);
  const mostSteps = ITERATIONS * (1 + MOST_LOOKS);
  const searchFrom = (steps: number): MinimizeOptions => ({
    ...{ ...bounds, iterations: ITERATIONS, tolerance: TOLERANCE },
    onStep: (step) => onProgress(steps + step, mostSteps),
  });
  const noise = (smoothness: Smoothness): Noise =>
    new Noise({ kernels, weights, tensors }, factors, smoothness);
  let found = minimize(noise(ROUGH).at, equal, searchFrom(0));
  const close = noise(CLOSE);
  let value = Infinity;
  for (let looks = 0, isSame = false; looks < MOST_LOOKS && !isSame; looks++) {
    found = minimize(close.at, found, searchFrom(ITERATIONS * (1 + looks)));
    const expected = close.at(found);
    value = close.look(found);
    isSame = Math.abs(value - expected) < TOLERANCE;
  }
  // Factors of 1, or as near to that as the bounds let them.
  const kept = bounds.low.map((least, at) => Math.max(least, Math.min(0, bounds.high[at] as number)));
  const best = close.look(kept) - value < LEAST_GAIN ? kept : found;
  factors.set(best, 0);
  return factors.scales;
}

/** Guessed variances have no unit: such terms count at the start as much as those that are known do on average. */
function weightsOf(terms: readonly NoiseTerm[], factors: FreeFactors): number[] {
  if (terms.every(({ isKnown }) => isKnown)) return terms.map(() => 1);
  const unused = new Float64Array(factors.count + 1);
  const noises = terms.map((term) => new WeightNoise(term, factors, ROUGH).add(unused));
  const known = noises.filter((noise, index) => noise > 0 && terms[index]?.isKnown);
  const average = Math.exp(known.reduce((sum, noise) => sum + Math.log(noise), 0) / (known.length || 1));
  return terms.map(({ isKnown }, index) => {
    const noise = noises[index] as number;
    return isKnown || noise === 0 ? 1 : average / noise;
  });
}

interface Terms {
  readonly kernels: readonly NoiseTerm[];
  /** The unit of each of them. */
  readonly weights: readonly number[];
  readonly tensors: readonly TensorTerm[];
}

/** The logarithm of all noise as a function of the free factors. */
class Noise {
  readonly #factors: FreeFactors;
  readonly #squarings: number;
  readonly #kernels: readonly WeightNoise[];
  readonly #tensors: readonly TensorNoise[];

  constructor({ kernels, weights, tensors }: Terms, factors: FreeFactors, smoothness: Smoothness) {
    const { squarings } = smoothness;
    this.#factors = factors;
    this.#squarings = squarings;
    this.#kernels = kernels.map((term, index) => new WeightNoise(term, factors, smoothness, weights[index]));
    this.#tensors = tensors.map((term) => new TensorNoise(term, factors, squarings));
  }

  /** The value at a point; the derivatives there are written to `gradient`. */
  readonly at = (logScales: Float64Array, gradient?: Float64Array): number => {
    const { count } = this.#factors;
    const sums = new Float64Array(count + 1);
    this.#factors.set(logScales, this.#squarings);
    let total = 0;
    for (const kernel of this.#kernels) total += kernel.add(sums);
    for (const tensor of this.#tensors) total += tensor.add(sums);
    if (gradient)
      for (let place = 0; place < count; place++) gradient[place] = (sums[place] as number) / total;
    return Math.log(total);
  };

  /** The value at a point, all weights looked at there. */
  look(logScales: Float64Array): number {
    this.#factors.set(logScales, this.#squarings);
    for (const kernel of this.#kernels) kernel.look();
    return this.at(logScales);
  }
}
