/**
 * A model with layers in the place of operators, for dialects that do not know the operators of the other one.
 *
 * @module
 */

import type { JsonObject } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import type { Call, Dialect, Model } from '../../../model/model.ts';
import { newLayer } from '../../../model/new-layer.ts';
import { type LayerReplacement, layerWith, replaceLayers } from '../../../model/replace-layers.ts';
import { OperatorArguments, operatorName } from './operator-arguments.ts';
import { isOperator, stockLayer } from './operator-layers.ts';

/**
 * `model` with every operator that computes what a layer does replaced by the layer, for files of another dialect; the given one
 * is left as it is. For Keras 3 a division is its operation; elsewhere one by numbers is a product with their reciprocals, which
 * moves the last bit.
 */
export function operatorsAsLayers(model: Model, dialect: Dialect): Model {
  return replaceLayers(model, (layer, owner) => {
    const call = operatorCall(layer, owner);
    if (!call) return undefined;
    // A number among what is merged has no place in a layer.
    const isMerge = layer.operation.kind === 'merge' || layer.operation.kind === 'concatenate';
    const division = dialect === 'keras3' ? asDivision(layer, call) : undefined;
    return division ?? (isMerge && call.inputs.length < 2 ? undefined : asLayer(layer, owner, call));
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

/** Whether an entry divides in `keras.ops`. */
export function isDivision(entry: JsonObject): boolean {
  return entry['module'] === OPERATIONS && entry['class_name'] === DIVISION;
}

/** An operator of Keras 2 that divides, as an operation of `keras.ops`. */
function asDivision(layer: Layer, call: Call): LayerReplacement | undefined {
  const { name, origin } = layer;
  if (!origin || !/^math\.(true)?div(ide)?$/.test(operatorName(origin.config))) return undefined;
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
