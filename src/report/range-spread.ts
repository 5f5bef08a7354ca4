import { channelRange } from '../model/channels.ts';
import type { Model } from '../model/model.ts';
import { isWeighted } from '../model/operation.ts';

/** How unevenly the output channels of a layer use the range of its kernel. */
export interface RangeSpread {
  /** {@link Layer.path}. */
  readonly layer: string;
  /** The largest channel range `max |w|` over the median one; channels of zeros left out. NaN where a weight is NaN. */
  readonly spread: number;
}

/** The spread of every layer with a kernel, in the model's order. */
export function rangeSpreads(model: Model): RangeSpread[] {
  const spreads: RangeSpread[] = [];
  for (const { layer } of model.allLayers()) {
    if (isWeighted(layer.operation)) {
      spreads.push({ layer: layer.path, spread: spreadOf(channelRange(layer, 'output')) });
    }
  }
  return spreads;
}

/** The layer with the largest spread; undefined for a model without kernels. */
export function largestSpread(spreads: readonly RangeSpread[]): RangeSpread | undefined {
  return spreads.reduce<RangeSpread | undefined>(
    (largest, one) => (largest === undefined || one.spread > largest.spread ? one : largest),
    undefined,
  );
}

function spreadOf(ranges: Float64Array): number {
  const used = ranges.filter((range) => range !== 0).sort();
  const median = used[Math.floor(used.length / 2)];
  const largest = used.at(-1);
  return median === undefined || largest === undefined ? 1 : largest / median;
}
