/**
 * Which batch norms can carry the scales of a layer, and why none can.
 *
 * @module
 */

import { batchNormFault } from '../../model/batch-norm.ts';
import { channelCount, weightFault } from '../../model/channels.ts';
import type { Graph, GraphCall } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import { activationName, activationOf } from '../../model/operation.ts';
import { faultReason, type SkipReason } from '../../model/skip-reason.ts';
import { usesBatchStatistics } from '../../model/training.ts';
import { axisReason } from '../../primitives/batch-norm-search.ts';

/** Of all reasons here. */
const edit = 'carry';

/** The batch norms right behind the calls of a layer, or why they cannot carry its scales. */
export function findCarriers(
  graph: Graph,
  layer: Layer,
): { readonly batchNorms: readonly Layer[] } | { readonly reason: SkipReason } {
  const layers = [layer.path];
  const activation = activationOf(layer.operation);
  if (activation.kind !== 'linear') {
    return { reason: { code: 'fused-activation', edit, layers, activation: activationName(activation) } };
  }
  const batchNorms = new Set<Layer>();
  for (const call of graph.callsOf(layer)) {
    const [reader, ...others] = call.output().consumers;
    if (reader?.layer.operation.kind !== 'batchNorm') {
      const behind = reader?.path ?? 'an output of the model';
      return { reason: { code: 'no-batch-norm-behind', edit, layers, behind } };
    }
    if (others.length > 0 || call.output().isModelOutput) {
      const consumers = others.length > 0 ? others.map(({ path }) => path) : ['an output of the model'];
      return { reason: { code: 'several-consumers', edit, layers, consumers } };
    }
    const reason = batchNormReason(graph, call, reader);
    if (reason) return { reason };
    batchNorms.add(reader.layer);
  }
  return { batchNorms: [...batchNorms] };
}

function batchNormReason(graph: Graph, call: GraphCall, bn: GraphCall): SkipReason | undefined {
  const layers = [call.layer.path, bn.path];
  if (usesBatchStatistics(bn)) return { code: 'training-mode', edit, layers };
  const fault = batchNormFault(bn.layer);
  if (fault) return { ...faultReason(layers, bn.path, fault), edit };
  if (bn.inputs.length > 1) return { code: 'several-inputs', edit, layers, inputs: bn.inputs.length };
  if (graph.callsOf(bn.layer).some((one) => one.inputs[0]?.producer?.layer !== call.layer)) {
    return { code: 'shared-batch-norm', edit, layers };
  }
  const reason = axisReason(bn, call, layers, channelCount(call.layer, 'output'));
  return reason && { ...reason, edit };
}

/** The first weight of a layer that cannot be scaled. */
export function faultyWeight(layer: Layer): SkipReason | undefined {
  const fault = weightFault(layer);
  return fault && { ...faultReason([layer.path], layer.path, fault), edit };
}
