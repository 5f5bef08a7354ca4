/**
 * Factors with which quantized kernels disturb the outputs of a model least.
 *
 * @module
 */

import { type MinimizeOptions, minimize } from '../../kernels/minimize.ts';
import type { Tell } from '../../model/progress.ts';
import { limited } from './deciding-weights.ts';
import type { EqualRanges } from './equal-ranges.ts';
import { FreeFactors } from './free-factors.ts';
import { GraphNoise, type NoiseTerms } from './graph-noise.ts';
import type { Smoothness } from './kernel-ranges.ts';
import type { Region } from './regions.ts';

type Stage = Smoothness & Pick<MinimizeOptions, 'iterations' | 'tolerance'>;

/**
 * A maximum stands for a sum of powers, which is smooth: first rough and easy to find, then close. Few weights are heavy in either,
 * and a step costs what these cost. How many steps, and the change of the logarithm of the noise at which it is found.
 */
const ROUGH: Stage = { squarings: 3, light: 8, mostLight: 0.6, iterations: 16, tolerance: 1e-2 };
const CLOSE: Stage = { squarings: 5, light: 0.01, mostLight: 0.05, iterations: 48, tolerance: 1e-6 };
/** Looks at all weights at what was found, until they say the same as the heavy ones, up to this part of the noise. */
const MOST_LOOKS = 3;
const SAME = 1e-3;
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
 * @param onProgress called with the steps of the search, and how many it takes at most
 * @returns factors by class, 1 for classes that belong to no region.
 */
export function leastNoise(
  regions: readonly Region[],
  terms: NoiseTerms,
  { scales: start, dead }: Pick<EqualRanges, 'scales' | 'dead'>,
  onProgress: Tell = () => {},
): Float64Array {
  const free = Int32Array.from(regions.flatMap(({ classes }) => classes.filter((at) => !dead.has(at))));
  const scales = new Float64Array(start.length).fill(1);
  for (const at of dead) scales[at] = start[at] ?? 1;
  const factors = new FreeFactors(free, scales);
  const equal = Float64Array.from(free, (at) => Math.log(start[at] ?? 1));
  const bounds = {
    low: equal.map((logScale) => limited(logScale - Math.log(FURTHEST))),
    high: equal.map((logScale) => limited(logScale + Math.log(FURTHEST))),
  };
  const mostSteps = ROUGH.iterations + MOST_LOOKS * CLOSE.iterations;
  const search = (from: Float64Array, stage: Stage, stepsBefore: number): Float64Array =>
    minimize(noise.at, from, {
      ...{ ...bounds, ...stage },
      onStep: (step) => onProgress(stepsBefore + step, mostSteps),
    });
  const noise = new GraphNoise(terms, factors, equal);
  noise.smooth(ROUGH);
  noise.weighGuesses(equal);
  let found = search(equal, ROUGH, 0);
  let value = Infinity;
  for (let looks = 0, isSame = false; looks < MOST_LOOKS && !isSame; looks++) {
    noise.smooth(CLOSE);
    found = search(found, CLOSE, ROUGH.iterations + looks * CLOSE.iterations);
    const expected = noise.of(found);
    value = noise.whole(found);
    isSame = Math.abs(value - expected) < SAME;
  }
  // Factors of 1, or as near to that as the bounds let them.
  const kept = bounds.low.map((least, at) => Math.max(least, Math.min(0, bounds.high[at] as number)));
  const isWorth = noise.least(kept) - value >= LEAST_GAIN || noise.whole(kept) - value >= LEAST_GAIN;
  const best = isWorth ? found : kept;
  factors.set(best, 0);
  return factors.scales;
}
