/**
 * What a file holds beside the model, which stays behind when the model is written in another format.
 *
 * @module
 */

import type { Model } from '../model/model.ts';
import { kerasH5Origin, WEIGHTS_GROUP } from './keras-h5/origin.ts';
import { kerasV3Origin } from './keras-v3/origin.ts';
import { tfjsOrigin } from './tfjs-layers/origin.ts';

const ELSEWHERE = 'a file of another format, or for another Keras, has no place for it';

/** Root attributes and groups of an HDF5 file that are the model itself. */
const MODEL_H5_PARTS = new Set(['model_config', 'model_weights', 'keras_version', 'backend']);
/** Entries of a `.keras` file that are the model itself. */
const MODEL_V3_ENTRIES = new Set(['metadata.json', 'config.json', 'model.weights.h5']);
/** Keys of a model.json that are the model itself, or say how it was made. */
const MODEL_TFJS_KEYS = new Set(['format', 'generatedBy', 'convertedBy', 'modelTopology', 'weightsManifest']);

/** Sentences on what of the file that `model` was read from no file carries that is made anew. */
export function lostState(model: Model): string[] {
  const names = stateNames(model);
  return names.map((name) => `${name}: ${ELSEWHERE}`);
}

function stateNames(model: Model): string[] {
  const h5 = kerasH5Origin(model);
  if (h5) {
    const { file, groups } = h5;
    const layers = new Set([...groups.keys()].map((name) => name.split('/')[0]));
    const others = file
      .names(WEIGHTS_GROUP)
      .filter((name) => !layers.has(name))
      .map((name) => `${WEIGHTS_GROUP}/${name}`)
      .filter((path) => !file.hasGroup(path) || file.names(path).length > 0);
    return [...file.attributeNames(''), ...file.names('')]
      .filter((name) => !MODEL_H5_PARTS.has(name))
      .map((name) => (name === 'optimizer_weights' ? 'optimizer state (optimizer_weights)' : name))
      .concat(others.map((path) => `the weights in ${path}`));
  }
  const v3 = kerasV3Origin(model);
  if (v3) {
    return [
      ...(v3.weights.hasGroup('optimizer') ? ['optimizer state'] : []),
      ...v3.groupsBeside.filter((group) => group !== 'optimizer').map((group) => `the weights in ${group}`),
      ...(hasContent(v3.document['compile_config']) ? ['compile_config'] : []),
      ...[...v3.archive.keys()].filter((name) => !MODEL_V3_ENTRIES.has(name)),
    ];
  }
  const tfjs = tfjsOrigin(model);
  if (!tfjs) return [];
  const hasOptimizer = tfjs.groups.some(({ weights }) => weights.some(({ spec }) => spec.isOptimizer));
  return [
    ...(hasOptimizer ? ['optimizer state'] : []),
    ...Object.entries(tfjs.document).flatMap(([key, value]) =>
      MODEL_TFJS_KEYS.has(key) || !hasContent(value) ? [] : [key],
    ),
  ];
}

function hasContent(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}
