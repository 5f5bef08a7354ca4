/**
 * Builds configurations of networks as Keras 2 writes them, layer by layer, with the shapes of their weights.
 *
 * @module
 */

import type { JsonObject, JsonValue } from '../../src/json/value.ts';

/** What a layer puts out, for the next one to read. */
export interface Output {
  readonly layer: string;
  readonly channels: number;
}

/** Shapes of a layer's weights by their names, in Keras' order. */
export type WeightShapes = Readonly<Record<string, readonly number[]>>;

/** A network without values: its configuration and what weights it needs. */
export interface Network {
  readonly name: string;
  /** `{"class_name": "Functional", "config": …}` */
  readonly config: JsonObject;
  readonly weights: ReadonlyMap<string, WeightShapes>;
}

/** Options of a convolution; a stride of 1, no bias and `same` where they are left out. */
export interface ConvOptions {
  readonly kernel: number;
  readonly strides?: number;
  readonly padding?: 'same' | 'valid';
  readonly useBias?: boolean;
  readonly activation?: string;
}

/** Builds a functional model. Every method adds a layer and returns what it puts out. */
export class NetworkBuilder {
  readonly input: Output;
  readonly #name: string;
  readonly #layers: JsonObject[] = [];
  readonly #weights = new Map<string, WeightShapes>();

  constructor(name: string, [height, width, channels]: readonly [number, number, number]) {
    this.#name = name;
    const config = { batch_input_shape: [null, height, width, channels], sparse: false };
    this.input = this.layer('InputLayer', 'input_1', config, [], channels);
  }

  conv(from: Output, name: string, filters: number, options: ConvOptions): Output {
    const { kernel, useBias = false } = options;
    return this.layer('Conv2D', name, { filters, ...convConfig(options) }, [from], filters, {
      kernel: [kernel, kernel, from.channels, filters],
      ...(useBias ? { bias: [filters] } : {}),
    });
  }

  depthwiseConv(from: Output, name: string, options: ConvOptions): Output {
    const { kernel } = options;
    const config = { depth_multiplier: 1, ...convConfig(options) };
    return this.layer('DepthwiseConv2D', name, config, [from], from.channels, {
      depthwiseKernel: [kernel, kernel, from.channels, 1],
    });
  }

  dense(from: Output, name: string, units: number, activation: string): Output {
    const shapes = { kernel: [from.channels, units], bias: [units] };
    return this.layer('Dense', name, { units, activation, use_bias: true }, [from], units, shapes);
  }

  batchNorm(from: Output, name: string, epsilon: number): Output {
    const shape = [from.channels];
    const config = { axis: [3], momentum: 0.99, epsilon, center: true, scale: true };
    return this.layer('BatchNormalization', name, config, [from], from.channels, {
      gamma: shape,
      beta: shape,
      movingMean: shape,
      movingVariance: shape,
    });
  }

  activation(from: Output, name: string, activation: string): Output {
    return this.layer('Activation', name, { activation }, [from]);
  }

  /** `padding` is that of height and width: before and after. */
  zeroPadding(from: Output, name: string, padding: readonly [number, number]): Output {
    const config = { padding: [[...padding], [...padding]], data_format: 'channels_last' };
    return this.layer('ZeroPadding2D', name, config, [from]);
  }

  maxPooling(from: Output, name: string, poolSize: number): Output {
    const config = { pool_size: [poolSize, poolSize], strides: [2, 2], padding: 'valid' };
    return this.layer('MaxPooling2D', name, { ...config, data_format: 'channels_last' }, [from]);
  }

  globalAveragePooling(from: Output, name: string): Output {
    const config = { data_format: 'channels_last', keepdims: false };
    return this.layer('GlobalAveragePooling2D', name, config, [from]);
  }

  /** Any layer. It writes as many channels as it reads unless `channels` says otherwise. */
  layer(
    className: string,
    name: string,
    config: JsonObject,
    from: readonly Output[],
    channels: number = from[0]?.channels ?? 0,
    weights: WeightShapes = {},
  ): Output {
    const node = from.map((input): JsonValue => [input.layer, 0, 0, {}]);
    this.#layers.push({
      class_name: className,
      config: { name, trainable: true, dtype: 'float32', ...config },
      name,
      inbound_nodes: node.length === 0 ? [] : [node],
    });
    this.#weights.set(name, weights);
    return { layer: name, channels };
  }

  /** The network from {@link input} to `output`. */
  build(output: Output): Network {
    const config = {
      name: this.#name,
      trainable: true,
      layers: this.#layers,
      input_layers: [[this.input.layer, 0, 0]],
      output_layers: [[output.layer, 0, 0]],
    };
    return { name: this.#name, config: { class_name: 'Functional', config }, weights: this.#weights };
  }
}

function convConfig(options: ConvOptions): JsonObject {
  const { kernel, strides = 1, padding = 'same', useBias = false, activation = 'linear' } = options;
  return {
    kernel_size: [kernel, kernel],
    strides: [strides, strides],
    padding,
    data_format: 'channels_last',
    dilation_rate: [1, 1],
    activation,
    use_bias: useBias,
  };
}
