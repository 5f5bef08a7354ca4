/**
 * Names by which TF.js can tell layers apart: it knows weights by the name of the innermost layer alone.
 *
 * @module
 */

import type { Model } from '../../../model/model.ts';
import { freeLayerName } from '../../../model/new-layer.ts';
import { replaceLayers } from '../../../model/replace-layers.ts';
import { named } from '../../../text/names.ts';
import { renamedLayer } from '../dialects/keras3-names.ts';

/** Names that a note shows. */
const SHOWN = 20;

/**
 * `model` with the names of the models around it in front of the name of each nested layer with weights that another layer
 * has too: `encoder/conv` becomes `encoder_conv`. The given model is left as it is.
 *
 * @param note is told, in one sentence, which names changed.
 */
export function withDistinctNames(model: Model, note: (sentence: string) => void): Model {
  const pathsOf = new Map<string, string[]>();
  for (const { layer, path } of model.allLayers()) {
    if (layer.weights.size === 0) continue;
    const paths = pathsOf.get(layer.name) ?? [];
    paths.push(path);
    pathsOf.set(layer.name, paths);
  }
  const taken = new Set<string>();
  const names = new Map<string, string>();
  for (const paths of pathsOf.values()) {
    if (paths.length < 2) continue;
    for (const path of paths.filter((one) => !model.layers.some(({ name }) => name === one))) {
      names.set(path, freeLayerName(model, path.replaceAll('/', '_'), taken));
    }
  }
  if (names.size === 0) return model;
  const changed = [...names].map(([path, name]) => `${path} is ${name}`);
  note(
    `TF.js knows weights by the name of the layer alone, so layers of nested models with the same name were renamed in the file: ` +
      named(changed, SHOWN),
  );
  return replaceLayers(model, (layer) => {
    const name = layer.model ? undefined : names.get(layer.path);
    return name === undefined ? undefined : { layer: renamedLayer(layer, name) };
  });
}
