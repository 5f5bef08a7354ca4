/**
 * Changes to the structure of a model that keep its tensors connected.
 *
 * @module
 */

import type { Layer } from './layer.ts';
import { kerasLayerOrder } from './layer-order.ts';
import type { Model, ModelTensor } from './model.ts';

/** Whether {@link bypassLayer} can take the layer out: nothing would lead from an input straight to an output. */
export function canBypass(owner: Model, layer: Layer): boolean {
  return owner.calls
    .filter((call) => call.layer === layer)
    .every((call) => {
      const [input] = call.inputs;
      const output = call.outputs[0];
      return !(input && output && owner.inputs.includes(input) && owner.outputs.includes(output));
    });
}

/**
 * Takes a layer with one input and one output out of the model that holds it: what read its output reads its input.
 * The layer keeps its weights.
 */
export function bypassLayer(owner: Model, layer: Layer): void {
  for (const call of owner.calls.filter((one) => one.layer === layer)) {
    const [input] = call.inputs;
    const output = call.outputs[0];
    if (!input || call.inputs.length !== 1 || call.outputs.length > 1) {
      throw new TypeError(`${layer.name} does not have one input and one output`);
    }
    if (output) redirect(owner, output, input);
  }
  owner.calls = owner.calls.filter((call) => call.layer !== layer);
  owner.layers = owner.layers.filter((one) => one !== layer);
  // Without the layer others lie less deep, and Keras counts layers by depth.
  if (owner.kind === 'functional') owner.layers = kerasLayerOrder(owner);
}

function redirect(owner: Model, from: ModelTensor, to: ModelTensor): void {
  const replace = (tensor: ModelTensor): ModelTensor => (tensor === from ? to : tensor);
  for (const call of owner.calls) call.inputs = call.inputs.map(replace);
  owner.outputs = owner.outputs.map(replace);
}
