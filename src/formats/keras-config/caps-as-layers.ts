import type { Model } from '../../model/model.ts';
import { freeLayerName, type NewLayerPlace, newNegation, newRelu } from '../../model/new-layer.ts';
import { PLAIN_RELU } from '../../model/operation.ts';
import { replaceLayers } from '../../model/replace-layers.ts';

/**
 * `model` with two batch norms around a ReLU in the place of each cap, for files that cannot say the operator: `min(x, c) =
 * c - relu(c - x)`, where a value is rounded twice more, by at most half a unit in the last place of `c`. The given model is
 * left as it is.
 *
 * @param isAsked whether it is asked for in the model that holds a cap
 */
export function capsAsLayers(model: Model, isAsked: (owner: Model) => boolean = () => true): Model {
  const names = new Set<string>();
  return replaceLayers(model, (layer, owner) => {
    const { operation } = layer;
    if (operation.kind !== 'cap' || !isAsked(owner)) return undefined;
    const { maxima, axis } = operation;
    const place = (suffix: string): NewLayerPlace => ({
      owner,
      beside: layer,
      name: freeLayerName(model, `${layer.name.replaceAll('.', '_')}_${suffix}`, names),
    });
    return {
      layer: newNegation(place('negate'), axis, maxima),
      inputs: [0],
      behind: [newRelu(place('rest'), PLAIN_RELU), newNegation(place('cap'), axis, maxima)],
    };
  });
}
