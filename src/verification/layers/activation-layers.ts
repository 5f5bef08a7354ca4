import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import {
  type ActivationFunction,
  activationFunction,
  elu,
  leakySlope,
  relu,
  reluOptions,
  softmax,
} from './activation-functions.ts';
import { KerasLayer } from './keras-layer.ts';
import { type LayerConfig, numberIn, numbersIn, type OpenShape } from './layer-config.ts';

/** Keras' Activation, with the functions that tfjs-layers lacks. */
export class Activation extends KerasLayer {
  readonly #function: ActivationFunction;

  constructor(config: LayerConfig) {
    super(config);
    this.#function = activationFunction(config['activation']);
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    return this.#function(x);
  }
}

/** Keras' ReLU with a slope and a threshold. */
export class ReLU extends KerasLayer {
  protected override compute([x]: readonly [Tensor]): Tensor {
    return relu(x, reluOptions(this.config));
  }
}

/** Keras' LeakyReLU, with the slope under either of its names. */
export class LeakyReLU extends KerasLayer {
  protected override compute([x]: readonly [Tensor]): Tensor {
    return relu(x, { negativeSlope: leakySlope(this.config) });
  }
}

/** Keras' ELU with any alpha. */
export class ELU extends KerasLayer {
  protected override compute([x]: readonly [Tensor]): Tensor {
    return elu(x, numberIn(this.config, 'alpha', 1));
  }
}

/** Keras' Softmax over any axes. */
export class Softmax extends KerasLayer {
  protected override compute([x]: readonly [Tensor]): Tensor {
    return softmax(x, numbersIn(this.config, 'axis', [-1]));
  }
}

/** Keras' PReLU; the wasm backend computes that of tfjs-layers wrongly where slopes are shared along a later axis alone. */
export class PReLU extends KerasLayer {
  #alpha: LayerVariable | undefined;

  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    const shared = numbersIn(this.config, 'sharedAxes', []);
    const sizes = shape.slice(1).map((size, index) => (shared.includes(index + 1) ? 1 : (size ?? 1)));
    this.#alpha = this.makeWeight('alpha', sizes);
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    const alpha = tf.expandDims((this.#alpha as LayerVariable).read(), 0);
    return tf.add(tf.relu(x), tf.mul(tf.minimum(x, 0), alpha));
  }
}
