/**
 * A model with other layers in the place of some of its own; the given one is left as it is.
 *
 * @module
 */

import { Layer } from './layer.ts';
import { Call, type CallArgument, Model, type ModelTensor } from './model.ts';

/** What stands in the place of a layer. */
export interface LayerReplacement {
  readonly layer: Layer;
  /** Indices into a call's inputs of those that it takes, as layers take them; left out, it is called as the layer was. */
  readonly inputs?: readonly number[];
  /** How it takes the inputs of a call, by position. */
  readonly args?: readonly CallArgument[];
  /** By index into a call's inputs, layers that these go through first. */
  readonly before?: ReadonlyMap<number, Layer>;
  /** Layers behind it, one after the other; the output of the last is read in place of the layer's. */
  readonly behind?: readonly Layer[];
}

/** Finds what stands in the place of a layer of `owner`; undefined where the layer stays. */
export type Replace = (layer: Layer, owner: Model) => LayerReplacement | undefined;

/**
 * `model` with its layers replaced, those of nested models first: for a nested model `replace` is given the layer with
 * what became of the model inside. The model itself where nothing is replaced.
 */
export function replaceLayers(model: Model, replace: Replace): Model {
  const replaced = new Map<Layer, LayerReplacement>();
  for (const layer of model.layers) {
    const inner = layer.model && replaceLayers(layer.model, replace);
    const current = inner === layer.model ? layer : layerWith(layer, { model: inner });
    const replacement = replace(current, model) ?? (current === layer ? undefined : { layer: current });
    if (replacement) replaced.set(layer, replacement);
  }
  if (replaced.size === 0) return model;
  const tensors = new Map<ModelTensor, ModelTensor>();
  const mapped = (tensor: ModelTensor): ModelTensor => tensors.get(tensor) ?? tensor;
  const calls = model.calls.flatMap((call) => {
    const replacement: LayerReplacement = replaced.get(call.layer) ?? { layer: call.layer };
    const { layer, inputs: taken, args, before, behind = [] } = replacement;
    const ahead: Call[] = [];
    const inputs = call.inputs.map(mapped).map((tensor, index) => {
      const first = before?.get(index);
      return first ? through(first, tensor, ahead) : tensor;
    });
    const made = taken
      ? new Call(layer, pick(inputs, taken))
      : new Call(layer, inputs, args ?? call.args, args ? {} : call.kwargs);
    if (!taken && !args && !before) made.origin = call.origin;
    const chain: Call[] = [];
    for (const next of behind) chain.push(new Call(next, [(chain.at(-1) ?? made).output()]));
    const last = chain.at(-1) ?? made;
    for (const output of call.outputs) {
      const copy = last.output(output.index);
      copy.shape = output.shape;
      copy.dtype = output.dtype;
      tensors.set(output, copy);
    }
    return [...ahead, made, ...chain];
  });
  return modelWith(model, {
    layers: model.layers.flatMap((layer) => {
      const { layer: stays, before, behind = [] } = replaced.get(layer) ?? { layer };
      return [...(before?.values() ?? []), stays, ...behind];
    }),
    calls,
    inputs: model.inputs.map(mapped),
    outputs: model.outputs.map(mapped),
  });
}

/** What a layer that keeps shapes makes of a tensor; its call is added to `calls`. */
export function through(layer: Layer, tensor: ModelTensor, calls: Call[]): ModelTensor {
  const call = new Call(layer, [tensor]);
  calls.push(call);
  const output = call.output();
  output.shape = tensor.shape;
  output.dtype = tensor.dtype;
  return output;
}

/** A layer that differs from `layer` in what is given. */
export function layerWith(layer: Layer, changes: Partial<ConstructorParameters<typeof Layer>[0]>): Layer {
  const { name, path, className, operation, weights, trainable, model, steps, origin } = layer;
  return new Layer({
    ...{ name, path, className, operation, weights, trainable, model, steps, origin },
    ...changes,
  });
}

/** A model that differs from `model` in what is given. */
export function modelWith(model: Model, changes: Partial<ConstructorParameters<typeof Model>[0]>): Model {
  const { name, kind, className, layers, calls, inputs, outputs, config, dialect, origin } = model;
  return new Model({
    ...{ name, kind, className, layers, calls, inputs, outputs, config, dialect, origin },
    ...changes,
  });
}

function pick(inputs: readonly ModelTensor[], indices: readonly number[]): ModelTensor[] {
  return indices.flatMap((index) => inputs[index] ?? []);
}
