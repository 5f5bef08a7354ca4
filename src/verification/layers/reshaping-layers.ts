import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { KerasLayer } from './keras-layer.ts';
import { isChannelsFirst, type OpenShape, sidesIn, sizesIn, textIn } from './layer-config.ts';
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

/** Keras' ZeroPadding1D and ZeroPadding3D. */
export class ZeroPadding extends SpatialLayer {
  #sides(): readonly Sides[] {
    return sidesIn(this.config, 'padding', this.rank, 1);
  }

  protected override change(x: Tensor): Tensor {
    return padSpatial(x, this.#sides());
  }

  protected override sizeOf(size: number, axis: number): number {
    const [before, after] = this.#sides()[axis] ?? [0, 0];
    return size + before + after;
  }
}

/** Keras' Cropping1D and Cropping3D. */
export class Cropping extends SpatialLayer {
  protected override change(x: Tensor): Tensor {
    const sides = sidesIn(this.config, 'cropping', this.rank, 1);
    const begin = [0, ...sides.map(([before]) => before), 0];
    const sizes = x.shape.map(
      (size, axis) => size - (sides[axis - 1] ?? [0, 0]).reduce((sum, one) => sum + one, 0),
    );
    return tf.slice(x, begin, sizes);
  }

  protected override sizeOf(size: number, axis: number): number {
    const [before, after] = sidesIn(this.config, 'cropping', this.rank, 1)[axis] ?? [0, 0];
    return size - before - after;
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
  if (count === 1) return x;
  const before = x.shape.slice(0, axis + 1);
  const after = x.shape.slice(axis + 1);
  const flat = tf.reshape(x, [product(before), 1, -1]);
  const repeated = tf.tile(flat, [1, count, 1]);
  return tf.reshape(repeated, [...before.slice(0, -1), (before.at(-1) ?? 1) * count, ...after]);
}
