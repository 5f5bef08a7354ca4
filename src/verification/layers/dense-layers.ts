import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { UnsupportedModelError } from '../../errors.ts';
import type { Tensor as Values } from '../../tensor/tensor.ts';
import { KerasLayer } from './keras-layer.ts';
import { numberIn, type OpenShape, textIn } from './layer-config.ts';
import { product } from './spatial-layout.ts';

/** Keras' Dense with all activations. */
export class Dense extends KerasLayer {
  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    const units = numberIn(this.config, 'units', 1);
    this.makeKernel([shape.at(-1) ?? 1, units]);
    this.makeBias([units]);
  }

  protected makeKernel(shape: number[]): void {
    this.makeWeight('kernel', shape);
  }

  /** `[rows, features]` times the kernel. */
  protected product(x: tf.Tensor2D): tf.Tensor2D {
    return tf.matMul(x, this.weight('kernel') as tf.Tensor2D);
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    const shifted = this.withBias(this.product(tf.reshape(x, [-1, x.shape.at(-1) ?? 1])));
    return this.activated(tf.reshape(shifted, [...x.shape.slice(0, -1), shifted.shape[1] ?? 1]));
  }

  protected override outputShapeOf([shape = []]: readonly OpenShape[]): OpenShape {
    return [...shape.slice(0, -1), numberIn(this.config, 'units', 1)];
  }
}

/** Elements of a slab, about: 16 MB. */
const SLAB_ELEMENTS = 2 ** 22;
/** Four slabs. */
const LARGE_ELEMENTS = 2 ** 24;

/**
 * A Dense whose kernel is taken in slabs of whole rows, whose products are added up: TF.js would have it in memory twice, as it
 * is and as XNNPACK packs it, which is 800 MB for the first Dense of VGG16.
 */
export class LargeDense extends Dense {
  /** `[features, units]`, of any float type; set before the layer is run. */
  kernel: Values | undefined;

  /** Whether a kernel is better taken so. */
  static suits({ size, columns }: Values): boolean {
    return size >= LARGE_ELEMENTS && columns <= SLAB_ELEMENTS;
  }

  protected override makeKernel(): void {}

  protected override product(x: tf.Tensor2D): tf.Tensor2D {
    if (!this.kernel) throw new UnsupportedModelError('LargeDense', 'it has no kernel');
    const { columns } = this.kernel;
    let sum: tf.Tensor2D | undefined;
    for (const { start, values } of this.kernel.blocks(SLAB_ELEMENTS)) {
      const rows = values.length / columns;
      const slab = values instanceof Float32Array ? values : Float32Array.from(values as Float64Array);
      const next = tf.tidy(() => {
        const part = tf.slice2d(x, [0, start / columns], [-1, rows]);
        const made = tf.matMul(part, tf.tensor2d(slab, [rows, columns]));
        return sum ? tf.add(sum, made) : made;
      });
      sum?.dispose();
      sum = next as tf.Tensor2D;
    }
    return sum as tf.Tensor2D;
  }
}

/** The axes of an input, a kernel and an output, a letter each. */
interface Equation {
  readonly input: string;
  readonly kernel: string;
  readonly output: string;
}

/**
 * The sum over the letters that the input and the kernel share, as one product of matrices: TF.js has einsum on the CPU
 * backend alone.
 */
function contract({ input, kernel, output }: Equation, x: Tensor, weights: Tensor): Tensor {
  const summed = [...input].filter((letter) => kernel.includes(letter));
  const kept = [...input].filter((letter) => !kernel.includes(letter));
  const made = [...kernel].filter((letter) => !input.includes(letter));
  if ([...kept, ...made].length !== output.length || summed.some((letter) => output.includes(letter))) {
    throw new UnsupportedModelError('equation', `the equation ${input},${kernel}->${output} cannot be run`);
  }
  const ordered = (tensor: Tensor, from: string, to: readonly string[]): Tensor =>
    tf.transpose(
      tensor,
      to.map((letter) => from.indexOf(letter)),
    );
  const left = ordered(x, input, [...kept, ...summed]);
  const right = ordered(weights, kernel, [...summed, ...made]);
  const sizes = [...left.shape.slice(0, kept.length), ...right.shape.slice(summed.length)];
  const common = product(right.shape.slice(0, summed.length));
  const flat = tf.matMul(tf.reshape(left, [-1, common]), tf.reshape(right, [common, -1]));
  return ordered(tf.reshape(flat, sizes), [...kept, ...made].join(''), [...output]);
}

/** Keras' EinsumDense. */
export class EinsumDense extends KerasLayer {
  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    const { kernel, output } = this.#parts(shape.length);
    const sizes = this.#letterSizes(shape);
    const sizeOf = (letter: string): number => sizes.get(letter) ?? 1;
    this.makeWeight('kernel', [...kernel].map(sizeOf));
    const axes = textIn(this.config, 'biasAxes', '');
    if (axes === '') return;
    const behind = output.slice(Math.min(...[...axes].map((letter) => output.indexOf(letter))));
    this.makeWeight(
      'bias',
      [...behind].map((letter) => (axes.includes(letter) ? sizeOf(letter) : 1)),
    );
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    return this.activated(this.withBias(contract(this.#parts(x.rank), x, this.weight('kernel'))));
  }

  protected override outputShapeOf([shape = []]: readonly OpenShape[]): OpenShape {
    const { output } = this.#parts(shape.length);
    const sizes = this.#letterSizes(shape);
    return [shape[0] ?? null, ...[...output].slice(1).map((letter) => sizes.get(letter) ?? null)];
  }

  /** The parts of the equation, with letters in the place of an ellipsis. */
  #parts(rank: number): Equation {
    const equation = textIn(this.config, 'equation', '');
    const match = /^([a-zA-Z.]+),([a-zA-Z]+)->([a-zA-Z.]+)$/.exec(equation.replaceAll(' ', ''));
    if (!match) throw new UnsupportedModelError('equation', `the equation ${equation} cannot be run`);
    const [, input = '', kernel = '', output = ''] = match;
    const unused = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].filter((letter) => !equation.includes(letter));
    const letters = unused.slice(0, Math.max(0, rank - input.replace('...', '').length)).join('');
    return { input: input.replace('...', letters), kernel, output: output.replace('...', letters) };
  }

  /** The size that each letter stands for: the input tells, and the `output_shape` without the batch. */
  #letterSizes(shape: OpenShape): Map<string, number | null> {
    const { input, output } = this.#parts(shape.length);
    const given = [this.config['outputShape']].flat() as (number | null)[];
    const sizes = new Map<string, number | null>();
    for (const [index, size] of given.entries()) {
      sizes.set(output[output.length - given.length + index] ?? '', size);
    }
    for (const [index, letter] of [...input].entries()) sizes.set(letter, shape[index] ?? null);
    return sizes;
  }
}
