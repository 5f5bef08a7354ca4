import type { Model } from '../model/model.ts';

/** How many layers of a model have weights, nested ones included. */
export function countWeightedLayers(model: Model): number {
  return [...model.allLayers()].filter(({ layer }) => layer.weights.size > 0).length;
}

/**
 * Whether any weight differs from what was read, or came or went: then the state of an optimizer, which has values for
 * each of them, no longer belongs to the model.
 *
 * @param readLayers {@link countWeightedLayers} of the model as it was read.
 */
export function hasEditedWeights(model: Model, readLayers: number): boolean {
  if (countWeightedLayers(model) !== readLayers) return true;
  return [...model.allLayers()].some(({ layer }) => {
    const read = layer.origin?.weights;
    if (layer.weights.size !== (read?.size ?? 0)) return true;
    return [...layer.weights].some(([name, tensor]) => read?.get(name) !== tensor);
  });
}
