/**
 * Layers that multiply each channel by a factor and add a shift to it, whatever Keras calls them.
 *
 * @module
 */

import type { JsonValue } from '../../json/value.ts';
import { isCustomClass, type Layer } from '../../model/layer.ts';
import type { Dialect } from '../../model/model.ts';

/** `factors[c] x + shifts[c]` on the last axis, `[channels]` both. */
export interface AffineMap {
  readonly factors: Float64Array;
  readonly shifts: Float64Array;
  /** What is above is cut off to 1, and what is below 0 to 0: of hard sigmoids. */
  readonly isCut: boolean;
}

/** Keras' Normalization divides by no less. */
const LEAST_DEVIATION = 1e-7;

/**
 * The map that a layer computes that no operation tells of: Rescaling, Normalization, a hard sigmoid.
 *
 * @param channels the size of the last axis
 * @param dialect hard sigmoids of Keras 2 have the slope 0.2, those of Keras 3 the slope 1/6
 * @returns undefined for another layer, and for one that works on other axes.
 */
export function affineMap(layer: Layer, channels: number, dialect: Dialect): AffineMap | undefined {
  const { operation, className, origin } = layer;
  if (operation.kind === 'activation') {
    const { activation } = operation;
    if (activation.kind !== 'other' || activation.name !== 'hard_sigmoid') return undefined;
    const slope = dialect === 'keras3' ? 1 / 6 : 0.2;
    return { factors: filled(slope, channels), shifts: filled(0.5, channels), isCut: true };
  }
  if (operation.kind === 'rescaling') {
    return mapOf(spread(operation.scale, channels), spread(operation.offset, channels));
  }
  if (operation.kind !== 'opaque' || isCustomClass(origin?.config)) return undefined;
  return className === 'Normalization' ? normalization(layer, channels) : undefined;
}

function normalization({ readConfig, weights }: Layer, channels: number): AffineMap | undefined {
  const { axis, invert } = readConfig;
  // Several, or another than the last, have a mean for each element; only those of one size are told apart by it.
  const axes = Array.isArray(axis) ? axis : [axis ?? -1];
  const [weightMean, weightVariance] = [...weights.values()].map((tensor) => tensor.toFloat64());
  const mean = numbers(readConfig['mean'], channels) ?? spread(weightMean, channels);
  const variance = numbers(readConfig['variance'], channels) ?? spread(weightVariance, channels);
  if (!mean || !variance || axes.length > 1) return undefined;
  const deviation = variance.map((one) => Math.max(Math.sqrt(one), LEAST_DEVIATION));
  if (invert === true) return mapOf(deviation, mean);
  return mapOf(
    deviation.map((one) => 1 / one),
    mean.map((one, channel) => -one / (deviation[channel] ?? 1)),
  );
}

function mapOf(factors: Float64Array | undefined, shifts: Float64Array | undefined): AffineMap | undefined {
  return factors && shifts && { factors, shifts, isCut: false };
}

/** A number for each channel, from one for all or a list, nested or not; undefined where it is neither. */
function numbers(value: JsonValue | undefined, channels: number): Float64Array | undefined {
  if (typeof value === 'number') return filled(value, channels);
  if (!Array.isArray(value)) return undefined;
  const flat = value.flat(4);
  if (!flat.every((one) => typeof one === 'number')) return undefined;
  return spread(flat, channels);
}

function spread(values: ArrayLike<number> | undefined, channels: number): Float64Array | undefined {
  if (values?.length === 1) return filled(values[0] ?? 0, channels);
  return values?.length === channels ? Float64Array.from(values) : undefined;
}

function filled(value: number, size: number): Float64Array {
  return new Float64Array(size).fill(value);
}
