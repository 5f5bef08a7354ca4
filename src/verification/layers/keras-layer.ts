import { add, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { initializers, type LayerVariable, layers } from '@tensorflow/tfjs-layers';
import { type ActivationFunction, activationFunction } from './activation-functions.ts';
import { flagIn, type LayerConfig, type OpenShape } from './layer-config.ts';

/**
 * A layer that computes in inference what Keras computes, for tfjs-layers.
 *
 * Weights are made in the order in which Keras has them, as zeros: they are set before the layer is run.
 */
export abstract class KerasLayer extends layers.Layer {
  /** What tfjs-layers calls a layer in its messages. */
  static className: string = 'KerasLayer';

  /** As tfjs-layers hands it over; either dialect of Keras. */
  protected readonly config: LayerConfig;
  readonly #activation: ActivationFunction;
  readonly #variables = new Map<string, LayerVariable>();

  constructor(config: LayerConfig) {
    super({ name: String(config['name'] ?? ''), trainable: config['trainable'] !== false });
    this.config = config;
    this.#activation = activationFunction(config['activation']);
    this.supportsMasking = true;
  }

  /** The output for the inputs; what is made on the way is let go by the caller. */
  protected abstract compute(inputs: readonly Tensor[], mask?: Tensor): Tensor | Tensor[];

  /** The shape of the output; that of the first input where a class does not say otherwise. */
  protected outputShapeOf(shapes: readonly OpenShape[]): OpenShape | OpenShape[] {
    return shapes[0] ?? [];
  }

  /** Makes the weights for inputs of these shapes. */
  protected makeWeights(_shapes: readonly OpenShape[]): void {}

  /** Makes a weight of that name and shape; its dtype must be that of what it is set to. */
  protected makeWeight(name: string, shape: number[], dtype: 'float32' | 'int32' = 'float32'): void {
    this.#variables.set(name, this.addWeight(name, shape, dtype, initializers.zeros()));
  }

  protected makeBias(shape: number[]): void {
    if (flagIn(this.config, 'useBias', true)) this.makeWeight('bias', shape);
  }

  /** A weight that every such layer has. */
  protected weight(name: string): Tensor {
    return (this.#variables.get(name) as LayerVariable).read();
  }

  /** A weight that the configuration may leave out. */
  protected optionalWeight(name: string): Tensor | undefined {
    return this.#variables.get(name)?.read();
  }

  protected withBias(x: Tensor): Tensor {
    const bias = this.optionalWeight('bias');
    return bias ? add(x, bias) : x;
  }

  /** What the activation of the configuration makes of it. */
  protected activated(x: Tensor): Tensor {
    return this.#activation(x);
  }

  override build(inputShape: OpenShape | OpenShape[]): void {
    this.makeWeights(listOfShapes(inputShape));
    this.built = true;
  }

  override computeOutputShape(inputShape: OpenShape | OpenShape[]): OpenShape | OpenShape[] {
    return this.outputShapeOf(listOfShapes(inputShape));
  }

  override call(inputs: Tensor | Tensor[], kwargs: Record<string, unknown>): Tensor | Tensor[] {
    const mask = kwargs['mask'] as Tensor | undefined;
    return tidy(() => this.compute(Array.isArray(inputs) ? inputs : [inputs], mask));
  }

  /** Keras drops a mask where a layer does not carry it on, and tfjs-layers throws. */
  override computeMask(_inputs: Tensor | Tensor[], mask?: Tensor | Tensor[]): Tensor | Tensor[] {
    return (this.supportsMasking ? mask : null) as Tensor | Tensor[];
  }
}

function listOfShapes(shape: OpenShape | OpenShape[]): OpenShape[] {
  return Array.isArray(shape[0]) ? (shape as OpenShape[]) : [shape as OpenShape];
}

/** What a layer without weights computes of its input, by its configuration. */
export type LayerFunction = (x: Tensor, config: LayerConfig) => Tensor;

/** A layer that is a function, and whose output has the shape of its input. */
export class FunctionLayer extends KerasLayer {
  readonly #function: LayerFunction;

  constructor(compute: LayerFunction, config: LayerConfig) {
    super(config);
    this.#function = compute;
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    return this.#function(x, this.config);
  }
}
