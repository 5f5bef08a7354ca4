/**
 * Changes to the structure of a model that keep its tensors connected.
 *
 * @module
 */

import type { Layer } from './layer.ts';
import { kerasLayerOrder } from './layer-order.ts';
import { Call, type Model, type ModelTensor } from './model.ts';
import type { Shape } from './operation.ts';

/** Whether {@link bypassLayers} can take a call out: nothing would lead from an input straight to an output. */
export function canBypass(owner: Model, { inputs: [input], outputs: [output] }: Call): boolean {
  return !(input && output && owner.inputs.includes(input) && owner.outputs.includes(output));
}

/**
 * Takes layers with one input and one output out of the model that holds them: what read their outputs reads their inputs.
 * The layers keep their weights.
 */
export function bypassLayers(owner: Model, layers: ReadonlySet<Layer>): void {
  for (const { layer, inputs, outputs } of owner.calls) {
    if (layers.has(layer) && (inputs.length !== 1 || outputs.length > 1)) {
      throw new TypeError(`${layer.name} does not have one input and one output`);
    }
  }
  const tensors = new Map<ModelTensor, ModelTensor>();
  const mapped = (tensor: ModelTensor): ModelTensor => tensors.get(tensor) ?? tensor;
  owner.calls = owner.calls.filter((call) => {
    call.inputs = call.inputs.map(mapped);
    const [input] = call.inputs;
    if (!input || !layers.has(call.layer)) return true;
    for (const output of call.outputs) tensors.set(output, input);
    return false;
  });
  owner.outputs = owner.outputs.map(mapped);
  owner.layers = owner.layers.filter((one) => !layers.has(one));
  reorder(owner);
}

function redirect(owner: Model, from: ModelTensor, to: ModelTensor): void {
  const replace = (tensor: ModelTensor): ModelTensor => (tensor === from ? to : tensor);
  for (const call of owner.calls) call.inputs = call.inputs.map(replace);
  owner.outputs = owner.outputs.map(replace);
}

/** Puts layers with one input and one output behind the output of a call: what read it reads the last of them. */
export function insertBehind(owner: Model, call: Call, layers: readonly Layer[]): void {
  const output = call.output();
  const missing = withoutPresent(owner, layers);
  const chain = chainOf(output, layers);
  redirect(owner, output, chain.at(-1)?.output() ?? output);
  owner.calls = owner.calls.flatMap((one) => (one === call ? [call, ...chain] : [one]));
  owner.layers = owner.layers.flatMap((one) => (one === call.layer ? [one, ...missing] : [one]));
  reorder(owner);
}

/** Calls another layer in the place of a call with one output, an operator's without its other arguments; a layer that is not called any more leaves the model. */
export function replaceCall(owner: Model, call: Call, layer: Layer): Call {
  const isPlain = call.inputs.length === 1;
  const made = isPlain ? new Call(layer, call.inputs) : new Call(layer, call.inputs, call.args, call.kwargs);
  if (!isPlain) made.origin = call.origin;
  copyType(call.output(), made.output());
  redirect(owner, call.output(), made.output());
  owner.calls = owner.calls.map((one) => (one === call ? made : one));
  const stays = owner.calls.some((one) => one.layer === call.layer);
  owner.layers = owner.layers.flatMap((one) => (one !== call.layer ? [one] : stays ? [one, layer] : [layer]));
  reorder(owner);
  return made;
}

/**
 * Puts others in the place of some calls with one output: the output of the last of them is read in place of the call's,
 * and its layers stand where the layer of the call stood.
 *
 * @param expand the calls in the place of one, which may be among them; undefined where it stays. It is asked in the order
 * of the calls, so that what a call reads is what came before.
 */
export function expandCalls(owner: Model, expand: (call: Call) => readonly Call[] | undefined): void {
  const layers = new Map<Layer, Set<Layer>>();
  const tensors = new Map<ModelTensor, ModelTensor>();
  const mapped = (tensor: ModelTensor): ModelTensor => tensors.get(tensor) ?? tensor;
  owner.calls = owner.calls.flatMap((call) => {
    call.inputs = call.inputs.map(mapped);
    const calls = expand(call);
    const last = calls?.at(-1);
    if (!calls || !last) return [call];
    const standing = layers.get(call.layer) ?? new Set();
    for (const { layer } of calls) standing.add(layer);
    layers.set(call.layer, standing);
    copyType(call.output(), last.output());
    tensors.set(call.output(), last.output());
    return calls;
  });
  if (layers.size === 0) return;
  owner.outputs = owner.outputs.map(mapped);
  owner.layers = owner.layers.flatMap((layer) => [...(layers.get(layer) ?? [layer])]);
  reorder(owner);
}

/** A layer that is put behind several calls is shared by them. */
function withoutPresent(owner: Model, layers: readonly Layer[]): Layer[] {
  return layers.filter((layer) => !owner.layers.includes(layer));
}

/** A call of each layer, which reads the one before; none of the model reads them yet. */
function chainOf(input: ModelTensor, layers: readonly Layer[]): Call[] {
  let read = input;
  return layers.map((layer) => {
    const call = new Call(layer, [read]);
    copyType(read, call.output());
    read = call.output();
    return call;
  });
}

function copyType(from: ModelTensor, to: ModelTensor): void {
  to.shape = from.shape;
  to.dtype = from.dtype;
}

/** Keras counts layers by depth, which an edit changes. */
function reorder(owner: Model): void {
  if (owner.kind === 'functional') owner.layers = kerasLayerOrder(owner);
}

/**
 * A copy of `model` whose inputs have these shapes, without the batch, in their order.
 *
 * @throws RangeError where there are not as many as inputs, or one contradicts what the model says of its own.
 */
export function withInputShapes(model: Model, shapes: readonly (readonly number[])[]): Model {
  if (shapes.length !== model.inputs.length) {
    throw new RangeError(`${shapes.length} shapes for ${model.inputs.length} inputs`);
  }
  const copy = model.clone();
  for (const [index, tensor] of copy.inputs.entries()) setShape(tensor, [null, ...(shapes[index] ?? [])]);
  forgetOpenShapes(copy);
  return copy;
}

/** Files of Keras 3 say of each tensor what followed from open inputs; now more follows. */
function forgetOpenShapes(model: Model): void {
  for (const { layer, outputs } of model.calls) {
    if (layer.model) forgetOpenShapes(layer.model);
    for (const tensor of outputs) if (tensor.shape?.slice(1).includes(null)) tensor.shape = undefined;
  }
}

function setShape(tensor: ModelTensor, shape: Shape): void {
  const layer = tensor.producer?.layer;
  const operation = layer?.operation.kind === 'input' ? layer.operation : undefined;
  const present = tensor.shape ?? operation?.shape;
  const fits = present?.every((size, axis) => size === null || axis === 0 || size === shape[axis]);
  if (present && (present.length !== shape.length || !fits)) {
    throw new RangeError(
      `${layer?.path ?? 'the input'}: ${shape.slice(1).join(' x ')} for an input of ${present
        .slice(1)
        .map((size) => size ?? '?')
        .join(' x ')}`,
    );
  }
  tensor.shape = shape;
  if (layer && operation) layer.operation = { ...operation, shape };
}
