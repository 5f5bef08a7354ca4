/**
 * Factors with which quantized kernels disturb the outputs of a model least.
 *
 * @module
 */

import { minimize } from '../../kernels/minimize.ts';
import type { Graph } from '../../model/graph.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import { limited } from './deciding-weights.ts';
import type { EqualRanges } from './equal-ranges.ts';
import type { SoftRange } from './kernel-ranges.ts';
import { type NoiseTerm, noiseTerms } from './noise-terms.ts';
import type { LayerKernel, Region } from './regions.ts';
import { addTensorNoise, sumOf } from './tensor-noise.ts';
import type { TensorTerm } from './tensor-terms.ts';

/**
 * A maximum stands for `(sum of w^p)^(1/p)`, which is smooth, with p = 2^squarings: first rough and easy to find, then close.
 */
const SQUARINGS = [3, 5] as const;
/** Steps for each of them, and the change of the logarithm of the noise at which it is found. */
const ITERATIONS = 40;
const TOLERANCE = 1e-4;
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
 * @returns factors by class, 1 for classes that belong to no region.
 */
export function leastNoise(
  regions: readonly Region<LayerKernel>[],
  graph: Graph,
  moments: ActivationMoments,
  { scales: start, dead }: Pick<EqualRanges, 'scales' | 'dead'>,
  tensors: readonly TensorTerm[] = [],
): Float64Array {
  const terms: Terms = { kernels: weighted(noiseTerms(regions, graph, moments), start), tensors };
  const [low, high] = [new Float64Array(start.length), new Float64Array(start.length)];
  const members = new Set(regions.flatMap(({ classes }) => classes));
  for (const at of members) {
    const logScale = Math.log(start[at] ?? 1);
    const reach = dead.has(at) ? 0 : Math.log(FURTHEST);
    low[at] = limited(logScale - reach);
    high[at] = limited(logScale + reach);
  }
  let logScales: Float64Array = Float64Array.from(start, Math.log);
  // Factors of 1, or as near to that as the bounds let them.
  const kept = low.map((least, at) => Math.max(least, Math.min(0, high[at] as number)));
  for (const squarings of SQUARINGS) {
    const f = (x: Float64Array, gradient: Float64Array): number => logNoise(terms, squarings, x, gradient);
    logScales = minimize(f, logScales, { low, high, iterations: ITERATIONS, tolerance: TOLERANCE });
  }
  const noise = (x: Float64Array): number => logNoise(terms, SQUARINGS[1], x, new Float64Array(x.length));
  return (noise(kept) - noise(logScales) < LEAST_GAIN ? kept : logScales).map(Math.exp);
}

/** A term, and the unit of its noise. */
type WeightedTerm = NoiseTerm & { readonly weight: number };

/** Guessed variances have no unit: such terms count at the start as much as those that are known do on average. */
function weighted(terms: readonly NoiseTerm[], start: Float64Array): WeightedTerm[] {
  if (terms.every(({ isKnown }) => isKnown)) return terms.map((term) => ({ ...term, weight: 1 }));
  const noises = terms.map((term) => noiseOf(term, SQUARINGS[0], start).noise);
  const known = noises.filter((noise, index) => noise > 0 && terms[index]?.isKnown);
  const average = Math.exp(known.reduce((sum, noise) => sum + Math.log(noise), 0) / (known.length || 1));
  return terms.map((term, index) => {
    const noise = noises[index] as number;
    return { ...term, weight: term.isKnown || noise === 0 ? 1 : average / noise };
  });
}

interface Terms {
  readonly kernels: readonly WeightedTerm[];
  readonly tensors: readonly TensorTerm[];
}

/** The logarithm of all noise, and its derivatives by the logarithms of the factors. */
function logNoise(
  { kernels, tensors }: Terms,
  squarings: number,
  logScales: Float64Array,
  gradient: Float64Array,
): number {
  gradient.fill(0);
  const scales = logScales.map(Math.exp);
  let total = 0;
  for (const term of kernels) total += addNoise(term, squarings, scales, gradient);
  for (const term of tensors) total += addTensorNoise(term, squarings, scales, gradient);
  for (let at = 0; at < gradient.length; at++) gradient[at] = (gradient[at] ?? 0) / total;
  return Math.log(total);
}

/** The noise of one kernel, and what has which part in it. */
function noiseOf(
  term: NoiseTerm,
  squarings: number,
  scales: Float64Array,
): { readonly noise: number; readonly range: SoftRange; readonly passed: Passed } {
  const range = term.ranges.softRange(scales, squarings);
  const passed = term.kind === 'pairs' ? passedPairs(term, scales) : passedMatrix(term, scales);
  return { noise: range.square * passed.sum, range, passed };
}

/** The weighted noise of one kernel, whose derivatives are added to the gradient. */
function addNoise(
  term: WeightedTerm,
  squarings: number,
  scales: Float64Array,
  gradient: Float64Array,
): number {
  const { noise: plain, range, passed } = noiseOf(term, squarings, scales);
  if (range.sum === 0) return 0;
  const noise = term.weight * plain;
  const add = (classes: Int32Array, shares: Float64Array, factor: number): void => {
    for (let index = 0; index < classes.length; index++) {
      const at = classes[index] as number;
      gradient[at] = (gradient[at] as number) + factor * (shares[index] as number);
    }
  };
  add(term.ranges.inputs, range.read, (2 * noise) / range.sum);
  add(term.ranges.outputs, range.written, (-2 * noise) / range.sum);
  add(term.inputs, passed.inputs, (-2 * noise) / passed.inputSum);
  add(term.outputs, passed.outputs, (2 * noise) / passed.outputSum);
  return noise;
}

/** What errors of the size 1 become, and the shares that channels have in it. */
interface Passed {
  readonly sum: number;
  readonly inputs: Float64Array;
  readonly inputSum: number;
  readonly outputs: Float64Array;
  readonly outputSum: number;
}

function passedMatrix(
  { inputs, variances, outputs, sensitivities }: NoiseTerm,
  scales: Float64Array,
): Passed {
  const read = variances.map(
    (variance, index) => variance / (scales[inputs[index] as number] as number) ** 2,
  );
  const written = sensitivities.map((one, index) => one * (scales[outputs[index] as number] as number) ** 2);
  const [inputSum, outputSum] = [sumOf(read), sumOf(written)];
  return { sum: inputSum * outputSum, inputs: read, inputSum, outputs: written, outputSum };
}

function passedPairs({ inputs, variances, outputs, sensitivities }: NoiseTerm, scales: Float64Array): Passed {
  const shares = variances.map((variance, pair) => {
    const ratio = (scales[outputs[pair] as number] as number) / (scales[inputs[pair] as number] as number);
    return variance * (sensitivities[pair] as number) * ratio ** 2;
  });
  const sum = sumOf(shares);
  return { sum, inputs: shares, inputSum: sum, outputs: shares, outputSum: sum };
}
