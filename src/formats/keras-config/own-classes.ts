/**
 * Configurations that Keras makes for Functional and Sequential, under the names of classes of somebody's own.
 *
 * @module
 */

import { isObject, type JsonObject, type JsonValue } from '../../json/value.ts';
import type { Model } from '../../model/model.ts';
import { MODEL_CLASSES, stockClass } from '../../model/own-classes.ts';
import { layerWith, modelWith, replaceLayers } from '../../model/replace-layers.ts';
import { configOf, isSerialized } from './serialized-objects.ts';

/** All that Keras writes of a Sequential; a layer that keeps others in a list mostly has more. */
const SEQUENTIAL_ENTRIES = new Set(['name', 'trainable', 'dtype', 'layers', 'build_input_shape']);

/** Which kind of model a class that is none of Keras' own has the configuration of; undefined where it is none. */
export function describedKind(entry: JsonObject): Model['kind'] | undefined {
  const config = configOf(entry);
  const { layers, input_layers: inputs, output_layers: outputs } = config;
  if (!Array.isArray(layers) || layers.length === 0 || !layers.every(isSerialized)) return undefined;
  if (Array.isArray(inputs) && Array.isArray(outputs)) return 'functional';
  const isChain = isInputLayer(layers[0]) && Object.keys(config).every((key) => SEQUENTIAL_ENTRIES.has(key));
  return isChain ? 'sequential' : undefined;
}

function isInputLayer(entry: JsonValue | undefined): boolean {
  return isObject(entry) && entry['class_name'] === 'InputLayer';
}

/** `model` as it is written in a format that it was not read from: with Keras' own classes. */
export function withStockClasses(model: Model): Model {
  const inner = replaceLayers(model, (layer, { dialect }) => {
    const { origin, model: inside, readConfig, steps } = layer;
    if (!origin || !inside || MODEL_CLASSES.has(inside.className)) return undefined;
    const className = stockClass(inside);
    const named = dialect === 'keras3' ? registeredAs(inside) : {};
    const asStock = ({ module: _, registered_name: __, ...entry }: JsonObject): JsonObject => ({
      ...entry,
      ...named,
      class_name: className,
    });
    const model = modelWith(inside, { className });
    if (!steps)
      return {
        layer: layerWith(layer, { className, model, origin: { ...origin, config: asStock(origin.config) } }),
      };
    const wrapped = { ...readConfig, layer: asStock(configOf({ config: readConfig['layer'] ?? {} })) };
    return {
      layer: layerWith(layer, {
        model,
        origin: { ...origin, config: { ...origin.config, config: wrapped } },
      }),
    };
  });
  return MODEL_CLASSES.has(model.className) ? inner : modelWith(inner, { className: stockClass(model) });
}

function registeredAs({ kind }: Model): JsonObject {
  return kind === 'sequential'
    ? { module: 'keras', registered_name: null }
    : { module: 'keras.src.models.functional', registered_name: 'Functional' };
}
