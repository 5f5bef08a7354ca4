import { addMomentSums } from '../../kernels/channel-moments.ts';
import type { GraphTensor } from '../../model/graph.ts';
import type { FloatValues } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type ChannelDistribution, matchedDistribution } from './channel-distribution.ts';

/** Moments of several tensors, each under a key of its own. */
export class MomentSums {
  readonly #sums = new Map<string, MomentAccumulator>();

  /** Takes `values` of `tensor` in under `key`. */
  add(key: string, { channelAxis }: GraphTensor, values: Tensor): void {
    const known = this.#sums.get(key) ?? new MomentAccumulator(channelAxis);
    this.#sums.set(key, known);
    known.add(values);
  }

  /** By key. */
  distributions(): Map<string, ChannelDistribution> {
    return new Map([...this.#sums].map(([key, one]) => [key, one.distribution()]));
  }
}

/** Takes the moments of tensors `[samples, ...]` over samples and positions, batch by batch. */
export class MomentAccumulator {
  readonly #axis: number;
  #first = new Float64Array(0);
  #second = new Float64Array(0);
  #count = 0;

  /** @param axis of the channels, counted from the end; where it is not known, the last. */
  constructor(axis: number | undefined) {
    this.#axis = axis ?? -1;
  }

  /** @throws RangeError where a tensor has other channels than the one before. */
  add(tensor: Tensor): void {
    const { shape } = tensor;
    const axis = shape.length + this.#axis;
    const channels = axis < 1 ? 1 : (shape[axis] ?? 1);
    if (this.#count === 0) {
      this.#first = new Float64Array(channels);
      this.#second = new Float64Array(channels);
    }
    if (channels !== this.#first.length) {
      throw new RangeError(`${channels} channels, after ${this.#first.length} in the batch before`);
    }
    const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
    const sums = { first: this.#first, second: this.#second };
    for (const { start, values } of tensor.blocks()) {
      addMomentSums(values as FloatValues, start, { channels, inner }, sums);
    }
    this.#count += channels === 0 ? 0 : tensor.size / channels;
  }

  /** NaN where nothing was taken. */
  distribution(): ChannelDistribution {
    const mean = this.#first.map((sum) => sum / this.#count);
    const variance = this.#second.map((sum, channel) => sum / this.#count - (mean[channel] ?? 0) ** 2);
    return matchedDistribution(mean, variance);
  }
}
