/**
 * TF.js layers models: model.json and the shards beside it.
 *
 * @module
 */

import { FormatError, UnsupportedModelError } from '../../errors.ts';
import { inside, mismatch } from '../../json/place.ts';
import { isObject, type JsonObject } from '../../json/value.ts';
import type { Model } from '../../model/model.ts';
import type { Tell } from '../../model/progress.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ModelFiles } from '../bytes.ts';
import { parseModelConfig } from '../keras-config/parse/parse-model.ts';
import { readJsonObject } from '../read-json.ts';
import { checkWeights } from '../weight-shapes.ts';
import { lazyWeight, type WeightBytes } from './decode.ts';
import { parseManifest } from './manifest.ts';
import { isFoundByTfjs, matchWeightNames } from './match-weights.ts';
import { type OriginGroup, type TfjsOrigin, TfjsPlace } from './origin.ts';
import { openGroup } from './shards.ts';

/**
 * Reads a TF.js layers model. Sizes are checked at once; the values of weights are read when they are needed, so the
 * files must stay open. Quantized weights come out as tfjs-core decodes them.
 *
 * @param document what is in model.json, where it was parsed already.
 * @throws FormatError, InvalidModelError, UnsupportedModelError or LimitError where the files are no such model.
 */
export async function readTfjsLayers(
  files: ModelFiles,
  document: JsonObject = readJsonObject(files.main),
  tell: Tell = () => {},
): Promise<Model> {
  const source = files.main.name;
  const model = parseModelConfig(modelConfigOf(document, source), source);
  if (document['weightsManifest'] === undefined) {
    throw new FormatError(
      source,
      'weightsManifest',
      'a topology without weights; convert or save the whole model, not only its architecture',
    );
  }
  const groups = parseManifest(document['weightsManifest'], source).map((group): OriginGroup => {
    const { bytes, shardSizes } = openGroup(files, group);
    let byteOffset = 0;
    const weights = group.weights.map((spec): WeightBytes => {
      const weight = { spec, source: bytes, byteOffset };
      byteOffset += spec.byteLength;
      return weight;
    });
    return { paths: group.paths, shardSizes, weights };
  });
  const tensors = new Map<string, Tensor>();
  for (const weight of groups.flatMap(({ weights }) => weights)) {
    if (!weight.spec.isOptimizer) tensors.set(weight.spec.name, lazyWeight(weight));
  }
  const matched = matchWeightNames(model, [...tensors.keys()], source);
  for (const [index, { layer, names }] of matched.entries()) {
    tell(index, matched.length);
    for (const [key, name] of names) {
      const tensor = tensors.get(name);
      if (tensor) layer.weights.set(key, tensor);
    }
    layer.remember({ weights: new Map(layer.weights), place: new TfjsPlace(names) });
    checkWeights(layer, source);
  }
  tell(matched.length, matched.length);
  const isLoadable = model.dialect === 'keras2' && matched.every(isFoundByTfjs);
  const origin: TfjsOrigin = {
    format: 'tfjs-layers',
    main: files.main,
    document,
    groups,
    tensors,
    isLoadable,
  };
  model.origin = origin;
  return model;
}

/**
 * The `{"class_name": …, "config": …}` in a model.json.
 *
 * @throws FormatError where there is none; UnsupportedModelError where the topology is a graph of TensorFlow ops.
 */
function modelConfigOf(document: JsonObject, source: string): JsonObject {
  const place = { source, where: 'modelTopology' };
  const topology = document['modelTopology'];
  if (document['format'] === 'graph-model' || (isObject(topology) && 'node' in topology)) {
    throw new UnsupportedModelError(
      'tfjs-graph-model',
      `${source}: a TF.js graph model, whose layers are gone; convert the original Keras model with ` +
        '`tensorflowjs_converter --input_format keras --output_format tfjs_layers_model model.h5 out`, or give ' +
        'the .h5 or .keras file itself',
    );
  }
  if (!isObject(topology)) throw mismatch(place, 'the topology of a layers model', topology);
  const config = topology['model_config'] ?? topology;
  if (!isObject(config)) throw mismatch(inside(place, 'model_config'), 'an object', config);
  return config;
}
