/**
 * Names that Keras 3 takes: without the slashes that Keras 2 allowed, as in its DenseNet and MobileNetV3, and none that it gives
 * to an operator of its own.
 *
 * @module
 */

import { isObject, type JsonObject } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import type { Model } from '../../../model/model.ts';
import { freeLayerName } from '../../../model/new-layer.ts';
import { layerWith, modelWith, replaceLayers } from '../../../model/replace-layers.ts';
import { freeName } from '../../../text/names.ts';
import { concatenatesOfMasks } from './masks.ts';

/** Names that a warning shows. */
const SHOWN = 3;

/**
 * `model` with an underscore for every slash in the names of layers and models, as the applications of Keras 3 have
 * it, and another name for a Concatenate that Keras 3 would give the same name as the operator that joins its masks; the given
 * one is left as it is.
 *
 * @param warn is told, in a sentence for each reason, which names changed.
 */
export function withKeras3Names(given: Model, warn: (sentence: string) => void): Model {
  const model = withoutOperatorNames(given, warn);
  const changed: string[] = [];
  const taken = new Map<Model, Set<string>>();
  const renamed = replaceLayers(model, (layer, owner) => {
    if (!layer.name.includes('/')) return undefined;
    const names = taken.get(owner) ?? new Set(owner.layers.map(({ name }) => name));
    taken.set(owner, names);
    const name = freeName(keras3Name(layer.name), (one) => names.has(one));
    names.add(name);
    changed.push(`${layer.path} is ${name}`);
    return { layer: renamedLayer(layer, name) };
  });
  const named = keras3Name(model.name);
  if (named !== model.name) changed.push(`the model ${model.name} is ${named}`);
  if (changed.length === 0) return model;
  const shown = `${changed.slice(0, SHOWN).join(', ')}${changed.length > SHOWN ? ', …' : ''}`;
  const count = changed.length === 1 ? '1 name has' : `${changed.length} names have`;
  warn(`${count} an underscore for each slash in the file, because Keras 3 takes no slash: ${shown}`);
  return named === model.name ? renamed : renamedModel(renamed, named);
}

function withoutOperatorNames(model: Model, warn: (sentence: string) => void): Model {
  const merging = concatenatesOfMasks(model);
  return replaceLayers(model, (layer, owner) => {
    if (!merging.has(layer) || !/^concatenate(_\d+)?$/.test(layer.name)) return undefined;
    const name = freeLayerName(owner, `${layer.name}_layer`);
    warn(`${layer.path} is ${name}, because Keras 3 gives its old name to an operator that joins masks`);
    return { layer: renamedLayer(layer, name) };
  });
}

/** The name as Keras 3 takes it. */
export function keras3Name(name: string): string {
  return name.replaceAll('/', '_');
}

/** The layer, and the model inside where there is one, under another name. */
export function renamedLayer(layer: Layer, name: string): Layer {
  const { model, origin } = layer;
  return layerWith(layer, {
    name,
    model: model && renamedModel(model, name),
    origin: origin && {
      ...origin,
      config: { ...origin.config, name, config: renamedConfig(origin.config, name) },
    },
  });
}

function renamedConfig(entry: JsonObject, name: string): JsonObject[string] {
  const config = entry['config'];
  return isObject(config) ? { ...config, name } : (config ?? {});
}

function renamedModel(model: Model, name: string): Model {
  return modelWith(model, { name, config: { ...model.config, ...('name' in model.config ? { name } : {}) } });
}
