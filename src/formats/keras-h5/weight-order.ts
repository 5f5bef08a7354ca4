/**
 * The order in which Keras keeps the weights of a layer, and of a whole nested model, in one group of an HDF5 file.
 *
 * @module
 */

import type { Layer } from '../../model/layer.ts';
import { orderedWeightNames } from '../keras-weight-names.ts';

/** Whether a weight is trained, which decides its place in the HDF5 files of nested models. */
export function isTrainableWeight(layer: Layer, name: string): boolean {
  return layer.trainable && name !== 'movingMean' && name !== 'movingVariance';
}

/** A weight of a layer inside the layer whose group it is in. */
export interface PlacedWeight {
  readonly layer: Layer;
  /** Path of the layer below the outer one; the outer layer's own name where it is no nested model. */
  readonly path: string;
  readonly weight: string;
}

/** The layers whose weights are in the group of `outer`: itself, or those of the nested model. */
export function layersInGroup(outer: Layer): { layer: Layer; path: string }[] {
  return outer.model ? [...outer.model.allLayers()] : [{ layer: outer, path: outer.name }];
}

/** A weight as the order sees it. */
export type IsTrainable = (layer: Layer, weight: string) => boolean;

/** Keras' `_legacy_weights`: all that are trained, layer by layer, then all that are not. */
export function legacyOrder(
  layers: readonly { layer: Layer; path: string; weights: readonly string[] }[],
  isTrainable: IsTrainable,
): PlacedWeight[] {
  const trainable: PlacedWeight[] = [];
  const rest: PlacedWeight[] = [];
  for (const { layer, path, weights } of layers) {
    for (const weight of weights) {
      (isTrainable(layer, weight) ? trainable : rest).push({ layer, path, weight });
    }
  }
  return [...trainable, ...rest];
}

/** The weights in the group of `outer` in the order that Keras will read them in. */
export function weightsInGroup(outer: Layer, isTrainable: IsTrainable = isTrainableWeight): PlacedWeight[] {
  const layers = layersInGroup(outer).map((entry) => ({
    ...entry,
    weights: orderedWeightNames(entry.layer),
  }));
  return legacyOrder(layers, isTrainable);
}
