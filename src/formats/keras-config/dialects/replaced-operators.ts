/**
 * A model with layers in the place of operators, for dialects that do not know the operators of the other one.
 *
 * @module
 */

import type { JsonObject } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import type { Call, Model } from '../../../model/model.ts';
import { newLayer } from '../../../model/new-layer.ts';
import { type LayerReplacement, layerWith, replaceLayers } from '../../../model/replace-layers.ts';
import { OperatorArguments, operatorName } from './operator-arguments.ts';
import { dividesInexactly, isOperator, stockLayer } from './operator-layers.ts';

/** `model` with every operator that is exactly what a layer is replaced by the layer; the given one is left as it is. */
export function operatorsAsLayers(model: Model): Model {
  return replaceLayers(model, (layer, owner) => {
    const call = operatorCall(layer, owner);
    // A number among what is merged has no place in a layer.
    const isMerge = layer.operation.kind === 'merge' || layer.operation.kind === 'concatenate';
    if (!call || (isMerge && call.inputs.length < 2)) return undefined;
    return dividesInexactly(layer.origin?.config ?? {}, layer.operation)
      ? undefined
      : asLayer(layer, owner, call);
  });
}

/** `model` with layers for the operators that an edit made others of: what an operator does stands in its own words. */
export function editedOperatorsAsLayers(model: Model): Model {
  return replaceLayers(model, (layer, owner) => {
    const call = isEditedOperator(layer) ? operatorCall(layer, owner) : undefined;
    return call && asLayer(layer, owner, call);
  });
}

/** Whether a layer is an operator that computes something else than was read; a cap has its maxima in its call. */
export function isEditedOperator({ operation, origin }: Layer): boolean {
  return (
    origin !== undefined &&
    operation !== origin.operation &&
    operation.kind !== 'cap' &&
    operation.kind !== 'opaque' &&
    isOperator(origin.config)
  );
}

/** The layer that computes what an operator does, of the same name; undefined where there is none. */
export function layerForOperator(layer: Layer, owner: Model, dtype = 'float32'): Layer | undefined {
  const { name, operation } = layer;
  const form = stockLayer(operation, owner.dialect);
  if (!form) return undefined;
  const { className, config } = form;
  return newLayer({ owner, beside: layer, name }, { className, operation, config: { dtype, ...config } });
}

function asLayer(layer: Layer, owner: Model, call: Call): LayerReplacement | undefined {
  const made = layerForOperator(layer, owner, call.outputs[0]?.dtype);
  return made && { layer: made, inputs: [...call.inputs.keys()] };
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
  const given = new OperatorArguments(origin.config, call);
  const [dividend, divisor] = [given.argument(0, 'x'), given.argument(1, 'y')];
  // Whole numbers are divided in another precision by TensorFlow.
  const isFloat = call.inputs.every(({ dtype }) => /float/.test(dtype ?? 'float32'));
  if (!dividend || !divisor || !isFloat) return undefined;
  const config = { module: OPERATIONS, class_name: DIVISION, config: { name }, registered_name: DIVISION };
  const divided = layerWith(layer, { className: DIVISION, origin: { ...origin, config } });
  return { layer: divided, args: [dividend, divisor] };
}

/** The only call of a layer that is an operator. */
function operatorCall(layer: Layer, owner: Model): Call | undefined {
  if (!layer.origin || !isOperator(layer.origin.config)) return undefined;
  const [call, ...others] = owner.calls.filter((one) => one.layer === layer);
  return others.length === 0 ? call : undefined;
}
