import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { type ActivationFunction, activationFunction } from './activation-functions.ts';
import { convolve, convolveDepthwise, convolveTransposed, type Walk } from './convolution.ts';
import {
  flagIn,
  type LayerConfig,
  numberIn,
  numbersIn,
  type OpenShape,
  sizesIn,
  textIn,
} from './layer-config.ts';
import { SpatialLayer } from './spatial-layer.ts';
import { channelCount, dilatedSize, windowCount } from './spatial-layout.ts';

/** What all convolutions have in common: how they go over the input, the bias and the activation. */
abstract class ConvolutionLayer extends SpatialLayer {
  protected readonly kernelSize: readonly number[];
  protected readonly walk: Walk;
  protected readonly activation: ActivationFunction;
  protected bias: LayerVariable | undefined;

  constructor(rank: 1 | 2 | 3, config: LayerConfig) {
    super(rank, config);
    this.kernelSize = sizesIn(config, 'kernelSize', rank, 1);
    this.walk = {
      strides: sizesIn(config, 'strides', rank, 1),
      dilations: sizesIn(config, 'dilationRate', rank, 1),
      padding: textIn(config, 'padding', 'valid'),
    };
    this.activation = activationFunction(config['activation']);
  }

  /** The convolution alone, with the channels last. */
  protected abstract convolve(x: Tensor): Tensor;

  protected makeBias(channels: number): void {
    if (flagIn(this.config, 'useBias', true)) this.bias = this.makeWeight('bias', [channels]);
  }

  protected override change(x: Tensor): Tensor {
    const product = this.convolve(x);
    return this.bias ? tf.add(product, this.bias.read()) : product;
  }

  protected override compute(inputs: readonly [Tensor]): Tensor {
    // Some activations go along the last axis, whatever that holds.
    return this.activation(super.compute(inputs));
  }

  protected override sizeOf(length: number, axis: number): number {
    const { strides, dilations, padding } = this.walk;
    const size = dilatedSize(this.kernelSize[axis] ?? 1, dilations[axis] ?? 1);
    return windowCount(padding, length, size, strides[axis] ?? 1);
  }
}

/** Keras' Conv1D, Conv2D and Conv3D with groups, causal padding, both data formats and all activations. */
export class Convolution extends ConvolutionLayer {
  #kernel: LayerVariable | undefined;

  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    const filters = this.channelsFor();
    const inputs = channelCount(shape, this.isFirst) / numberIn(this.config, 'groups', 1);
    this.#kernel = this.makeWeight('kernel', [...this.kernelSize, inputs, filters]);
    this.makeBias(filters);
  }

  protected override convolve(x: Tensor): Tensor {
    return convolve(x, (this.#kernel as LayerVariable).read(), this.walk, numberIn(this.config, 'groups', 1));
  }

  protected override channelsFor(): number {
    return numberIn(this.config, 'filters', 1);
  }
}

/** Keras' DepthwiseConv1D and DepthwiseConv2D with dilation and both data formats. */
export class DepthwiseConvolution extends ConvolutionLayer {
  #kernel: LayerVariable | undefined;

  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    const inputs = channelCount(shape, this.isFirst);
    this.#kernel = this.makeWeight('depthwise_kernel', [...this.kernelSize, inputs, this.channelsFor(1)]);
    this.makeBias(this.channelsFor(inputs));
  }

  protected override convolve(x: Tensor): Tensor {
    return convolveDepthwise(x, (this.#kernel as LayerVariable).read(), this.walk);
  }

  protected override channelsFor(inputs: number): number {
    return inputs * numberIn(this.config, 'depthMultiplier', 1);
  }
}

/** Keras' SeparableConv1D and SeparableConv2D with dilation and both data formats. */
export class SeparableConvolution extends ConvolutionLayer {
  #depthwise: LayerVariable | undefined;
  #pointwise: LayerVariable | undefined;

  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    const inputs = channelCount(shape, this.isFirst);
    const multiplier = numberIn(this.config, 'depthMultiplier', 1);
    const ones = this.kernelSize.map(() => 1);
    const filters = this.channelsFor();
    this.#depthwise = this.makeWeight('depthwise_kernel', [...this.kernelSize, inputs, multiplier]);
    this.#pointwise = this.makeWeight('pointwise_kernel', [...ones, inputs * multiplier, filters]);
    this.makeBias(filters);
  }

  protected override convolve(x: Tensor): Tensor {
    const ones = this.kernelSize.map(() => 1);
    const spatial = convolveDepthwise(x, (this.#depthwise as LayerVariable).read(), this.walk);
    const pointwise = { strides: ones, dilations: ones, padding: 'valid' };
    return convolve(spatial, (this.#pointwise as LayerVariable).read(), pointwise, 1);
  }

  protected override channelsFor(): number {
    return numberIn(this.config, 'filters', 1);
  }
}

/** Keras' Conv1DTranspose, Conv2DTranspose and Conv3DTranspose with output padding and dilation. */
export class TransposedConvolution extends ConvolutionLayer {
  #kernel: LayerVariable | undefined;

  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    const filters = this.channelsFor();
    this.#kernel = this.makeWeight('kernel', [
      ...this.kernelSize,
      filters,
      channelCount(shape, this.isFirst),
    ]);
    this.makeBias(filters);
  }

  protected override convolve(x: Tensor): Tensor {
    const sizes = x.shape.slice(1, -1).map((size, axis) => this.sizeOf(size, axis));
    return convolveTransposed(x, (this.#kernel as LayerVariable).read(), this.walk, sizes);
  }

  protected override channelsFor(): number {
    return numberIn(this.config, 'filters', 1);
  }

  protected override sizeOf(length: number, axis: number): number {
    const { strides, dilations, padding } = this.walk;
    const stride = strides[axis] ?? 1;
    const size = dilatedSize(this.kernelSize[axis] ?? 1, dilations[axis] ?? 1);
    const extra = numbersIn(this.config, 'outputPadding', []);
    if (extra.length === 0) {
      return padding === 'same' ? length * stride : length * stride + Math.max(size - stride, 0);
    }
    const cut = padding === 'same' ? 2 * Math.floor(size / 2) : 0;
    return (length - 1) * stride + size - cut + ((extra.length === 1 ? extra[0] : extra[axis]) ?? 0);
  }
}
