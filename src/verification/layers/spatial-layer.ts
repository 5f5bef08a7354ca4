import type { Tensor } from '@tensorflow/tfjs-core';
import { KerasLayer } from './keras-layer.ts';
import { isChannelsFirst, type LayerConfig, type OpenShape } from './layer-config.ts';
import { channelCount, channelsLast, inFormat, spatialSizes, withSizes } from './spatial-layout.ts';

/** A layer that goes over spatial axes, in either data format. */
export abstract class SpatialLayer extends KerasLayer {
  /** The number of spatial axes. */
  protected readonly rank: number;
  /** Whether the channels stand before them. */
  protected readonly isFirst: boolean;

  constructor(rank: number, config: LayerConfig) {
    super(config);
    this.supportsMasking = false;
    this.rank = rank;
    this.isFirst = isChannelsFirst(config);
  }

  /** What it makes of a tensor with the channels last. */
  protected abstract change(x: Tensor): Tensor;

  /** The size of the output along a spatial axis. */
  protected abstract sizeOf(size: number, axis: number): number;

  /** The number of channels of the output for that of the input. */
  protected channelsFor(inputs: number): number {
    return inputs;
  }

  protected override compute([x]: readonly [Tensor]): Tensor {
    return inFormat(this.change(channelsLast(x, this.isFirst)), this.isFirst);
  }

  protected override outputShapeOf([shape = []]: readonly OpenShape[]): OpenShape {
    const sizes = spatialSizes(shape, this.isFirst).map((size, axis) =>
      size === null ? null : this.sizeOf(size, axis),
    );
    return withSizes(shape, this.isFirst, sizes, this.channelsFor(channelCount(shape, this.isFirst)));
  }
}
