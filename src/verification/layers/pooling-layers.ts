import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { KerasLayer } from './keras-layer.ts';
import {
  flagIn,
  isChannelsFirst,
  type LayerConfig,
  numbersIn,
  type OpenShape,
  sizesIn,
  textIn,
} from './layer-config.ts';
import { SpatialLayer } from './spatial-layer.ts';
import { product, spatialSizes, windowCount, withSizes } from './spatial-layout.ts';

/** The largest value, or the average of those that are not padding. */
export type Reduction = 'max' | 'average';

/**
 * Keras' MaxPooling1D, MaxPooling3D, AveragePooling1D and AveragePooling3D.
 *
 * Both reductions are the same when they are taken over one axis after another. So one axis of three goes through the
 * kernels of two axes: those of three go wrong in TF.js, with strides larger than the window and with negative maxima.
 */
export class Pooling extends SpatialLayer {
  readonly #reduction: Reduction;
  readonly #poolSize: readonly number[];
  readonly #strides: readonly number[];
  readonly #padding: 'same' | 'valid';

  constructor(rank: 1 | 3, reduction: Reduction, config: LayerConfig) {
    super(rank, config);
    this.#reduction = reduction;
    this.#poolSize = sizesIn(config, 'poolSize', rank, 2);
    const strides = numbersIn(config, 'strides', this.#poolSize);
    this.#strides = strides.length === rank ? strides : sizesIn(config, 'strides', rank, 1);
    this.#padding = textIn(config, 'padding', 'valid') === 'same' ? 'same' : 'valid';
  }

  protected override change(x: Tensor): Tensor {
    return this.#poolSize.reduce((pooled: Tensor, _, axis) => this.#alongAxis(pooled, axis + 1, axis), x);
  }

  /** Pooling along one axis of the tensor, with the size and stride of that index. */
  #alongAxis(x: Tensor, axis: number, index: number): Tensor {
    const before = x.shape.slice(0, axis);
    const after = x.shape.slice(axis + 1);
    const flat = tf.reshape(x, [product(before), x.shape[axis] ?? 1, 1, product(after)]) as Tensor4D;
    const size: [number, number] = [this.#poolSize[index] ?? 1, 1];
    const strides: [number, number] = [this.#strides[index] ?? 1, 1];
    const pool = this.#reduction === 'max' ? tf.maxPool : tf.avgPool;
    const pooled = pool(flat, size, strides, this.#padding);
    return tf.reshape(pooled, [...before, pooled.shape[1], ...after]);
  }

  protected override sizeOf(size: number, axis: number): number {
    return windowCount(this.#padding, size, this.#poolSize[axis] ?? 1, this.#strides[axis] ?? 1);
  }
}

/** Keras' global poolings of any rank, with or without the spatial axes in the output. */
export class GlobalPooling extends KerasLayer {
  readonly #reduction: Reduction;
  readonly #isFirst: boolean;
  readonly #keepDims: boolean;

  constructor(reduction: Reduction, config: LayerConfig) {
    super(config);
    this.supportsMasking = false;
    this.#reduction = reduction;
    this.#isFirst = isChannelsFirst(config);
    this.#keepDims = flagIn(config, 'keepdims', false);
  }

  protected override compute([x]: readonly [Tensor], mask?: Tensor): Tensor {
    const first = this.#isFirst ? 2 : 1;
    const axes = x.shape.slice(2).map((_, axis) => axis + first);
    if (this.#reduction === 'max') return tf.max(x, axes, this.#keepDims);
    if (!mask || x.rank !== 3) return tf.mean(x, axes, this.#keepDims);
    // Steps that a mask hides do not count, in the one layer that takes a mask: GlobalAveragePooling1D.
    const weights = tf.expandDims(tf.cast(mask, 'float32'), this.#isFirst ? 1 : 2);
    const sum = tf.sum(tf.mul(x, weights), axes, this.#keepDims);
    return tf.div(sum, tf.sum(weights, axes, this.#keepDims));
  }

  protected override outputShapeOf([shape = []]: readonly OpenShape[]): OpenShape {
    const sizes = spatialSizes(shape, this.#isFirst);
    return withSizes(shape, this.#isFirst, this.#keepDims ? sizes.map(() => 1) : []);
  }
}
