/**
 * Tensors of whole numbers, such as indices of words, which have no grid; and masks, which a .tflite file has not.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import { type Graph, type GraphCall, type GraphTensor, neededCalls } from '../../model/graph.ts';
import { makesMask } from '../../model/masks.ts';
import { isWeighted } from '../../model/operation.ts';

/** Whether a tensor is not told to be of whole numbers. */
export function hasFloats({ producer, index }: GraphTensor): boolean {
  const operation = producer?.layer.operation;
  const dtype = operation?.kind === 'input' ? operation.dtype : producer?.call.outputs[index]?.dtype;
  return dtype?.includes('float') ?? true;
}

/** Whether a tensor holds whole numbers, such as the indices of an Embedding, and has no grid. */
export function isOfWholeNumbers(graph: Graph, tensor: GraphTensor): boolean {
  return !hasFloats(tensor) || indices(neededCalls(graph)).has(tensor);
}

/** The tensors that an Embedding reads as indices, through what leaves them as they are. */
export function indices(calls: readonly GraphCall[]): Set<GraphTensor> {
  const found = new Set<GraphTensor>();
  for (const { layer, inputs, outputs } of [...calls].reverse()) {
    const { kind } = layer.operation;
    const passes = kind === 'identity' || kind === 'reshape' || kind === 'flatten';
    if (layer.className !== 'Embedding' && !(passes && outputs.some((tensor) => found.has(tensor)))) continue;
    for (const tensor of inputs) found.add(tensor);
  }
  return found;
}

/** Whether whole numbers stay such; nobody knows what an opaque layer makes of them. */
export function keepsWholeNumbers({ layer: { operation } }: GraphCall): boolean {
  const { kind } = operation;
  return kind !== 'opaque' && kind !== 'rescaling' && kind !== 'batchNorm' && !isWeighted(operation);
}

/**
 * Refuses layers that make masks.
 *
 * @throws UnsupportedModelError, with the layer and the way out.
 */
export function refuseMasks(graph: Graph): void {
  for (const { layer, path } of neededCalls(graph)) {
    if (!makesMask(layer)) continue;
    const advice =
      layer.className === 'Masking' ? 'leave the layer out' : 'build the model with mask_zero=False';
    throw new UnsupportedModelError(
      'masks',
      `${path} (${layer.className}): makes a mask, and a .tflite file has none; ${advice}, and give sequences of full length`,
    );
  }
}

/**
 * Refuses layers that read whole numbers as if they were floats: no kernel turns the one into the other.
 *
 * @throws UnsupportedModelError, with the layer and the way out.
 */
export function refuseWholeNumbers(graph: Graph): void {
  const calls = neededCalls(graph);
  const found = indices(calls);
  for (const { layer, path, inputs, outputs } of calls) {
    const isTaken = layer.className === 'Embedding' || outputs.some((tensor) => found.has(tensor));
    if (isTaken || inputs.every((tensor) => hasFloats(tensor) && !found.has(tensor))) continue;
    throw new UnsupportedModelError(
      'whole numbers',
      `${path}: reads whole numbers, as only an Embedding does in a .tflite file; build the model with an ` +
        'input of float32',
    );
  }
}
