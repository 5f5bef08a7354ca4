/**
 * Layers of the networks in `keras.applications` that are no layers of Keras otherwise.
 *
 * @module
 */

import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { UnsupportedModelError } from '../../errors.ts';
import { ownEntry } from '../../json/value.ts';
import { KerasLayer } from './keras-layer.ts';
import { type LayerConfig, numberIn, type OpenShape } from './layer-config.ts';

/** The LayerScale of ConvNeXt: a learned factor for each channel of the last axis. */
export class LayerScale extends KerasLayer {
  #gamma: LayerVariable | undefined;

  constructor(config: LayerConfig) {
    super(config);
    requireNumber(config, 'projectionDim', 'LayerScale of ConvNeXt');
  }

  protected override makeWeights(): void {
    this.#gamma = this.makeWeight('gamma', [numberIn(this.config, 'projectionDim', 1)]);
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    return tf.mul(x, (this.#gamma as LayerVariable).read());
  }
}

/** The CustomScaleLayer of InceptionResNetV2: the first input and a part of the second. */
export class CustomScaleLayer extends KerasLayer {
  constructor(config: LayerConfig) {
    super(config);
    this.supportsMasking = false;
    requireNumber(config, 'scale', 'CustomScaleLayer of InceptionResNetV2');
  }

  protected override compute([x, residual]: readonly [Tensor, Tensor]): Tensor {
    return tf.add(x, tf.mul(residual, numberIn(this.config, 'scale', 1)));
  }

  protected override outputShapeOf([shape = []]: readonly OpenShape[]): OpenShape {
    return shape;
  }
}

/** Files of Keras do not tell these classes from others that somebody gave the same name. */
function requireNumber(config: LayerConfig, key: string, known: string): void {
  if (typeof ownEntry(config, key) === 'number') return;
  throw new UnsupportedModelError('layer', `it is not the ${known}, which has a number for ${key}`);
}
