import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { KerasLayer } from './keras-layer.ts';
import {
  axesOf,
  flagIn,
  fromFront,
  type LayerConfig,
  numberIn,
  numbersIn,
  type OpenShape,
  sizesAt,
} from './layer-config.ts';
import { product } from './spatial-layout.ts';

/** The axes of the configuration, counted from the front and in order. */
function axesIn(config: LayerConfig, rank: number): number[] {
  return axesOf(numbersIn(config, 'axis', [-1]), rank);
}

/**
 * Keras' BatchNormalization in inference, on any axes of a tensor of any rank.
 *
 * That of tfjs-layers normalizes the last axis on the CPU and wasm backends, whichever axis it is given, and takes no
 * tensor of more than four dimensions.
 */
export class BatchNormalization extends KerasLayer {
  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    const axes = axesIn(this.config, shape.length);
    // On several axes Keras 2 keeps the others as 1.
    const sizes = axes.length > 1 ? sizesAt(shape, axes) : axes.map((axis) => shape[axis] ?? 1);
    if (flagIn(this.config, 'scale', true)) this.makeWeight('gamma', sizes);
    if (flagIn(this.config, 'center', true)) this.makeWeight('beta', sizes);
    this.makeWeight('moving_mean', sizes);
    this.makeWeight('moving_variance', sizes);
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    const axes = axesIn(this.config, x.rank);
    const [axis = x.rank - 1] = axes;
    // One axis is the middle of three, which is what the backends are fastest with.
    const shape =
      axes.length > 1
        ? x.shape
        : [product(x.shape.slice(0, axis)), x.shape[axis] ?? 1, product(x.shape.slice(axis + 1))];
    const sizes = axes.length > 1 ? sizesAt(shape, axes) : [1, shape[1] ?? 1, 1];
    const read = (name: string, otherwise: number): Tensor => {
      const weight = this.optionalWeight(name);
      return weight ? tf.reshape(weight, sizes) : tf.scalar(otherwise);
    };
    const deviation = tf.sqrt(tf.add(read('moving_variance', 1), numberIn(this.config, 'epsilon', 1e-3)));
    const factor = tf.div(read('gamma', 1), deviation);
    const shift = tf.sub(read('beta', 0), tf.mul(read('moving_mean', 0), factor));
    return tf.reshape(tf.add(tf.mul(tf.reshape(x, shape), factor), shift), x.shape);
  }
}

/** Keras' GroupNormalization. */
export class GroupNormalization extends KerasLayer {
  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    const size = shape[fromFront(numberIn(this.config, 'axis', -1), shape.length)] ?? 1;
    if (flagIn(this.config, 'scale', true)) this.makeWeight('gamma', [size]);
    if (flagIn(this.config, 'center', true)) this.makeWeight('beta', [size]);
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
    const [gamma, beta] = [this.optionalWeight('gamma'), this.optionalWeight('beta')];
    const scaled = gamma ? tf.mul(normalized, tf.reshape(gamma, sizes)) : normalized;
    return beta ? tf.add(scaled, tf.reshape(beta, sizes)) : scaled;
  }
}

/** Keras' UnitNormalization: an L2 norm of 1 over the axes. */
export function unitNormalization(x: Tensor, config: LayerConfig): Tensor {
  const squares = tf.sum(tf.square(x), numbersIn(config, 'axis', [-1]), true);
  return tf.div(x, tf.sqrt(tf.maximum(squares, 1e-12)));
}

/** Keras' RMSNormalization. */
export class RMSNormalization extends KerasLayer {
  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    this.makeWeight(
      'scale',
      axesIn(this.config, shape.length).map((axis) => shape[axis] ?? 1),
    );
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    const axes = axesIn(this.config, x.rank);
    const squares = tf.mean(tf.square(x), axes, true);
    const normalized = tf.div(x, tf.sqrt(tf.add(squares, numberIn(this.config, 'epsilon', 1e-6))));
    return tf.mul(normalized, tf.reshape(this.weight('scale'), sizesAt(x.shape, axes)));
  }
}

/**
 * Keras' preprocessing layer Normalization: `(x - mean) / max(sqrt(variance), 1e-7)`, or back.
 *
 * The mean and the variance stand in the configuration or are weights, behind which there is a count.
 */
export class InputNormalization extends KerasLayer {
  #axes(rank: number): number[] {
    return this.config['axis'] === null ? [] : axesIn(this.config, rank);
  }

  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    if (this.config['mean'] !== undefined && this.config['mean'] !== null) return;
    const sizes = this.#axes(shape.length).map((axis) => shape[axis] ?? 1);
    this.makeWeight('mean', sizes);
    this.makeWeight('variance', sizes);
    this.makeWeight('count', [], 'int32');
  }

  protected override compute([input]: readonly [Tensor]): Tensor {
    const x = tf.cast(input, 'float32');
    const sizes = sizesAt(x.shape, this.#axes(x.rank));
    const given = (key: string): Tensor => {
      const values = this.optionalWeight(key) ?? tf.tensor1d(numbersIn(this.config, key, []));
      return values.size === 1 ? tf.reshape(values, []) : tf.reshape(values, sizes);
    };
    const mean = given('mean');
    const deviation = tf.maximum(tf.sqrt(given('variance')), 1e-7);
    return flagIn(this.config, 'invert', false)
      ? tf.add(mean, tf.mul(x, deviation))
      : tf.div(tf.sub(x, mean), deviation);
  }
}
