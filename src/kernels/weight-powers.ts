/**
 * The powers of a kernel's weights, in which few have nearly all.
 *
 * @module
 */

/** `(sum of |w|^p)^(1/p)` with `p = 2^squarings`, a little more than `max |w|`. */
export interface SoftRange {
  readonly square: number;
  /** What each input and output of the kernel has in the sum of powers, and that sum. */
  readonly read: Float64Array;
  readonly written: Float64Array;
  readonly sum: number;
  /** The part of the sum that light weights have, as far as their rows and columns tell. */
  readonly light: number;
}

/** Powers of weights, without factors, in parts of that of the largest. */
export interface WeightPowersInit {
  readonly largest: number;
  readonly squarings: number;
  /** Of the heavy weights: their inputs and outputs, by place, and their powers. */
  readonly inputs: Int32Array;
  readonly outputs: Int32Array;
  readonly powers: Float64Array;
  /** The light weights; nothing where there are none. */
  readonly light?: LightWeights;
}

/** Sums of powers of light weights at some factors. */
export interface LightWeights {
  /** Of each input and of each output, divided by `s^p` or `s^-p` of it. */
  readonly inputs: Float64Array;
  readonly outputs: Float64Array;
  /** Of all. */
  readonly sum: number;
}

/**
 * The range of a kernel as a function of the factors: heavy weights one by one, the others as if each had of their sum what its
 * input has times what its output has. That is exact for the factors for which the sums were made, in all sums, and as near to
 * it elsewhere as the part of the light weights is small.
 */
export class WeightPowers {
  readonly #init: WeightPowersInit;
  /** Of the last point. */
  #ofInputs = new Float64Array(0);
  #ofOutputs = new Float64Array(0);

  constructor(init: WeightPowersInit) {
    this.#init = init;
  }

  /**
   * The range at a point; its arrays hold until the next.
   *
   * @param read `s^p` of each input
   * @param written `s^-p` of each output
   */
  at(read: Float64Array, written: Float64Array): SoftRange {
    const { largest, squarings, inputs, outputs, powers, light } = this.#init;
    const ofInputs = cleared(this.#ofInputs, read.length);
    const ofOutputs = cleared(this.#ofOutputs, written.length);
    this.#ofInputs = ofInputs;
    this.#ofOutputs = ofOutputs;
    let heavySum = 0;
    for (let index = 0; index < powers.length; index++) {
      const input = inputs[index]!;
      const output = outputs[index]!;
      const power = powers[index]! * read[input]! * written[output]!;
      ofInputs[input] = ofInputs[input]! + power;
      ofOutputs[output] = ofOutputs[output]! + power;
      heavySum += power;
    }
    const lightSum = light ? addLight(light, read, written, ofInputs, ofOutputs) : 0;
    const sum = largest === 0 ? 0 : heavySum + lightSum;
    return {
      square: largest ** 2 * sum ** (2 / 2 ** squarings),
      read: ofInputs,
      written: ofOutputs,
      sum,
      light: sum === 0 ? 0 : lightSum / sum,
    };
  }
}

function cleared(values: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  return values.length === length ? values.fill(0) : new Float64Array(length);
}

/** Adds what light weights have, as the product of their sums over all of them. */
function addLight(
  { inputs, outputs, sum }: LightWeights,
  read: Float64Array,
  written: Float64Array,
  ofInputs: Float64Array,
  ofOutputs: Float64Array,
): number {
  if (sum === 0) return 0;
  let readSum = 0;
  let writtenSum = 0;
  for (let input = 0; input < read.length; input++) readSum += inputs[input]! * read[input]!;
  for (let output = 0; output < written.length; output++) writtenSum += outputs[output]! * written[output]!;
  for (let input = 0; input < read.length; input++) {
    ofInputs[input] = ofInputs[input]! + inputs[input]! * read[input]! * (writtenSum / sum);
  }
  for (let output = 0; output < written.length; output++) {
    ofOutputs[output] = ofOutputs[output]! + outputs[output]! * written[output]! * (readSum / sum);
  }
  return readSum * (writtenSum / sum);
}
