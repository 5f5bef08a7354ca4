/**
 * What has to change in the configuration of a TF.js model that is written back, so that TF.js loads it as it is meant.
 *
 * @module
 */

import { isObject, type JsonObject, type JsonValue } from '../../json/value.ts';
import type { Model } from '../../model/model.ts';
import { withoutUnfactored } from '../keras-config/tfjs/config-entries.ts';

/**
 * Clears the constraints (max_norm and its like) of layers whose weights were edited: TF.js applies them to weights
 * while it loads them, which would undo the edit. Removes the entries of a SeparableConv2D with which
 * tensorflowjs_converter writes it and TF.js refuses it.
 */
export function adjustEntries(
  config: JsonObject,
  model: Model,
  warn: (sentence: string) => void,
): JsonObject {
  const edited = editedLayers(model);
  return mapLayerConfigs(config, '', (className, layer, path) => {
    const loadable = withoutUnfactored(className, layer);
    if (loadable !== layer) {
      warn(
        `${path} (${className}): left out kernel_initializer and its like, with which TF.js refuses to load it`,
      );
    }
    return edited.has(path) ? withoutConstraints(loadable, path, warn) : loadable;
  });
}

/** Paths of the layers with a weight that is not the one that was read. */
function editedLayers(model: Model): Set<string> {
  const edited = new Set<string>();
  for (const { layer, path } of model.allLayers()) {
    const isRead = [...layer.weights].every(([name, tensor]) => layer.origin?.weights.get(name) === tensor);
    if (!isRead) edited.add(path);
  }
  return edited;
}

/** An entry of a model with the configurations of all its layers replaced, in nested models too. */
function mapLayerConfigs(
  entry: JsonObject,
  path: string,
  convert: (className: string, config: JsonObject, path: string) => JsonObject,
): JsonObject {
  const mapAll = (layers: JsonValue[]): JsonValue[] =>
    layers.map((layer) => (isObject(layer) ? mapLayerConfigs(layer, pathOf(path, layer), convert) : layer));
  const config = entry['config'];
  if (Array.isArray(config)) return { ...entry, config: mapAll(config) };
  if (!isObject(config)) return entry;
  if (Array.isArray(config['layers'])) {
    return { ...entry, config: { ...config, layers: mapAll(config['layers']) } };
  }
  return { ...entry, config: convert(String(entry['class_name']), config, path) };
}

function pathOf(outer: string, entry: JsonObject): string {
  const config = entry['config'];
  const name = String(entry['name'] ?? (isObject(config) ? config['name'] : ''));
  return outer === '' ? name : `${outer}/${name}`;
}

function withoutConstraints(config: JsonObject, path: string, warn: (sentence: string) => void): JsonObject {
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => {
      if (!key.endsWith('_constraint') || value === null) return [key, value];
      warn(`${path}: left out ${key}, which TF.js would apply to the edited weights while it loads them`);
      return [key, null];
    }),
  );
}
