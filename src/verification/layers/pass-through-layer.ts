import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { KerasLayer } from './keras-layer.ts';

/** Layers that do nothing in inference: Identity, ActivityRegularization, SpatialDropout2D, SpatialDropout3D. */
export class PassThrough extends KerasLayer {
  protected override compute([x]: readonly [Tensor]): Tensor {
    return x;
  }
}

/** Layers that change images in training alone; where those are whole numbers, most of them give real ones. */
export class Augmentation extends KerasLayer {
  protected override compute([x]: readonly [Tensor]): Tensor {
    return tf.cast(x, 'float32');
  }
}
