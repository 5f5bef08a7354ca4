import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';

/** How many layers of a model have weights, nested ones included. */
export function countWeightedLayers(model: Model): number {
  return [...model.allLayers()].filter(({ layer }) => layer.weights.size > 0).length;
}

/** Whether any weight of the layer differs from what was read, or came or went. */
export function hasEditedWeights({ weights, origin }: Layer): boolean {
  const read = origin?.weights;
  return (
    weights.size !== (read?.size ?? 0) || [...weights].some(([name, tensor]) => read?.get(name) !== tensor)
  );
}

/**
 * Whether any weight differs from what was read, or came or went: then the state of an optimizer, which has values for
 * each of them, no longer belongs to the model.
 *
 * @param readLayers {@link countWeightedLayers} of the model as it was read.
 */
export function isOptimizerStale(model: Model, readLayers: number): boolean {
  return (
    countWeightedLayers(model) !== readLayers ||
    [...model.allLayers()].some(({ layer }) => hasEditedWeights(layer))
  );
}
