/**
 * The order in which Keras keeps the weights of a layer, and of a whole nested model, in one group of an HDF5 file.
 *
 * @module
 */

import type { Layer } from '../../model/layer.ts';
import { orderedWeightNames } from '../keras-weight-names.ts';

/** Whether a weight is trained, which decides its place in the HDF5 files of nested models. */
export function isTrainableWeight({ className, trainable }: Layer, name: string): boolean {
  return trainable && className !== 'Normalization' && name !== 'movingMean' && name !== 'movingVariance';
}

/** A weight of a layer inside the layer whose group it is in. */
export interface PlacedWeight {
  readonly layer: Layer;
  readonly weight: string;
}

/** The layers whose weights are in the group of `outer`: itself, or those of the nested model. */
export function layersInGroup(outer: Layer): Layer[] {
  return outer.model ? Array.from(outer.model.allLayers(), ({ layer }) => layer) : [outer];
}

/**
 * The weights in the group of `outer` in the order that Keras will read them in, its `_legacy_weights`: all that are
 * trained, layer by layer, then all that are not.
 */
export function weightsInGroup(
  outer: Layer,
  isTrainable: (layer: Layer, weight: string) => boolean = isTrainableWeight,
  weightsOf: (layer: Layer) => readonly string[] = orderedWeightNames,
): PlacedWeight[] {
  const weights = layersInGroup(outer).flatMap((layer) =>
    weightsOf(layer).map((weight): PlacedWeight => ({ layer, weight })),
  );
  const isTrained = new Set(weights.filter(({ layer, weight }) => isTrainable(layer, weight)));
  return [...isTrained, ...weights.filter((weight) => !isTrained.has(weight))];
}
