/**
 * The document of a TF.js model: where the topology is in it.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import { inside, mismatch } from '../../json/place.ts';
import { isObject, type JsonObject } from '../../json/value.ts';

/**
 * The `{"class_name": …, "config": …}` in a model.json.
 *
 * @throws FormatError where there is none; UnsupportedModelError where the topology is a graph of TensorFlow ops.
 */
export function modelConfigOf(document: JsonObject, source: string): JsonObject {
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

/** The document with another configuration in the place of the one that it had. */
export function withModelConfig(document: JsonObject, config: JsonObject): JsonObject {
  const topology = isObject(document['modelTopology']) ? document['modelTopology'] : {};
  const replaced = isObject(topology['model_config'])
    ? { ...topology, model_config: config }
    : { ...topology, ...config };
  return { ...document, modelTopology: replaced };
}
