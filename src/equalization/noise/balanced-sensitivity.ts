import type { Graph, GraphCall, GraphTensor } from '../../model/graph.ts';
import type { ActivationMoments } from '../moments/activation-moments.ts';
import type { OutputSensitivity } from './output-sensitivity.ts';

/**
 * Makes `sum over c of sensitivity[c] variance[c]` the same at all tensors that are all that the outputs depend on, as large as at the
 * last of them.
 */
export function balancedSensitivity(
  { calls, tensors }: OutputSensitivity,
  graph: Graph,
  moments: ActivationMoments,
): OutputSensitivity {
  const places = narrowPlaces(graph).flatMap(({ tensor, after }) => {
    const carried = carriedBy(tensors.get(tensor), moments.of(tensor)?.variance);
    return carried === undefined ? [] : [{ after, carried }];
  });
  const last = places.at(-1)?.carried ?? 1;
  const order = new Map(graph.calls.map((call, index) => [call, index]));
  const scaled = (values: Float64Array, call: GraphCall | undefined): Float64Array => {
    const index = (call && order.get(call)) ?? 0;
    const factor = last / (places.find(({ after }) => after >= index)?.carried ?? last);
    return values.map((value) => value * factor);
  };
  return {
    calls: new Map([...calls].map(([call, values]) => [call, scaled(values, call)])),
    tensors: new Map([...tensors].map(([tensor, values]) => [tensor, scaled(values, tensor.producer)])),
  };
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
