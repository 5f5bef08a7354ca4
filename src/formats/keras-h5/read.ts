/**
 * Whole models in HDF5 files, as Keras 2 and Keras 3 (`model.save('model.h5')`) write them.
 *
 * @module
 */

import { FormatError, InvalidModelError, UnsupportedModelError } from '../../errors.ts';
import { parseJson } from '../../json/text.ts';
import { isObject } from '../../json/value.ts';
import type { Layer } from '../../model/layer.ts';
import { weightNamesOf } from '../../model/layer-weights.ts';
import type { Model } from '../../model/model.ts';
import type { Tell } from '../../model/progress.ts';
import type { ByteSource } from '../bytes.ts';
import { countWeightedLayers } from '../edited-weights.ts';
import { type Hdf5File, openHdf5 } from '../hdf5/file.ts';
import { withOperatorModules } from '../keras-config/dialects/operator-modules.ts';
import { parseModelConfig } from '../keras-config/parse/parse-model.ts';
import { checkWeights } from '../weight-shapes.ts';
import { readNameList } from './attribute-lists.ts';
import { type GroupWeight, matchWeights } from './match-weights.ts';
import { H5Place, type KerasH5Origin, WEIGHTS_GROUP, type WeightEntry } from './origin.ts';
import { isTrainableWeight } from './weight-order.ts';

/**
 * Reads a whole-model HDF5 file. The file stays open: weights are read when they are needed.
 *
 * @throws FormatError, InvalidModelError, UnsupportedModelError or LimitError where the file is no such model.
 */
export async function readKerasH5(source: ByteSource, tell: Tell = () => {}): Promise<Model> {
  const file = await openHdf5(source);
  try {
    return readModel(file, tell);
  } catch (error) {
    file.close();
    throw error;
  }
}

function readModel(file: Hdf5File, tell: Tell): Model {
  const text = file.strings('', 'model_config')?.[0];
  if (text === undefined) throw withoutConfig(file);
  const config = parseJson(text, file.name, 'model_config');
  const model = parseModelConfig(isObject(config) ? withOperatorModules(config) : config, file.name);
  if (!file.hasGroup(WEIGHTS_GROUP)) {
    throw new FormatError(
      file.name,
      WEIGHTS_GROUP,
      'the group of the weights is missing; save the whole model',
    );
  }
  const groups = new Map<string, WeightEntry[]>();
  const layerNames = readNameList(file, WEIGHTS_GROUP, 'layer_names');
  if (!layerNames) throw new FormatError(file.name, `${WEIGHTS_GROUP}@layer_names`, 'missing');
  const layers = new Map(model.layers.map((layer) => [layer.name, layer]));
  for (const [index, name] of layerNames.entries()) {
    tell(index, layerNames.length);
    const found = readGroup(file, name);
    const layer = layers.get(name);
    if (layer) groups.set(name, attachWeights(layer, found, file.name));
    else if (found.length > 0) {
      throw new InvalidModelError(
        name,
        `${file.name} has weights for this layer, which the configuration does not have; save the model again`,
      );
    }
  }
  for (const layer of model.layers) {
    if (!groups.has(layer.name)) attachWeights(layer, [], file.name);
  }
  tell(layerNames.length, layerNames.length);
  const weightedLayers = countWeightedLayers(model);
  const origin: KerasH5Origin = { format: 'keras-h5', file, groups, weightedLayers };
  model.origin = origin;
  return model;
}

/** The weights in the group of a layer, in the order of its `weight_names`. */
function readGroup(file: Hdf5File, layerName: string): GroupWeight[] {
  const path = `${WEIGHTS_GROUP}/${layerName}`;
  if (!file.hasGroup(path)) throw new FormatError(file.name, path, 'the group of a layer is missing');
  const names = readNameList(file, path, 'weight_names') ?? [];
  const seen = new Set<string>();
  return names.map((name) => {
    if (seen.has(name)) throw new FormatError(file.name, `${path}@weight_names`, `${name} is there twice`);
    seen.add(name);
    return { name, tensor: file.dataset(`${path}/${name}`).tensor() };
  });
}

/** Gives the weights of a group to the layers that they belong to. */
function attachWeights(outer: Layer, found: readonly GroupWeight[], source: string): WeightEntry[] {
  const entries = new Map<string, WeightEntry>();
  const owners = new Map<WeightEntry, Layer>();
  for (const { layer, weights } of matchWeights(outer, found, source)) {
    const place = new H5Place();
    for (const [weight, { name, tensor }] of weights) {
      layer.weights.set(weight, tensor);
      place.paths.set(weight, `${WEIGHTS_GROUP}/${outer.name}/${name}`);
      const entry = { name, place, weight };
      entries.set(name, entry);
      owners.set(entry, layer);
    }
    layer.remember({ weights: new Map(layer.weights), place });
    checkWeights(layer, source);
  }
  const ordered = found.flatMap(({ name }) => entries.get(name) ?? []);
  markTrainable(ordered.map((entry) => ({ entry, layer: owners.get(entry) ?? outer })));
  return ordered;
}

/**
 * Which weights Keras trains. An opaque layer may have some that it does not: what comes behind the first weight that
 * is known not to be trained is not trained, because those that are come first.
 */
function markTrainable(ordered: readonly { entry: WeightEntry; layer: Layer }[]): void {
  const isKnown = (layer: Layer): boolean => weightNamesOf(layer.operation) !== undefined;
  const firstUntrained = ordered.findIndex(
    ({ entry, layer }) => isKnown(layer) && !isTrainableWeight(layer, entry.weight),
  );
  for (const [index, { entry, layer }] of ordered.entries()) {
    const isBehind = firstUntrained !== -1 && index > firstUntrained;
    if (!isTrainableWeight(layer, entry.weight) || (isBehind && !isKnown(layer))) continue;
    entry.place.trainable.add(entry.weight);
  }
}

function withoutConfig(file: Hdf5File): Error {
  const names = new Set([...file.names(''), ...file.attributeNames('')]);
  const isWeights = ['layer_names', 'layer_names0', 'layers', '_layer_checkpoint_dependencies', 'vars'].some(
    (name) => names.has(name),
  );
  if (!isWeights) {
    return new FormatError(
      file.name,
      'model_config',
      'an HDF5 file, but not a Keras model: this attribute is missing',
    );
  }
  return new UnsupportedModelError(
    'weights without a model',
    `${file.name}: holds weights alone, as model.save_weights() writes them; build the model in Keras, then call ` +
      "model.load_weights() and model.save('model.keras')",
  );
}
