import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { axesOf, sizesAt } from './axes.ts';
import { KerasLayer } from './keras-layer.ts';
import { flagIn, numberIn, numbersIn, type OpenShape } from './layer-config.ts';
import { product } from './spatial-layout.ts';

/**
 * Keras' BatchNormalization in inference, on any axes of a tensor of any rank.
 *
 * That of tfjs-layers normalizes the last axis on the CPU and wasm backends, whichever axis it is given, and takes no
 * tensor of more than four dimensions.
 */
export class BatchNormalization extends KerasLayer {
  #gamma: LayerVariable | undefined;
  #beta: LayerVariable | undefined;
  #mean: LayerVariable | undefined;
  #variance: LayerVariable | undefined;

  #axes(rank: number): number[] {
    return axesOf(numbersIn(this.config, 'axis', [-1]), rank);
  }

  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    const axes = this.#axes(shape.length);
    // On several axes Keras 2 keeps the others as 1.
    const sizes = axes.length > 1 ? sizesAt(shape, axes) : axes.map((axis) => shape[axis] ?? 1);
    if (flagIn(this.config, 'scale', true)) this.#gamma = this.makeWeight('gamma', sizes);
    if (flagIn(this.config, 'center', true)) this.#beta = this.makeWeight('beta', sizes);
    this.#mean = this.makeWeight('moving_mean', sizes);
    this.#variance = this.makeWeight('moving_variance', sizes);
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    const axes = this.#axes(x.rank);
    const [axis = x.rank - 1] = axes;
    // One axis is the middle of three, which is what the backends are fastest with.
    const shape =
      axes.length > 1
        ? x.shape
        : [product(x.shape.slice(0, axis)), x.shape[axis] ?? 1, product(x.shape.slice(axis + 1))];
    const sizes = axes.length > 1 ? sizesAt(shape, axes) : [1, shape[1] ?? 1, 1];
    const read = (weight: LayerVariable | undefined): Tensor | undefined =>
      weight && tf.reshape(weight.read(), sizes);
    const deviation = tf.sqrt(tf.add(read(this.#variance) as Tensor, numberIn(this.config, 'epsilon', 1e-3)));
    const factor = tf.div(read(this.#gamma) ?? tf.scalar(1), deviation);
    const shift = tf.sub(read(this.#beta) ?? tf.scalar(0), tf.mul(read(this.#mean) as Tensor, factor));
    return tf.reshape(tf.add(tf.mul(tf.reshape(x, shape), factor), shift), x.shape);
  }
}
