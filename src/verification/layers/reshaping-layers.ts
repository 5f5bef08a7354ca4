import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { KerasLayer } from './keras-layer.ts';
import {
  isChannelsFirst,
  type LayerConfig,
  type OpenShape,
  sidesIn,
  sizesIn,
  textIn,
} from './layer-config.ts';
import { resize } from './resize.ts';
import { SpatialLayer } from './spatial-layer.ts';
import { channelsLast, padSpatial, product, type Sides } from './spatial-layout.ts';

/** Keras' Flatten: with the channels first they go last before the axes become one. */
export class Flatten extends KerasLayer {
  protected override compute([x]: readonly [Tensor]): Tensor {
    const last = x.rank > 2 ? channelsLast(x, isChannelsFirst(this.config)) : x;
    return tf.reshape(last, [x.shape[0] ?? 0, x.size / Math.max(1, x.shape[0] ?? 1)]);
  }

  protected override outputShapeOf([shape = []]: readonly OpenShape[]): OpenShape {
    const sizes = shape.slice(1);
    const size = sizes.reduce<number | null>(
      (all, one) => (all === null || one === null ? null : all * one),
      1,
    );
    return [shape[0] ?? null, size];
  }
}

/** Keras' ZeroPadding1D and ZeroPadding3D, Cropping1D and Cropping3D. */
export class Margins extends SpatialLayer {
  readonly #sides: readonly Sides[];
  readonly #isPadding: boolean;

  constructor(rank: 1 | 3, key: 'padding' | 'cropping', config: LayerConfig) {
    super(rank, config);
    this.#sides = sidesIn(config, key, rank, 1);
    this.#isPadding = key === 'padding';
  }

  protected override change(x: Tensor): Tensor {
    if (this.#isPadding) return padSpatial(x, this.#sides);
    const [batch = 0, ...sizes] = x.shape;
    const kept = this.#sides.map((_, axis) => this.sizeOf(sizes[axis] ?? 0, axis));
    return tf.slice(
      x,
      [0, ...this.#sides.map(([before]) => before), 0],
      [batch, ...kept, x.shape.at(-1) ?? 0],
    );
  }

  protected override sizeOf(size: number, axis: number): number {
    const [before, after] = this.#sides[axis] ?? [0, 0];
    return this.#isPadding ? size + before + after : size - before - after;
  }
}

/** Keras' UpSampling1D, UpSampling2D and UpSampling3D, with the positions that Keras samples at. */
export class UpSampling extends SpatialLayer {
  protected override change(x: Tensor): Tensor {
    const interpolation = textIn(this.config, 'interpolation', 'nearest');
    const factors = sizesIn(this.config, 'size', this.rank, 2);
    if (interpolation !== 'nearest') {
      const [height = 1, width = 1] = factors.map((factor, axis) => (x.shape[axis + 1] ?? 1) * factor);
      return resize(x, [height, width], interpolation);
    }
    return factors.reduce((tensor, factor, axis) => repeat(tensor, axis + 1, factor), x);
  }

  protected override sizeOf(size: number, axis: number): number {
    return size * (sizesIn(this.config, 'size', this.rank, 2)[axis] ?? 1);
  }
}

/** Each element along an axis `count` times. */
function repeat(x: Tensor, axis: number, count: number): Tensor {
  const shape = [...x.shape];
  const flat = tf.reshape(x, [product(shape.slice(0, axis + 1)), 1, -1]);
  shape[axis] = count * (shape[axis] ?? 1);
  return tf.reshape(tf.tile(flat, [1, count, 1]), shape);
}
