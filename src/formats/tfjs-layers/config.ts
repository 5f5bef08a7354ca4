import type { JsonObject } from '../../json/value.ts';
import type { Model } from '../../model/model.ts';
import { operatorsAsLayers } from '../keras-config/dialects/replaced-operators.ts';
import type { Warn } from '../keras-config/tfjs/config-entries.ts';
import { withTfjsForms } from '../keras-config/tfjs/rewritten-layers.ts';
import { toTfjsConfig } from '../keras-config/tfjs/to-tfjs.ts';
import { writeModelConfig } from '../keras-config/write-model.ts';
import { adjustEntries } from './adjust-entries.ts';
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
