/**
 * What a simulation quantizes: weights, and tensors between layers.
 *
 * @module
 */

import type { Graph, GraphCall, GraphTensor } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import { activationOf, isRelu, isWeighted } from '../../model/operation.ts';
import { isKernel } from '../kernel-layout.ts';
import { floatWeights, type LayerWeight } from '../quantized-weights.ts';

/**
 * The weights that a simulation quantizes, in the order of the calls: kernels, the slopes of PReLU, and gamma and beta of
 * a batch norm, unless it is computed with the layer before it, into which it then is folded. Biases and statistics stay
 * as they are. So AIMET's default configuration has it.
 *
 * @throws InvalidModelError where one of them is of whole numbers.
 */
export function simulatedParameters(graph: Graph): LayerWeight[] {
  const layers = new Set<Layer>(graph.calls.map(({ layer }) => layer));
  return floatWeights([...layers], (layer, name) => isSimulated(graph, layer, name));
}

function isSimulated(graph: Graph, layer: Layer, name: string): boolean {
  if (isKernel(layer, name)) return true;
  switch (layer.operation.kind) {
    case 'activation':
      return name === 'alpha';
    case 'batchNorm':
      if (name !== 'gamma' && name !== 'beta') return false;
      return !graph.callsOf(layer).every((call) => kernelBehind(call));
    default:
      return false;
  }
}

/**
 * The tensors that are quantized: the inputs of the model and the outputs of all layers but zero padding, which adds
 * only zeros, the ends of a TimeDistributed, which change no value, and those that never leave an arithmetic unit, because what reads them is computed with what makes them.
 *
 * That is AIMET's default configuration with its supergroups: a convolution or Dense with the batch norm behind it, with
 * or without a ReLU behind the two; a convolution or Dense with the ReLU behind it; Add with ReLU. Any ReLU with or
 * without a maximum counts, whichever layer it is. A transposed convolution goes with its batch norm, but not with a
 * ReLU. Where a layer has an activation of its own, the tensor behind that is quantized, and it goes with nothing else but a
 * cap.
 */
export function quantizedActivations(graph: Graph): Set<GraphTensor> {
  const tensors = new Set<GraphTensor>(graph.inputs);
  for (const call of graph.calls) {
    const { kind } = call.layer.operation;
    if (kind === 'zeroPadding' || kind === 'steps' || staysInside(call)) continue;
    for (const tensor of call.outputs) tensors.add(tensor);
  }
  return tensors;
}

/** Whether the output of the call goes only to a call that is computed together with it. */
function staysInside(call: GraphCall): boolean {
  const next = onlyReader(call);
  if (!next) return false;
  const { operation } = next.layer;
  if (operation.kind === 'cap') return isReluOrKernel(call);
  if (operation.kind === 'activation' && isRelu(operation.activation)) return canTakeRelu(call);
  return operation.kind === 'batchNorm' && isLinearKernel(call);
}

/** A cap needs no grid of its own: the ReLU before it ends at the top of the range, and maxima are rounded to the grid. */
function isReluOrKernel({ layer: { operation } }: GraphCall): boolean {
  return isWeighted(operation) || (operation.kind === 'activation' && isRelu(operation.activation));
}

function canTakeRelu(call: GraphCall): boolean {
  const { operation } = call.layer;
  if (operation.kind === 'merge') return operation.merge === 'add';
  const kernel = kernelBehind(call) ?? call;
  return isLinearKernel(kernel) && kernel.layer.operation.kind !== 'convTranspose';
}

/**
 * The call with a kernel whose output is read by this batch norm alone, which then is computed with it; undefined for
 * other calls.
 */
function kernelBehind(bn: GraphCall): GraphCall | undefined {
  if (bn.layer.operation.kind !== 'batchNorm') return undefined;
  const before = bn.input?.producer;
  return before && isLinearKernel(before) && onlyReader(before) === bn ? before : undefined;
}

function onlyReader(call: GraphCall): GraphCall | undefined {
  const tensor = call.outputs[0];
  if (!tensor || tensor.isModelOutput || call.outputs.length > 1) return undefined;
  return tensor.consumers.length === 1 ? tensor.consumers[0] : undefined;
}

function isLinearKernel({ layer: { operation } }: GraphCall): boolean {
  return isWeighted(operation) && activationOf(operation).kind === 'linear';
}
