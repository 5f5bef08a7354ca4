import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { convolve, convolveDepthwise } from './convolution.ts';
import { ConvolutionLayer } from './convolution-layer.ts';
import { numberIn, type OpenShape } from './layer-config.ts';
import { channelCount } from './spatial-layout.ts';

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
