/**
 * What tfjs-layers 4.22 refuses in a configuration of Keras 2 as it stands.
 *
 * @module
 */

import type { JsonObject } from '../../../json/value.ts';
import type { UnsupportedLayer } from '../../format.ts';
import { classNameOf, configOf, isSerialized, mapSerialized } from '../serialized-objects.ts';
import { opensWith, tfjsDifference } from './differences-from-keras.ts';
import { TFJS_ACTIVATIONS, TFJS_INITIALIZERS, TFJS_LAYERS } from './registered-classes.ts';

/**
 * The classes in `model` that TF.js lacks, of layers, activations, initializers and regularizers, and the layers that it has and
 * does not open with their entries. `className` is what it would have to have; constraints are passed over.
 */
export function refusedEntries(model: JsonObject): UnsupportedLayer[] {
  const refused: UnsupportedLayer[] = [];
  mapSerialized(model, 'layer', (object, key) => {
    const className = classNameOf(object);
    const config = configOf(object);
    const path = String(config['name'] ?? className);
    const refuse = (name: string, warning: string): void => {
      refused.push({ path, className: name, opens: false, warning: `${path} (${name}): ${warning}` });
    };
    const lacks = (name: string): void => refuse(name, `TF.js has no ${name}`);
    if (key.endsWith('_regularizer')) {
      if (className !== 'L1L2') lacks(className);
    } else if (key.endsWith('_initializer')) {
      if (!TFJS_INITIALIZERS.has(className)) lacks(className);
    } else if (LAYER_KEYS.has(key)) {
      const difference = tfjsDifference(className, config);
      if (!TFJS_LAYERS.has(className)) lacks(className);
      else if (difference !== undefined && !opensWith(difference)) refuse(className, difference);
      const { activation } = config;
      if (typeof activation === 'string' && !TFJS_ACTIVATIONS.has(activation)) lacks(activation);
      else if (isSerialized(activation) && !TFJS_LAYERS.has(classNameOf(activation)))
        lacks(classNameOf(activation));
    }
    return object;
  });
  return refused;
}

/** The entries that layers stand under. */
const LAYER_KEYS = new Set(['layer', 'layers', 'cell', 'cells', 'backward_layer']);
