import type { Model } from '../../../model/model.ts';
import { freeLayerName, type NewLayerPlace, newNegation, newRelu } from '../../../model/new-layer.ts';
import { PLAIN_RELU } from '../../../model/operation.ts';
import { replaceLayers } from '../../../model/replace-layers.ts';

/**
 * `model` with two batch norms around a ReLU in the place of each cap, an operator that TF.js has not: `min(x, c) =
 * c - relu(c - x)`, where a value is rounded twice more, by at most half a unit in the last place of `c`. The given model is
 * left as it is.
 */
export function capsAsLayers(model: Model): Model {
  const names = new Set<string>();
  return replaceLayers(model, (layer, owner) => {
    const { operation } = layer;
    if (operation.kind !== 'cap') return undefined;
    const { maxima } = operation;
    const place = (suffix: string): NewLayerPlace => ({
      owner,
      beside: layer,
      name: freeLayerName(model, `${layer.name.replaceAll('.', '_')}_${suffix}`, names),
    });
    return {
      layer: newNegation(place('negate'), -1, maxima),
      inputs: [0],
      behind: [newRelu(place('rest'), PLAIN_RELU), newNegation(place('cap'), -1, maxima)],
    };
  });
}
