/**
 * Which batch norms can carry the scales of a layer, and why none can.
 *
 * @module
 */

import { batchNormFault } from '../../model/batch-norm.ts';
import { channelCount, weightFault } from '../../model/channels.ts';
import type { Graph, GraphCall } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import { activationOf, isConvolution } from '../../model/operation.ts';
import { runsInTraining } from '../../primitives/batch-norm-search.ts';

/** Why the scales of a layer are not carried. */
export type CarryObstacle =
  /** A weight that cannot be scaled, of the layer or of its batch norm. */
  | { readonly kind: 'weights'; readonly where: string }
  /** What stands right behind it is no batch norm, or nothing but a model output does. */
  | { readonly kind: 'no-batch-norm'; readonly behind: string }
  /** An activation fused into the layer stands before whatever follows. */
  | { readonly kind: 'fused-activation'; readonly activation: string }
  /** The output is read by others besides the batch norm, or is the model's. */
  | { readonly kind: 'read-by-others'; readonly readers: readonly string[] }
  /** The batch norm normalizes the outputs of other layers too. */
  | { readonly kind: 'shared-batch-norm'; readonly batchNorm: string }
  /** The batch norm does not normalize the layer's channels. */
  | { readonly kind: 'axis'; readonly batchNorm: string }
  /** The batch norm uses the statistics of the batch. */
  | { readonly kind: 'training-mode'; readonly batchNorm: string }
  /** Its parameters would be too large for their type. */
  | { readonly kind: 'overflow'; readonly batchNorm: string };

/** The obstacle in words, behind "because". */
export function describeCarryObstacle(obstacle: CarryObstacle): string {
  switch (obstacle.kind) {
    case 'weights':
      return `${obstacle.where} cannot be scaled`;
    case 'no-batch-norm':
      return `no batch norm stands behind it, but ${obstacle.behind}`;
    case 'fused-activation':
      return `${obstacle.activation} is fused into it`;
    case 'read-by-others':
      return `its output goes to ${obstacle.readers.join(', ')} as well`;
    case 'shared-batch-norm':
      return `${obstacle.batchNorm} also normalizes the outputs of others`;
    case 'axis':
      return `${obstacle.batchNorm} does not normalize its channels`;
    case 'training-mode':
      return `${obstacle.batchNorm} is called in training mode`;
    case 'overflow':
      return `the parameters of ${obstacle.batchNorm} would be too large for their type`;
  }
}

/** The batch norms right behind the calls of a layer, or why they cannot carry its scales. */
export function findCarriers(
  graph: Graph,
  layer: Layer,
): { readonly batchNorms: readonly Layer[] } | { readonly obstacle: CarryObstacle } {
  const activation = activationOf(layer.operation);
  if (activation.kind !== 'linear') {
    const name = activation.kind === 'other' ? activation.name : activation.kind;
    return { obstacle: { kind: 'fused-activation', activation: name } };
  }
  const batchNorms = new Set<Layer>();
  for (const call of graph.callsOf(layer)) {
    const [reader, ...others] = call.output().consumers;
    if (reader?.layer.operation.kind !== 'batchNorm') {
      return { obstacle: { kind: 'no-batch-norm', behind: reader?.path ?? 'an output of the model' } };
    }
    if (others.length > 0 || call.output().isModelOutput) {
      const readers = others.length > 0 ? others.map(({ path }) => path) : ['an output of the model'];
      return { obstacle: { kind: 'read-by-others', readers } };
    }
    const obstacle = batchNormObstacle(graph, call, reader);
    if (obstacle) return { obstacle };
    batchNorms.add(reader.layer);
  }
  return { batchNorms: [...batchNorms] };
}

function batchNormObstacle(graph: Graph, call: GraphCall, bn: GraphCall): CarryObstacle | undefined {
  const batchNorm = bn.path;
  const fault = batchNormFault(bn.layer);
  if (fault) return { kind: 'weights', where: `${batchNorm} (${fault.kind})` };
  if (runsInTraining(bn) || bn.inputs.length > 1) return { kind: 'training-mode', batchNorm };
  if (graph.callsOf(bn.layer).some((one) => one.inputs[0]?.producer?.layer !== call.layer)) {
    return { kind: 'shared-batch-norm', batchNorm };
  }
  return normalizesChannels(call, bn.layer) ? undefined : { kind: 'axis', batchNorm };
}

function normalizesChannels(call: GraphCall, bn: Layer): boolean {
  if (bn.operation.kind !== 'batchNorm') return false;
  const [axis, ...others] = bn.operation.axes;
  const size = bn.requireWeight('movingMean').size;
  if (axis === undefined || others.length > 0 || size !== channelCount(call.layer, 'output')) return false;
  const wanted = channelAxis(call.layer);
  const rank = rankOf(call);
  if (axis === wanted || rank === undefined) return axis === wanted;
  return (axis + rank) % rank === (wanted + rank) % rank;
}

/** Where a layer's output channels lie, as Keras counts axes: 1, or -1 for the last one. */
export function channelAxis({ operation }: Layer): number {
  return isConvolution(operation) && operation.dataFormat === 'channels_first' ? 1 : -1;
}

function rankOf(call: GraphCall): number | undefined {
  const { operation } = call.layer;
  return isConvolution(operation) ? operation.rank + 2 : call.output().shape?.length;
}

/** The first weight of a layer that cannot be scaled. */
export function faultyWeight(layer: Layer): CarryObstacle | undefined {
  const fault = weightFault(layer);
  return fault && { kind: 'weights', where: `${layer.path}/${fault.where}` };
}
