/**
 * The noise of kernels on grids, and how it changes with the factors of channels.
 *
 * @module
 */

import { addScattered, sumOf, timesGathered } from '../../kernels/gathered.ts';
import type { SoftRange, WeightPowers } from '../../kernels/weight-powers.ts';
import type { FreeFactors } from './free-factors.ts';
import type { Smoothness } from './kernel-ranges.ts';
import type { NoiseTerm } from './noise-terms.ts';

/** The noise of one kernel as a function of the free factors. */
export class WeightNoise {
  readonly #weight: number;
  readonly #term: NoiseTerm;
  readonly #factors: FreeFactors;
  readonly #smoothness: Smoothness;
  /** The free factors of what the range depends on, and of what passes the errors on. */
  readonly #read: Int32Array;
  readonly #written: Int32Array;
  readonly #inputs: Int32Array;
  readonly #outputs: Int32Array;
  /** Of pairs times the sensitivities, which are not asked for by themselves then. */
  readonly #variances: Float64Array;
  readonly #sensitivities: Float64Array;
  readonly #fixedRead: Float64Array;
  readonly #fixedWritten: Float64Array;
  /** What is computed at a point, written over at the next. */
  readonly #at: Readonly<Record<'read' | 'written' | 'inputs' | 'outputs', Float64Array>>;
  #powers: WeightPowers | undefined;

  /** @param weight the unit of the noise */
  constructor(term: NoiseTerm, factors: FreeFactors, smoothness: Smoothness, weight = 1) {
    this.#weight = weight;
    this.#term = term;
    this.#factors = factors;
    this.#smoothness = smoothness;
    const { ranges, inputs, outputs, variances, sensitivities } = term;
    const ones = ({ length }: Int32Array): Float64Array => new Float64Array(length).fill(1);
    const exponent = 2 ** smoothness.squarings;
    this.#read = factors.placesOf(ranges.inputs);
    this.#written = factors.placesOf(ranges.outputs);
    this.#fixedRead = factors.fixed(ones(ranges.inputs), ranges.inputs, exponent);
    this.#fixedWritten = factors.fixed(ones(ranges.outputs), ranges.outputs, -exponent);
    this.#inputs = factors.placesOf(inputs);
    this.#outputs = factors.placesOf(outputs);
    const varied = factors.fixed(variances, inputs, -2);
    const heard = factors.fixed(sensitivities, outputs, 2);
    this.#sensitivities = heard;
    this.#variances =
      term.kind === 'pairs' ? varied.map((variance, pair) => variance * (heard[pair] as number)) : varied;
    this.#at = {
      read: new Float64Array(this.#read.length),
      written: new Float64Array(this.#written.length),
      inputs: new Float64Array(inputs.length),
      outputs: new Float64Array(outputs.length),
    };
  }

  /** Weighs all weights at the factors as they are. */
  look(): SoftRange {
    this.#powers = this.#term.ranges.powers(this.#factors.scales, this.#smoothness);
    return this.#softRange(this.#powers);
  }

  /** The noise at the factors as they are, whose derivatives by the logarithms of the free ones are added to `gradient`. */
  add(gradient: Float64Array): number {
    const range = this.#range();
    if (range.sum === 0) return 0;
    const ofRange = range.square * this.#weight;
    return this.#term.kind === 'pairs'
      ? this.#addPairs(range, ofRange, gradient)
      : this.#addMatrix(range, ofRange, gradient);
  }

  #range(): SoftRange {
    if (!this.#powers) return this.look();
    const range = this.#softRange(this.#powers);
    return range.light > this.#smoothness.mostLight ? this.look() : range;
  }

  #softRange(powers: WeightPowers): SoftRange {
    const { powers: ofScales, inversePowers } = this.#factors;
    return powers.at(
      timesGathered(this.#fixedRead, ofScales, this.#read, this.#at.read),
      timesGathered(this.#fixedWritten, inversePowers, this.#written, this.#at.written),
    );
  }

  /** `sum of variance / s_i²` times `sum of sensitivity s_o²`. */
  #addMatrix(range: SoftRange, ofRange: number, gradient: Float64Array): number {
    const { inverseSquares, squares } = this.#factors;
    const varied = timesGathered(this.#variances, inverseSquares, this.#inputs, this.#at.inputs);
    const heard = timesGathered(this.#sensitivities, squares, this.#outputs, this.#at.outputs);
    const [inputSum, outputSum] = [sumOf(varied), sumOf(heard)];
    const noise = ofRange * inputSum * outputSum;
    this.#addRange(range, noise, gradient);
    addScattered(gradient, this.#inputs, varied, (-2 * noise) / inputSum);
    addScattered(gradient, this.#outputs, heard, (2 * noise) / outputSum);
    return noise;
  }

  /** `sum of variance sensitivity (s_o / s_i)²` over pairs. */
  #addPairs(range: SoftRange, ofRange: number, gradient: Float64Array): number {
    const { inverseSquares, squares } = this.#factors;
    const passed = timesGathered(
      timesGathered(this.#variances, inverseSquares, this.#inputs, this.#at.inputs),
      squares,
      this.#outputs,
      this.#at.outputs,
    );
    const sum = sumOf(passed);
    const noise = ofRange * sum;
    this.#addRange(range, noise, gradient);
    addScattered(gradient, this.#inputs, passed, (-2 * noise) / sum);
    addScattered(gradient, this.#outputs, passed, (2 * noise) / sum);
    return noise;
  }

  #addRange({ read, written, sum }: SoftRange, noise: number, gradient: Float64Array): void {
    addScattered(gradient, this.#read, read, (2 * noise) / sum);
    addScattered(gradient, this.#written, written, (-2 * noise) / sum);
  }
}
