/**
 * The configuration of a model in the form that TF.js loads.
 *
 * @module
 */

import { type JsonObject, mapEntries, sameJson } from '../../json/value.ts';
import type { Layer } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import { type LayerReplacement, layerWith, replaceLayers } from '../../model/replace-layers.ts';
import { hasEditedWeights } from '../edited-weights.ts';
import { operatorsAsLayers } from '../keras-config/dialects/replaced-operators.ts';
import { withStockClasses } from '../keras-config/own-classes.ts';
import { type Warn, withoutUnfactored } from '../keras-config/tfjs/config-entries.ts';
import { opensWith, tfjsDifference } from '../keras-config/tfjs/differences-from-keras.ts';
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
export function tfjsConfig(given: Model, warn: Warn): JsonObject {
  const model = withStockClasses(given);
  return tfjsOrigin(model)
    ? writeModelConfig(replaceLayers(model, (layer) => loadable(layer, warn)))
    : toTfjsConfig(writeModelConfig(withTfjsForms(operatorsAsLayers(model, 'keras2'), warn), 'keras2'), warn);
}

/**
 * A layer of a model of TF.js, told of where TF.js does not open it, without the entries of a SeparableConv2D with which tensorflowjs_converter writes it and TF.js
 * refuses it, and, where its weights were edited, without constraints (max_norm and its like): TF.js applies them to weights
 * while it loads them, which would undo the edit.
 */
function loadable(layer: Layer, warn: Warn): LayerReplacement | undefined {
  const { className, origin, path, readConfig } = layer;
  const difference = tfjsDifference(className, readConfig);
  if (difference !== undefined && !opensWith(difference)) {
    warn(`${path} (${className}): ${difference}`, { path, className, opens: false });
  }
  let config = withoutUnfactored(className, readConfig);
  if (config !== readConfig) {
    warn(
      `${path} (${className}): left out kernel_initializer and its like, with which TF.js refuses to load it`,
    );
  }
  if (hasEditedWeights(layer)) config = withoutConstraints(config, path, warn);
  if (!origin || sameJson(config, readConfig)) return undefined;
  return { layer: layerWith(layer, { origin: { ...origin, config: { ...origin.config, config } } }) };
}

function withoutConstraints(config: JsonObject, path: string, warn: Warn): JsonObject {
  return mapEntries(config, (value, key) => {
    if (!key.endsWith('_constraint') || value === null) return value;
    warn(`${path}: left out ${key}, which TF.js would apply to the edited weights while it loads them`);
    return null;
  });
}
