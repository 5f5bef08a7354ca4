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

  /** The noise at the factors as they are, whose derivatives are added to `slopes`. */
  add(slopes: NoiseSlopes): number {
    const range = this.#range();
    if (range.sum === 0) return 0;
    const { inputs, outputs, all } = this.#errors();
    const noise = range.square * this.weight * all;
    addScattered(slopes.steepRising, this.#read, range.read, (2 * noise) / range.sum);
    addScattered(slopes.steepFalling, this.#written, range.written, (2 * noise) / range.sum);
    addScattered(slopes.falling, this.#inputs, this.#at.inputs, (2 * noise) / inputs);
    const heard = this.#term.kind === 'pairs' ? this.#at.inputs : this.#at.outputs;
    addScattered(slopes.rising, this.#outputs, heard, (2 * noise) / outputs);
    return noise;
  }

  /** The noise at the factors as they are, all weights looked at. */
  whole(): number {
    const square = this.#term.ranges.square(this.#factors.scales, this.#smoothness.squarings);
    return square === 0 ? 0 : square * this.weight * this.#errors().all;
  }

  /** What the noise at the factors as they are is at least, by the heavy weights alone. */
  least(): number {
    if (!this.#powers) return this.whole();
    const { square, light, sum } = this.#softRange(this.#powers);
    const heavy = square * (1 - light) ** (2 / 2 ** this.#smoothness.squarings);
    return sum === 0 ? 0 : heavy * this.weight * this.#errors().all;
  }

  #range(): SoftRange {
    if (this.#powers) {
      const range = this.#softRange(this.#powers);
      if (range.light <= this.#smoothness.mostLight) return range;
    }
    this.#powers = this.#term.ranges.powers(this.#factors.scales, this.#smoothness);
    return this.#softRange(this.#powers);
  }

  #softRange(powers: WeightPowers): SoftRange {
    const { powers: ofScales, inversePowers } = this.#factors;
    return powers.at(
      timesGathered(this.#fixedRead, ofScales, this.#read, this.#at.read),
      timesGathered(this.#fixedWritten, inversePowers, this.#written, this.#at.written),
    );
  }

  /**
   * `sum of variance / s_i²` times `sum of sensitivity s_o²`, of a depthwise kernel `sum of variance sensitivity (s_o / s_i)²` over
   * pairs: its sums over inputs and over outputs, and all of it.
   */
  #errors(): { readonly inputs: number; readonly outputs: number; readonly all: number } {
    const { inverseSquares, squares } = this.#factors;
    const varied = timesGathered(this.#variances, inverseSquares, this.#inputs, this.#at.inputs);
    if (this.#term.kind === 'pairs') {
      const all = sumOf(timesGathered(varied, squares, this.#outputs, varied));
      return { inputs: all, outputs: all, all };
    }
    const heard = timesGathered(this.#sensitivities, squares, this.#outputs, this.#at.outputs);
    const [inputs, outputs] = [sumOf(varied), sumOf(heard)];
    return { inputs, outputs, all: inputs * outputs };
  }
}
