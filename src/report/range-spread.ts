import { channelRange, kernelNames } from '../model/channels.ts';
import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import { isWeighted, type Operation } from '../model/operation.ts';
import { isFloat } from '../tensor/dtype.ts';

/** How unevenly the output channels of a layer use the range of its kernel. */
export interface RangeSpread {
  /** {@link Layer.path}. */
  readonly layer: string;
  /**
   * The largest channel range `max |w|` over the median one. Dead channels, below a millionth of the largest, are left
   * out. NaN where a weight is NaN.
   */
  readonly spread: number;
}

/**
 * The spread of every layer with a kernel that `takes` takes, in the model's order.
 *
 * It reads the kernels, of which the Dense layers of old networks are by far the largest.
 */
export function rangeSpreads(
  model: Model,
  takes: (operation: Operation) => boolean = isWeighted,
): RangeSpread[] {
  const spreads: RangeSpread[] = [];
  for (const { layer } of model.allLayers()) {
    if (isWeighted(layer.operation) && takes(layer.operation) && hasFloatKernel(layer)) {
      spreads.push({ layer: layer.path, spread: spreadOf(channelRange(layer, 'output')) });
    }
  }
  return spreads;
}

function hasFloatKernel(layer: Layer): boolean {
  return kernelNames(layer).every((name) => isFloat(layer.requireWeight(name).dtype));
}

/** The layer with the largest spread; undefined for a model without kernels. */
export function largestSpread(spreads: readonly RangeSpread[]): RangeSpread | undefined {
  return spreads.reduce<RangeSpread | undefined>(
    (largest, one) => (largest === undefined || !(one.spread <= largest.spread) ? one : largest),
    undefined,
  );
}

/** Channels below this share of the largest range are dead: no factor makes anything of them. */
const DEAD = 1e-6;

/** The largest of some channel ranges over the median one of those that are not dead; NaN where one is not finite. */
export function spreadOf(ranges: Float64Array): number {
  const largest = ranges.reduce((max, range) => Math.max(max, range), 0);
  if (!Number.isFinite(largest)) return NaN;
  const live = ranges.filter((range) => range > DEAD * largest).sort();
  const median = live[Math.floor(live.length / 2)];
  return median === undefined ? 1 : largest / median;
}
