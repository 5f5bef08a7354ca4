/**
 * The names that Keras gives to weights on disk.
 *
 * @module
 */

import { ownEntry } from '../json/value.ts';
import type { Layer } from '../model/layer.ts';
import { type WeightName, weightNamesOf } from '../model/layer-weights.ts';

/** Keras' own name of each weight. */
export const KERAS_WEIGHT_NAMES: Readonly<Record<WeightName, string>> = {
  kernel: 'kernel',
  depthwiseKernel: 'depthwise_kernel',
  pointwiseKernel: 'pointwise_kernel',
  bias: 'bias',
  gamma: 'gamma',
  beta: 'beta',
  movingMean: 'moving_mean',
  movingVariance: 'moving_variance',
  alpha: 'alpha',
};

/** Keras' name of a weight of a layer; those of opaque layers already have it. */
export function kerasWeightName(name: string): string {
  return ownEntry(KERAS_WEIGHT_NAMES, name) ?? name;
}

/**
 * The names of a layer's weights in Keras' order, whatever order edits have left them in: those of its operation, then
 * those of a fused activation. An opaque layer's are in the order that was read.
 */
export function orderedWeightNames(layer: Layer): string[] {
  const expected: readonly string[] = weightNamesOf(layer.operation) ?? [];
  const own = expected.filter((name) => layer.weights.has(name));
  return [...own, ...[...layer.weights.keys()].filter((name) => !expected.includes(name))];
}
