import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { axesOf, sizesAt } from './axes.ts';
import { KerasLayer } from './keras-layer.ts';
import { flagIn, fromFront, numberIn, numbersIn, type OpenShape } from './layer-config.ts';

/** Keras' GroupNormalization. */
export class GroupNormalization extends KerasLayer {
  #gamma: LayerVariable | undefined;
  #beta: LayerVariable | undefined;

  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    const size = shape[fromFront(numberIn(this.config, 'axis', -1), shape.length)] ?? 1;
    if (flagIn(this.config, 'scale', true)) this.#gamma = this.makeWeight('gamma', [size]);
    if (flagIn(this.config, 'center', true)) this.#beta = this.makeWeight('beta', [size]);
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    const axis = fromFront(numberIn(this.config, 'axis', -1), x.rank);
    const channels = x.shape[axis] ?? 1;
    const groups = numberIn(this.config, 'groups', 32);
    const groupCount = groups === -1 ? channels : groups;
    const outer = x.shape.slice(0, axis);
    const inner = x.shape.slice(axis + 1);
    const grouped = tf.reshape(x, [...outer, groupCount, channels / groupCount, ...inner]);
    const axes = grouped.shape.map((_, index) => index).filter((index) => index !== 0 && index !== axis);
    const { mean, variance } = tf.moments(grouped, axes, true);
    const deviation = tf.sqrt(tf.add(variance, numberIn(this.config, 'epsilon', 1e-3)));
    const normalized = tf.reshape(tf.div(tf.sub(grouped, mean), deviation), x.shape);
    const sizes = sizesAt(x.shape, [axis]);
    const scaled = this.#gamma ? tf.mul(normalized, tf.reshape(this.#gamma.read(), sizes)) : normalized;
    return this.#beta ? tf.add(scaled, tf.reshape(this.#beta.read(), sizes)) : scaled;
  }
}

/** Keras' UnitNormalization: an L2 norm of 1 over the axes. */
export class UnitNormalization extends KerasLayer {
  protected override compute([x]: readonly [Tensor]): Tensor {
    const squares = tf.sum(tf.square(x), numbersIn(this.config, 'axis', [-1]), true);
    return tf.div(x, tf.sqrt(tf.maximum(squares, 1e-12)));
  }
}

/** Keras' RMSNormalization. */
export class RMSNormalization extends KerasLayer {
  #scale: LayerVariable | undefined;

  #axes(rank: number): number[] {
    return axesOf(numbersIn(this.config, 'axis', [-1]), rank);
  }

  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    this.#scale = this.makeWeight(
      'scale',
      this.#axes(shape.length).map((axis) => shape[axis] ?? 1),
    );
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    const axes = this.#axes(x.rank);
    const squares = tf.mean(tf.square(x), axes, true);
    const normalized = tf.div(x, tf.sqrt(tf.add(squares, numberIn(this.config, 'epsilon', 1e-6))));
    return tf.mul(normalized, tf.reshape((this.#scale as LayerVariable).read(), sizesAt(x.shape, axes)));
  }
}
