/**
 * A model with layers in the place of operators, for dialects that do not know the operators of the other one.
 *
 * @module
 */

import type { Place } from '../../../json/place.ts';
import type { JsonObject } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import type { Call, Model } from '../../../model/model.ts';
import { newLayer } from '../../../model/new-layer.ts';
import type { Operation } from '../../../model/operation.ts';
import { type LayerReplacement, layerWith, replaceLayers } from '../../../model/replace-layers.ts';
import { parseOperation } from '../parse/parse-operation.ts';
import { isOperator, operands, operatorLayer, operatorName } from './operator-layers.ts';

/** `model` with every operator that is exactly what a layer is replaced by the layer; the given one is left as it is. */
export function operatorsAsLayers(model: Model): Model {
  return replaceLayers(model, asLayer);
}

function asLayer(layer: Layer, owner: Model): LayerReplacement | undefined {
  const call = operatorCall(layer, owner);
  const form = call && operatorLayer(layer.origin?.config ?? {}, call);
  const dtype = call?.outputs[0]?.dtype ?? 'float32';
  if (!form || !/float/.test(dtype)) return undefined;
  const { name, path } = layer;
  const { className, inputs } = form;
  const config = { dtype, ...form.config };
  const operation = parseOperation(className, config, { source: owner.name, where: path });
  return { layer: newLayer({ owner, beside: layer, name }, { className, operation, config }), inputs };
}

/** What an operator computes, where it merges the tensors of its call, in order, as a layer does, or is an activation. */
export function operatorOperation(entry: JsonObject, call: Call, place: Place): Operation | undefined {
  const form = operatorLayer(entry, call);
  const dtype = call.outputs[0]?.dtype ?? 'float32';
  if (!form || !/float/.test(dtype) || form.inputs.length !== call.inputs.length) return undefined;
  if (form.inputs.some((input, index) => input !== index)) return undefined;
  const operation = parseOperation(form.className, form.config, place);
  return operation.kind === 'merge' || operation.kind === 'activation' ? operation : undefined;
}

const DIVISION = 'TrueDivide';
const OPERATIONS = 'keras.src.ops.numpy';

/**
 * `model`, of the dialect of Keras 2, with its operators that divide as Keras 3 writes them: as operations of `keras.ops`,
 * because no layer divides.
 */
export function divisionsAsOperations(model: Model): Model {
  return replaceLayers(model, asDivision);
}

/** Whether an entry is one of those. */
export function isDivision(entry: JsonObject): boolean {
  return entry['module'] === OPERATIONS && entry['class_name'] === DIVISION;
}

function asDivision(layer: Layer, owner: Model): LayerReplacement | undefined {
  const call = operatorCall(layer, owner);
  const { name, origin } = layer;
  if (!call || !origin || !/^math\.(true)?div(ide)?$/.test(operatorName(origin.config))) return undefined;
  const args = operands(call);
  // Whole numbers are divided in another precision by TensorFlow.
  const isFloat = call.inputs.every(({ dtype }) => /float/.test(dtype ?? 'float32'));
  if (args.length !== 2 || !isFloat) return undefined;
  const config = { module: OPERATIONS, class_name: DIVISION, config: { name }, registered_name: DIVISION };
  return { layer: layerWith(layer, { className: DIVISION, origin: { ...origin, config } }), args };
}

/** The only call of a layer that is an operator. */
function operatorCall(layer: Layer, owner: Model): Call | undefined {
  if (!layer.origin || !isOperator(layer.origin.config)) return undefined;
  const [call, ...others] = owner.calls.filter((one) => one.layer === layer);
  return others.length === 0 ? call : undefined;
}
