import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { convolveTransposed } from './convolution.ts';
import { ConvolutionLayer } from './convolution-layer.ts';
import { numberIn, numbersIn, type OpenShape } from './layer-config.ts';
import { channelCount, dilatedSize } from './spatial-layout.ts';

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
