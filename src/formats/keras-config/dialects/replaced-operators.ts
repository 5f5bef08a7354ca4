/**
 * A model with layers in the place of operators, for dialects that do not know the operators of the other one.
 *
 * @module
 */

import type { JsonObject } from '../../../json/value.ts';
import { Layer } from '../../../model/layer.ts';
import type { Dialect, Model } from '../../../model/model.ts';
import { type LayerReplacement, replaceLayers } from '../../../model/replace-layers.ts';
import { parseOperation } from '../parse/parse-operation.ts';
import { isOperator, type OperatorLayer, operatorLayer } from './operator-layers.ts';

/** `model` with every operator that is exactly what a layer is replaced by the layer; the given one is left as it is. */
export function operatorsAsLayers(model: Model): Model {
  return replaceLayers(model, replacementOf);
}

/** The layer that an operator is in each of its calls. */
function replacementOf(layer: Layer, model: Model): LayerReplacement | undefined {
  const entry = layer.origin?.config;
  if (!entry || !isOperator(entry)) return undefined;
  const [call, ...others] = model.calls.filter((one) => one.layer === layer);
  const form = call && others.length === 0 ? operatorLayer(entry, call) : undefined;
  const dtype = call?.outputs[0]?.dtype ?? 'float32';
  if (!form || !/float/.test(dtype)) return undefined;
  return { layer: madeLayer(layer, form, dtype, model), inputs: form.inputs };
}

function madeLayer({ name, path }: Layer, form: OperatorLayer, dtype: string, model: Model): Layer {
  const { className } = form;
  const config = { name, trainable: true, dtype, ...form.config };
  const operation = parseOperation(className, config, { source: model.name, where: path });
  return new Layer({
    name,
    path,
    className,
    operation,
    origin: { config: entryOf(className, config, model.dialect), operation, weights: new Map() },
  });
}

function entryOf(className: string, config: JsonObject, dialect: Dialect): JsonObject {
  return dialect === 'keras2'
    ? { class_name: className, config }
    : { module: 'keras.layers', class_name: className, config, registered_name: null };
}
