/**
 * A model with layers in the place of operators, for dialects that do not know the operators of the other one.
 *
 * @module
 */

import { type JsonObject, Layer } from '../../model/layer.ts';
import { Call, type Dialect, Model, type ModelTensor } from '../../model/model.ts';
import { isOperator, operatorLayer } from './operator-layers.ts';
import { parseOperation } from './parse-operation.ts';

/** `model` with every operator that is exactly what a layer is replaced by the layer; the given one is left as it is. */
export function operatorsAsLayers(model: Model): Model {
  const replaced = new Map<Layer, { layer: Layer; inputs: readonly number[] }>();
  const nested = new Map<Layer, Layer>();
  for (const layer of model.layers) {
    const inner = layer.model && operatorsAsLayers(layer.model);
    if (inner && inner !== layer.model) nested.set(layer, withModel(layer, inner));
    const replacement = replacementOf(layer, model);
    if (replacement) replaced.set(layer, replacement);
  }
  if (replaced.size === 0 && nested.size === 0) return model;
  const tensors = new Map<ModelTensor, ModelTensor>();
  const mapped = (tensor: ModelTensor): ModelTensor => tensors.get(tensor) ?? tensor;
  const calls = model.calls.map((call) => {
    const replacement = replaced.get(call.layer);
    const inputs = call.inputs.map(mapped);
    const made = replacement
      ? new Call(replacement.layer, pick(inputs, replacement.inputs))
      : new Call(nested.get(call.layer) ?? call.layer, inputs, call.args, call.kwargs);
    made.origin = replacement ? undefined : call.origin;
    for (const output of call.outputs) {
      const copy = made.output(output.index);
      copy.shape = output.shape;
      copy.dtype = output.dtype;
      tensors.set(output, copy);
    }
    return made;
  });
  return new Model({
    name: model.name,
    kind: model.kind,
    className: model.className,
    layers: model.layers.map((layer) => replaced.get(layer)?.layer ?? nested.get(layer) ?? layer),
    calls,
    inputs: model.inputs.map(mapped),
    outputs: model.outputs.map(mapped),
    config: model.config,
    dialect: model.dialect,
    origin: model.origin,
  });
}

/** The layer that an operator is in each of its calls. */
function replacementOf(layer: Layer, model: Model): { layer: Layer; inputs: readonly number[] } | undefined {
  const entry = layer.origin?.config;
  if (!entry || !isOperator(entry)) return undefined;
  const [call, ...others] = model.calls.filter((one) => one.layer === layer);
  const form = call && others.length === 0 ? operatorLayer(entry, call) : undefined;
  if (!form) return undefined;
  const dtype = call?.outputs[0]?.dtype ?? 'float32';
  if (!/float/.test(dtype)) return undefined;
  const config = { name: layer.name, trainable: true, dtype, ...form.config };
  const operation = parseOperation(form.className, config, { source: model.name, where: layer.name });
  const made = new Layer({
    name: layer.name,
    className: form.className,
    operation,
    origin: { config: entryOf(form.className, config, model.dialect), operation, weights: new Map() },
  });
  return { layer: made, inputs: form.inputs };
}

function entryOf(className: string, config: JsonObject, dialect: Dialect): JsonObject {
  return dialect === 'keras2'
    ? { class_name: className, config }
    : { module: 'keras.layers', class_name: className, config, registered_name: null };
}

function withModel(layer: Layer, model: Model): Layer {
  return new Layer({
    name: layer.name,
    className: layer.className,
    operation: layer.operation,
    weights: layer.weights,
    trainable: layer.trainable,
    model,
    origin: layer.origin,
  });
}

function pick(inputs: readonly ModelTensor[], indices: readonly number[]): ModelTensor[] {
  return indices.flatMap((index) => inputs[index] ?? []);
}
