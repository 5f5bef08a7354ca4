import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { UnsupportedModelError } from '../../errors.ts';
import { flagIn, type LayerConfig, numberIn, type OpenShape, textIn } from './layer-config.ts';
import { centerCrop, resize, resizeCropped } from './resize.ts';
import { SpatialLayer } from './spatial-layer.ts';
import { withSizes } from './spatial-layout.ts';

/** A layer that gives images a height and a width. */
abstract class ImageLayer extends SpatialLayer {
  protected readonly size: [height: number, width: number];

  constructor(config: LayerConfig) {
    super(2, config);
    this.size = [numberIn(config, 'height', 1), numberIn(config, 'width', 1)];
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    return super.compute([tf.cast(x, 'float32')]);
  }

  protected override sizeOf(_size: number, axis: number): number {
    return this.size[axis] ?? 1;
  }

  /** Known where the size of the input is not. */
  protected override outputShapeOf([shape = []]: readonly OpenShape[]): OpenShape {
    return withSizes(shape, this.isFirst, this.size);
  }
}

/** Keras' Resizing, bilinear or nearest. */
export class Resizing extends ImageLayer {
  constructor(config: LayerConfig) {
    super(config);
    for (const key of ['antialias', 'padToAspectRatio']) {
      if (flagIn(config, key, false)) throw new UnsupportedModelError(key, `${key} cannot be run`);
    }
  }

  protected override change(x: Tensor): Tensor {
    const interpolation = textIn(this.config, 'interpolation', 'bilinear');
    return flagIn(this.config, 'cropToAspectRatio', false)
      ? resizeCropped(x, this.size, interpolation)
      : resize(x, this.size, interpolation);
  }
}

/** Keras' CenterCrop, which resizes images that are too small. */
export class CenterCrop extends ImageLayer {
  protected override change(x: Tensor): Tensor {
    const [, rows = 1, columns = 1] = x.shape;
    const [height, width] = this.size;
    return rows >= height && columns >= width
      ? centerCrop(x, this.size)
      : resizeCropped(x, this.size, 'bilinear');
  }
}
