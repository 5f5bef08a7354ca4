import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { UnsupportedModelError } from '../../errors.ts';
import { flagIn, type LayerConfig, numberIn, type OpenShape, textIn } from './layer-config.ts';
import { centerCrop, resize, resizeCropped } from './resize.ts';
import { SpatialLayer } from './spatial-layer.ts';
import { withSizes } from './spatial-layout.ts';

type Size = [height: number, width: number];

/** A layer that gives images a height and a width, by a function of the images. */
export class ImageLayer extends SpatialLayer {
  readonly #size: Size;
  readonly #function: (x: Tensor, size: Size) => Tensor;

  constructor(change: (x: Tensor, size: Size) => Tensor, config: LayerConfig) {
    super(2, config);
    this.#size = [numberIn(config, 'height', 1), numberIn(config, 'width', 1)];
    this.#function = change;
  }

  protected override change(x: Tensor): Tensor {
    return this.#function(tf.cast(x, 'float32'), this.#size);
  }

  protected override sizeOf(_size: number, axis: number): number {
    return this.#size[axis] ?? 1;
  }

  /** Known where the size of the input is not. */
  protected override outputShapeOf([shape = []]: readonly OpenShape[]): OpenShape {
    return withSizes(shape, this.isFirst, this.#size);
  }
}

/** Keras' Resizing, bilinear or nearest. */
export function resizing(config: LayerConfig): ImageLayer {
  for (const key of ['antialias', 'padToAspectRatio']) {
    if (flagIn(config, key, false)) throw new UnsupportedModelError(key, `${key} cannot be run`);
  }
  const interpolation = textIn(config, 'interpolation', 'bilinear');
  const change = flagIn(config, 'cropToAspectRatio', false) ? resizeCropped : resize;
  return new ImageLayer((x, size) => change(x, size, interpolation), config);
}

/** Keras' CenterCrop, which resizes images that are too small. */
export function croppedToMiddle(x: Tensor, size: Size): Tensor {
  const [, rows = 1, columns = 1] = x.shape;
  const isLarge = rows >= size[0] && columns >= size[1];
  return isLarge ? centerCrop(x, size) : resizeCropped(x, size, 'bilinear');
}
