import type { Tensor } from '@tensorflow/tfjs-core';
import { convolve, convolveDepthwise, convolveTransposed, type Walk } from './convolution.ts';
import { type LayerConfig, numberIn, numbersIn, type OpenShape, sizesIn, textIn } from './layer-config.ts';
import { SpatialLayer } from './spatial-layer.ts';
import { channelCount, dilatedSize, windowCount } from './spatial-layout.ts';

/** What all convolutions have in common: how they go over the input, the bias and the activation. */
abstract class ConvolutionLayer extends SpatialLayer {
  protected readonly kernelSize: readonly number[];
  protected readonly walk: Walk;

  constructor(rank: 1 | 2 | 3, config: LayerConfig) {
    super(rank, config);
    this.kernelSize = sizesIn(config, 'kernelSize', rank, 1);
    this.walk = {
      strides: sizesIn(config, 'strides', rank, 1),
      dilations: sizesIn(config, 'dilationRate', rank, 1),
      padding: textIn(config, 'padding', 'valid'),
    };
  }

  /** The shapes of the kernels by their names, for so many channels of the input. */
  protected abstract kernels(inputs: number): Readonly<Record<string, number[]>>;

  /** The convolution alone, with the channels last. */
  protected abstract convolve(x: Tensor): Tensor;

  protected override makeWeights([shape = []]: readonly OpenShape[]): void {
    const inputs = channelCount(shape, this.isFirst);
    for (const [name, sizes] of Object.entries(this.kernels(inputs))) this.makeWeight(name, sizes);
    this.makeBias([this.channelsFor(inputs)]);
  }

  protected override change(x: Tensor): Tensor {
    return this.withBias(this.convolve(x));
  }

  protected override compute(inputs: readonly [Tensor]): Tensor {
    // Some activations go along the last axis, whatever that holds.
    return this.activated(super.compute(inputs));
  }

  protected override channelsFor(_inputs: number): number {
    return numberIn(this.config, 'filters', 1);
  }

  protected override sizeOf(length: number, axis: number): number {
    const { strides, dilations, padding } = this.walk;
    const size = dilatedSize(this.kernelSize[axis] ?? 1, dilations[axis] ?? 1);
    return windowCount(padding, length, size, strides[axis] ?? 1);
  }
}

/** Keras' Conv1D, Conv2D and Conv3D with groups, causal padding, both data formats and all activations. */
export class Convolution extends ConvolutionLayer {
  protected override kernels(inputs: number): Record<string, number[]> {
    const groups = numberIn(this.config, 'groups', 1);
    return { kernel: [...this.kernelSize, inputs / groups, this.channelsFor(inputs)] };
  }

  protected override convolve(x: Tensor): Tensor {
    return convolve(x, this.weight('kernel'), this.walk, numberIn(this.config, 'groups', 1));
  }
}

/** Keras' DepthwiseConv1D and DepthwiseConv2D with dilation and both data formats. */
export class DepthwiseConvolution extends ConvolutionLayer {
  protected override kernels(inputs: number): Record<string, number[]> {
    return { depthwise_kernel: [...this.kernelSize, inputs, this.channelsFor(1)] };
  }

  protected override convolve(x: Tensor): Tensor {
    return convolveDepthwise(x, this.weight('depthwise_kernel'), this.walk);
  }

  protected override channelsFor(inputs: number): number {
    return inputs * numberIn(this.config, 'depthMultiplier', 1);
  }
}

/** Keras' SeparableConv1D and SeparableConv2D with dilation and both data formats. */
export class SeparableConvolution extends ConvolutionLayer {
  readonly #ones = this.kernelSize.map(() => 1);

  protected override kernels(inputs: number): Record<string, number[]> {
    const multiplier = numberIn(this.config, 'depthMultiplier', 1);
    return {
      depthwise_kernel: [...this.kernelSize, inputs, multiplier],
      pointwise_kernel: [...this.#ones, inputs * multiplier, this.channelsFor(inputs)],
    };
  }

  protected override convolve(x: Tensor): Tensor {
    const spatial = convolveDepthwise(x, this.weight('depthwise_kernel'), this.walk);
    const pointwise = { strides: this.#ones, dilations: this.#ones, padding: 'valid' };
    return convolve(spatial, this.weight('pointwise_kernel'), pointwise, 1);
  }
}

/** Keras' Conv1DTranspose, Conv2DTranspose and Conv3DTranspose with output padding and dilation. */
export class TransposedConvolution extends ConvolutionLayer {
  protected override kernels(inputs: number): Record<string, number[]> {
    return { kernel: [...this.kernelSize, this.channelsFor(inputs), inputs] };
  }

  protected override convolve(x: Tensor): Tensor {
    const sizes = x.shape.slice(1, -1).map((size, axis) => this.sizeOf(size, axis));
    return convolveTransposed(x, this.weight('kernel'), this.walk, sizes);
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
