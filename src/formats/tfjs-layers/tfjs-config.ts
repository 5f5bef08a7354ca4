/**
 * The configuration of a model in the form that TF.js loads.
 *
 * @module
 */

import { isObject, type JsonObject, type JsonValue, mapEntries } from '../../json/value.ts';
import type { Model } from '../../model/model.ts';
import { hasEditedWeights } from '../edited-weights.ts';
import { operatorsAsLayers } from '../keras-config/dialects/replaced-operators.ts';
import { configOf } from '../keras-config/serialized-objects.ts';
import { type Warn, withoutUnfactored } from '../keras-config/tfjs/config-entries.ts';
import { withTfjsForms } from '../keras-config/tfjs/rewritten-layers.ts';
import { toTfjsConfig } from '../keras-config/tfjs/to-tfjs.ts';
import { writeModelConfig } from '../keras-config/write-model.ts';
import { tfjsOrigin } from './origin.ts';

/**
 * The configuration `{"class_name": …, "config": …}` of a model in the form that tfjs-layers 4.22 reads: as it was read
 * where it was read from TF.js files, converted where it was not.
 *
 * @param warn is told, in sentences that name the layer, of what TF.js lacks or computes differently.
 * @throws UnsupportedModelError where TF.js has no form for a layer or a value.
 */
export function tfjsConfig(model: Model, warn: Warn): JsonObject {
  return tfjsOrigin(model)
    ? adjustEntries(writeModelConfig(model), model, warn)
    : toTfjsConfig(writeModelConfig(withTfjsForms(operatorsAsLayers(model), warn), 'keras2'), warn);
}

/**
 * Clears the constraints (max_norm and its like) of layers whose weights were edited: TF.js applies them to weights
 * while it loads them, which would undo the edit. Removes the entries of a SeparableConv2D with which
 * tensorflowjs_converter writes it and TF.js refuses it.
 */
function adjustEntries(config: JsonObject, model: Model, warn: Warn): JsonObject {
  const layers = [...model.allLayers()];
  const edited = new Set(layers.filter(({ layer }) => hasEditedWeights(layer)).map(({ path }) => path));
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
  const name = String(entry['name'] ?? configOf(entry)['name'] ?? '');
  return outer === '' ? name : `${outer}/${name}`;
}

function withoutConstraints(config: JsonObject, path: string, warn: Warn): JsonObject {
  return mapEntries(config, (value, key) => {
    if (!key.endsWith('_constraint') || value === null) return value;
    warn(`${path}: left out ${key}, which TF.js would apply to the edited weights while it loads them`);
    return null;
  });
}
