import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { axesOf, sizesAt } from './axes.ts';
import { KerasLayer } from './keras-layer.ts';
import { flagIn, numbersIn, type OpenShape } from './layer-config.ts';

/**
 * Keras' preprocessing layer Normalization: `(x - mean) / max(sqrt(variance), 1e-7)`, or back.
 *
 * The mean and the variance stand in the configuration or are weights, behind which there is a count.
 */
export class InputNormalization extends KerasLayer {
  #mean: LayerVariable | undefined;
  #variance: LayerVariable | undefined;

  #axes(rank: number): number[] {
    return this.config['axis'] === null ? [] : axesOf(numbersIn(this.config, 'axis', [-1]), rank);
  }

  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    if (this.config['mean'] !== undefined && this.config['mean'] !== null) return;
    const sizes = this.#axes(shape.length).map((axis) => shape[axis] ?? 1);
    this.#mean = this.makeWeight('mean', sizes);
    this.#variance = this.makeWeight('variance', sizes);
    this.makeWeight('count', [], 'int32');
  }

  protected override compute([input]: readonly [Tensor]): Tensor {
    const x = tf.cast(input, 'float32');
    const sizes = sizesAt(x.shape, this.#axes(x.rank));
    const given = (key: string, weight: LayerVariable | undefined): Tensor => {
      const values = weight?.read() ?? tf.tensor1d(numbersIn(this.config, key, []));
      return values.size === 1 ? tf.reshape(values, []) : tf.reshape(values, sizes);
    };
    const mean = given('mean', this.#mean);
    const deviation = tf.maximum(tf.sqrt(given('variance', this.#variance)), 1e-7);
    return flagIn(this.config, 'invert', false)
      ? tf.add(mean, tf.mul(x, deviation))
      : tf.div(tf.sub(x, mean), deviation);
  }
}
