import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { layers } from '@tensorflow/tfjs-layers';
import { type ActivationFunction, activationFunction } from './activation-functions.ts';
import { KerasLayer } from './keras-layer.ts';
import { flagIn, type LayerConfig, numberIn, type OpenShape } from './layer-config.ts';

/**
 * Keras' GRUCell with `reset_after`, as it is by default since TensorFlow 2.0: the reset gate comes behind the product
 * with the recurrent kernel, and the bias `[2, 3 units]` has a row for each of the two products. TF.js has the other
 * form alone.
 */
export class ResetAfterCell extends KerasLayer {
  /** By this the RNN of TF.js knows a cell. */
  readonly stateSize: number;
  readonly #activation: ActivationFunction;
  readonly #gate: ActivationFunction;

  constructor(config: LayerConfig) {
    super(config);
    const { activation = 'tanh', recurrentActivation = 'sigmoid' } = config;
    this.stateSize = numberIn(config, 'units', 1);
    this.#activation = activationFunction(activation);
    this.#gate = activationFunction(recurrentActivation);
  }

  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    const columns = 3 * this.stateSize;
    this.makeWeight('kernel', [shape.at(-1) ?? 1, columns]);
    this.makeWeight('recurrent_kernel', [this.stateSize, columns]);
    this.makeBias([2, columns]);
  }

  /** The next state, as the output and as the state. */
  protected override compute([x, state]: readonly [Tensor, Tensor]): Tensor[] {
    const bias = this.optionalWeight('bias');
    const [inputBias, recurrentBias] = bias ? tf.unstack(bias) : [];
    const [xUpdate, xReset, xCandidate] = parts(x, this.weight('kernel'), inputBias);
    const [hUpdate, hReset, hCandidate] = parts(state, this.weight('recurrent_kernel'), recurrentBias);
    const update = this.#gate(tf.add(xUpdate, hUpdate));
    const reset = this.#gate(tf.add(xReset, hReset));
    const candidate = this.#activation(tf.add(xCandidate, tf.mul(reset, hCandidate)));
    const next = tf.add(tf.mul(update, state), tf.mul(tf.sub(1, update), candidate));
    return [next, next];
  }
}

/** `x kernel + bias`, cut into what is for the update gate, for the reset gate and for the candidate. */
function parts(x: Tensor, kernel: Tensor, bias: Tensor | undefined): [Tensor, Tensor, Tensor] {
  const product = tf.matMul(x as Tensor2D, kernel as Tensor2D);
  return tf.split(bias ? tf.add(product, bias) : product, 3, 1) as [Tensor, Tensor, Tensor];
}

/** Keras' GRU with `reset_after`: the RNN of TF.js over a {@link ResetAfterCell}. */
export function resetAfterGru(config: LayerConfig): layers.Layer {
  return layers.rnn({
    name: String(config['name'] ?? ''),
    trainable: config['trainable'] !== false,
    // What its type asks for beside this is of training.
    cell: new ResetAfterCell(config) as never,
    returnSequences: flagIn(config, 'returnSequences', false),
    returnState: flagIn(config, 'returnState', false),
    goBackwards: flagIn(config, 'goBackwards', false),
    stateful: flagIn(config, 'stateful', false),
  });
}
