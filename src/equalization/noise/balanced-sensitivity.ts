/**
 * How much the outputs of a model change when a channel is shifted, in proportion from one end of the model to the other.
 *
 * @module
 */

import type { Graph, GraphCall, GraphTensor } from '../../model/graph.ts';
import type { ChannelGraph } from '../channels/channel-graph.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import { type OutputSensitivity, sensitivities } from './output-sensitivity.ts';

/**
 * The sensitivity of `outputSensitivity`, made to carry the same from layer to layer.
 *
 * That one takes paths for independent, which trained channels are not: it is right about the channels of a layer, but with
 * every layer its total falls or grows by a factor, to a millionth over 50 layers of one network and a hundredfold over those
 * of another. Where all that the outputs depend on passes one tensor, what varies there makes what varies in the outputs:
 * `sum over c of sensitivity[c] variance[c]` is the same at all such places, and as large as at the last of them, up to which
 * each call is multiplied.
 *
 * Models without such a place, or without moments there, keep the sensitivity as it is.
 */
export function balancedSensitivity(graph: ChannelGraph, moments: ActivationMoments): OutputSensitivity {
  const { calls, tensors } = sensitivities(graph, moments);
  const places = narrowPlaces(graph.graph).flatMap(({ tensor, after }) => {
    const carried = carriedBy(tensors.get(tensor), moments.of(tensor)?.variance);
    return carried === undefined ? [] : [{ after, carried }];
  });
  const last = places.at(-1)?.carried ?? 1;
  const order = new Map(graph.graph.calls.map((call, index) => [call, index]));
  const factorOf = (call: GraphCall): number => {
    const index = order.get(call) ?? 0;
    return last / (places.find(({ after }) => after >= index)?.carried ?? last);
  };
  return new Map(
    [...calls].map(([call, values]): [GraphCall, Float64Array] => {
      const factor = factorOf(call);
      return [call, values.map((value) => value * factor)];
    }),
  );
}

/** `sum over c of sensitivity[c] variance[c]`; undefined where it is not known, or nothing. */
function carriedBy(
  sensitivity: Float64Array | undefined,
  variance: Float64Array | undefined,
): number | undefined {
  if (!sensitivity || sensitivity.length !== variance?.length) return undefined;
  const sum = sensitivity.reduce((total, one, channel) => total + one * (variance[channel] ?? 0), 0);
  return sum > 0 && sum < Infinity ? sum : undefined;
}

/** A tensor that is all that later calls and the outputs read of what was computed up to a call. */
interface NarrowPlace {
  readonly tensor: GraphTensor;
  /** Index of that call among those of the graph. */
  readonly after: number;
}

function narrowPlaces({ calls, inputs, outputs }: Graph): NarrowPlace[] {
  const lastRead = new Map<GraphTensor, number>();
  for (const [index, call] of calls.entries()) {
    for (const tensor of call.inputs) lastRead.set(tensor, index);
  }
  for (const tensor of outputs) lastRead.set(tensor, Infinity);
  const isRead = (tensor: GraphTensor, index: number): boolean => (lastRead.get(tensor) ?? -1) > index;
  const open = new Set(inputs);
  return calls.flatMap((call, after) => {
    for (const tensor of call.outputs) open.add(tensor);
    for (const tensor of [...call.inputs, ...call.outputs]) if (!isRead(tensor, after)) open.delete(tensor);
    const [tensor] = open;
    return tensor && open.size === 1 ? [{ tensor, after }] : [];
  });
}
