/**
 * The noise of kernels on grids, and how it changes with the factors of channels.
 *
 * @module
 */

import { addScattered, sumOf, timesGathered } from '../../kernels/gathered.ts';
import type { SoftRange, WeightPowers } from '../../kernels/weight-powers.ts';
import type { FreeFactors } from './free-factors.ts';
import type { Smoothness } from './kernel-ranges.ts';
import type { NoiseSlopes } from './noise-slopes.ts';
import type { NoiseTerm } from './noise-terms.ts';

/** The noise of one kernel as a function of the free factors. */
export class WeightNoise {
  /** The unit of the noise. */
  weight = 1;
  readonly #term: NoiseTerm;
  readonly #factors: FreeFactors;
  #smoothness: Smoothness = { squarings: 0, light: 0, mostLight: 0 };
  /** The free factors of what the range depends on, and of what passes the errors on. */
  readonly #read: Int32Array;
  readonly #written: Int32Array;
  readonly #inputs: Int32Array;
  readonly #outputs: Int32Array;
  /** Of pairs times the sensitivities, which are not asked for by themselves then. */
  readonly #variances: Float64Array;
  readonly #sensitivities: Float64Array;
  #fixedRead: Float64Array = new Float64Array(0);
  #fixedWritten: Float64Array = new Float64Array(0);
  /** What is computed at a point, written over at the next. */
  readonly #at: Readonly<Record<'read' | 'written' | 'inputs' | 'outputs', Float64Array>>;
  #powers: WeightPowers | undefined;

  /** It is known once {@link smooth} was called. */
  constructor(term: NoiseTerm, factors: FreeFactors) {
    this.#term = term;
    this.#factors = factors;
    const { ranges, inputs, outputs, variances, sensitivities } = term;
    this.#read = factors.placesOf(ranges.inputs);
    this.#written = factors.placesOf(ranges.outputs);
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

  /** How its range is smoothed from here on. */
  smooth(smoothness: Smoothness): void {
    const { inputs, outputs } = this.#term.ranges;
    const ones = ({ length }: Int32Array): Float64Array => new Float64Array(length).fill(1);
    const exponent = 2 ** smoothness.squarings;
    this.#smoothness = smoothness;
    this.#fixedRead = this.#factors.fixed(ones(inputs), inputs, exponent);
    this.#fixedWritten = this.#factors.fixed(ones(outputs), outputs, -exponent);
    this.#powers = undefined;
  }

  /** Whether its noise compares with that of others. */
  get isKnown(): boolean {
    return this.#term.isKnown;
  }

  /** Weighs all weights at the factors as they are. */
  look(): SoftRange {
    this.#powers = this.#term.ranges.powers(this.#factors.scales, this.#smoothness);
    return this.#softRange(this.#powers);
  }

  /** The noise at the factors as they are, whose derivatives are added to `slopes`. */
  add(slopes: NoiseSlopes): number {
    const range = this.#range();
    if (range.sum === 0) return 0;
    const ofRange = range.square * this.weight;
    return this.#term.kind === 'pairs'
      ? this.#addPairs(range, ofRange, slopes)
      : this.#addMatrix(range, ofRange, slopes);
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
  #addMatrix(range: SoftRange, ofRange: number, slopes: NoiseSlopes): number {
    const { inverseSquares, squares } = this.#factors;
    const varied = timesGathered(this.#variances, inverseSquares, this.#inputs, this.#at.inputs);
    const heard = timesGathered(this.#sensitivities, squares, this.#outputs, this.#at.outputs);
    const [inputSum, outputSum] = [sumOf(varied), sumOf(heard)];
    const noise = ofRange * inputSum * outputSum;
    this.#addRange(range, noise, slopes);
    addScattered(slopes.falling, this.#inputs, varied, (2 * noise) / inputSum);
    addScattered(slopes.rising, this.#outputs, heard, (2 * noise) / outputSum);
    return noise;
  }

  /** `sum of variance sensitivity (s_o / s_i)²` over pairs. */
  #addPairs(range: SoftRange, ofRange: number, slopes: NoiseSlopes): number {
    const { inverseSquares, squares } = this.#factors;
    const passed = timesGathered(
      timesGathered(this.#variances, inverseSquares, this.#inputs, this.#at.inputs),
      squares,
      this.#outputs,
      this.#at.outputs,
    );
    const sum = sumOf(passed);
    const noise = ofRange * sum;
    this.#addRange(range, noise, slopes);
    addScattered(slopes.falling, this.#inputs, passed, (2 * noise) / sum);
    addScattered(slopes.rising, this.#outputs, passed, (2 * noise) / sum);
    return noise;
  }

  #addRange({ read, written, sum }: SoftRange, noise: number, slopes: NoiseSlopes): void {
    addScattered(slopes.steepRising, this.#read, read, (2 * noise) / sum);
    addScattered(slopes.steepFalling, this.#written, written, (2 * noise) / sum);
  }
}
