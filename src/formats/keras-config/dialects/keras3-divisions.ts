/**
 * Divisions as Keras 3 writes them: an operation of `keras.ops`, because no layer divides.
 *
 * @module
 */

import type { JsonObject } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import type { Model } from '../../../model/model.ts';
import { type LayerReplacement, layerWith, replaceLayers } from '../../../model/replace-layers.ts';
import { isOperator, operands, operatorName } from './operator-layers.ts';

const CLASS_NAME = 'TrueDivide';
const MODULE = 'keras.src.ops.numpy';

/** `model`, of the dialect of Keras 2, with its operators that divide in the form of Keras 3. */
export function divisionsAsOperations(model: Model): Model {
  return replaceLayers(model, replacementOf);
}

/** Whether an entry is one of those. */
export function isDivision(entry: JsonObject): boolean {
  return entry['module'] === MODULE && entry['class_name'] === CLASS_NAME;
}

function replacementOf(layer: Layer, model: Model): LayerReplacement | undefined {
  const { origin, name } = layer;
  if (!origin || !isOperator(origin.config)) return undefined;
  if (!/^math\.(true)?div(ide)?$/.test(operatorName(origin.config))) return undefined;
  const [call, ...others] = model.calls.filter((one) => one.layer === layer);
  const args = call && others.length === 0 ? operands(call) : [];
  // Whole numbers are divided in another precision by TensorFlow.
  const isFloat = call?.inputs.every(({ dtype }) => /float/.test(dtype ?? 'float32'));
  if (args.length !== 2 || !isFloat) return undefined;
  const config = { module: MODULE, class_name: CLASS_NAME, config: { name }, registered_name: CLASS_NAME };
  return { layer: layerWith(layer, { className: CLASS_NAME, origin: { ...origin, config } }), args };
}
