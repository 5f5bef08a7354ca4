import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayerVariable } from '@tensorflow/tfjs-layers';
import { type ActivationFunction, activationFunction } from './activation-functions.ts';
import { convolve, type Walk } from './convolution.ts';
import { KerasLayer } from './keras-layer.ts';
import {
  flagIn,
  isChannelsFirst,
  type LayerConfig,
  numberIn,
  type OpenShape,
  sizesIn,
  textIn,
} from './layer-config.ts';
import {
  channelCount,
  channelsLast,
  dilatedSize,
  inFormat,
  spatialSizes,
  windowCount,
  withSizes,
} from './spatial-layout.ts';

/** The number of spatial axes of a layer. */
export type Rank = 1 | 2 | 3;

/** What all convolutions have in common: how they go over the input, the bias and the activation. */
export abstract class ConvolutionLayer extends KerasLayer {
  protected readonly rank: Rank;
  protected readonly isFirst: boolean;
  protected readonly kernelSize: readonly number[];
  protected readonly walk: Walk;
  protected readonly activation: ActivationFunction;
  protected bias: LayerVariable | undefined;

  constructor(rank: Rank, config: LayerConfig) {
    super(config);
    this.supportsMasking = false;
    this.rank = rank;
    this.isFirst = isChannelsFirst(config);
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

  /** The number of channels of the output for that of the input. */
  protected abstract channelsFor(inputs: number): number;

  protected makeBias(channels: number): void {
    if (flagIn(this.config, 'useBias', true)) this.bias = this.makeWeight('bias', [channels]);
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    const product = this.convolve(channelsLast(x, this.isFirst));
    const shifted = this.bias ? tf.add(product, this.bias.read()) : product;
    // Some activations go along the last axis.
    return this.activation(inFormat(shifted, this.isFirst));
  }

  /** The size of the output along a spatial axis. */
  protected sizeOf(length: number, axis: number): number {
    const { strides, dilations, padding } = this.walk;
    const size = dilatedSize(this.kernelSize[axis] ?? 1, dilations[axis] ?? 1);
    return windowCount(padding, length, size, strides[axis] ?? 1);
  }

  protected override outputShapeOf([shape = []]: readonly OpenShape[]): OpenShape {
    const sizes = spatialSizes(shape, this.isFirst).map((size, axis) =>
      size === null ? null : this.sizeOf(size, axis),
    );
    return withSizes(shape, this.isFirst, sizes, this.channelsFor(channelCount(shape, this.isFirst)));
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
