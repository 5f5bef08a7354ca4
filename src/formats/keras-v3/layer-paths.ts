/**
 * Where each layer's variables lie in `model.weights.h5`, which depends on the version of Keras.
 *
 * Keras does not use the names of layers but those of their classes, numbered: `conv2d`, `conv2d_1`. Removing a layer
 * therefore moves others.
 *
 * @module
 */

import type { Layer } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import { keras3ClassName } from '../keras-config/dialects/to-keras3.ts';
import { trackedLayers } from '../tracked-layers.ts';

/** A version's way of naming groups. */
export type NamingScheme =
  /** 2.15 and 3: the list `layers`. */
  | 'layers'
  /** 2.14: a dictionary of the layers. */
  | 'dependencies'
  /** 2.12 and 2.13: the dictionary has layers with weights twice, and both entries count. */
  | 'dependencies-twice'
  /** The list `layers`, by the layers' own names. */
  | 'layer-names';

/** The groups at the root that tell the schemes apart, and the schemes that have them, likeliest first. */
export const SCHEMES_BY_CONTAINER: ReadonlyMap<string, readonly NamingScheme[]> = new Map<
  string,
  readonly NamingScheme[]
>([
  ['layers', ['layers', 'layer-names']],
  ['_layer_checkpoint_dependencies', ['dependencies-twice', 'dependencies']],
]);

/** A layer and its group in the weights file. */
export interface LayerPlace {
  readonly layer: Layer;
  readonly group: string;
}

/** The group in that of a model which has those of its layers. */
export function containerOf(scheme: NamingScheme): string {
  return scheme.startsWith('dependencies') ? '_layer_checkpoint_dependencies' : 'layers';
}

/**
 * The groups of all layers, nested models before the layers inside.
 *
 * @param hasWeights whether a layer, or anything inside, has weights: this counts in `dependencies-twice`.
 */
export function layerPlaces(
  model: Model,
  scheme: NamingScheme,
  hasWeights: (layer: Layer, group: string) => boolean,
  group = '',
): LayerPlace[] {
  const container = `${group}${containerOf(scheme)}/`;
  const used = new Map<string, number>();
  const places: LayerPlace[] = [];
  for (const layer of trackedLayers(model)) {
    const name =
      scheme === 'layer-names' ? layer.name : uniqueName(snakeCase(keras3ClassName(layer.className)), used);
    const own = container + name;
    places.push({ layer, group: own });
    const inner = layer.model ? placesInside(layer, layer.model, scheme, hasWeights, own) : [];
    for (const place of inner) places.push(place);
    if (scheme === 'dependencies-twice' && hasWeights(layer, own)) {
      uniqueName(snakeCase(keras3ClassName(layer.className)), used);
    }
  }
  return places;
}

/** A TimeDistributed keeps what it has for each step in its attribute `layer`. */
function placesInside(
  { steps }: Layer,
  model: Model,
  scheme: NamingScheme,
  hasWeights: (layer: Layer, group: string) => boolean,
  own: string,
): LayerPlace[] {
  const group = steps ? `${own}/${WRAPPED}` : own;
  const [only, ...others] = model.layers;
  if (steps === 'layer' && only && others.length === 0) return [{ layer: only, group }];
  return layerPlaces(model, scheme, hasWeights, `${group}/`);
}

/** The group of a nested model that has the container of its layers; that of a TimeDistributed is one further in. */
export function groupOfModel({ layer, group }: LayerPlace): string {
  return layer.steps ? `${group}/${WRAPPED}` : group;
}

const WRAPPED = 'layer';

/**
 * `Conv2D` to `conv2d`, `BatchNormalization` to `batch_normalization`, as Keras' `to_snake_case`. Python's `\W` leaves the
 * letters of all scripts; its `[A-Z]` and `[a-z]` are those of ASCII.
 */
export function snakeCase(className: string): string {
  return className
    .replaceAll(/[^\p{L}\p{N}_]+/gu, '')
    .replaceAll(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

function uniqueName(name: string, used: Map<string, number>): string {
  const count = used.get(name);
  used.set(name, count === undefined ? 0 : count + 1);
  return count === undefined ? name : `${name}_${count + 1}`;
}
