/**
 * What has to be done for each ReLU whose maximum differs from channel to channel.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import type { Graph, GraphCall } from '../../model/graph.ts';
import type { Call } from '../../model/model.ts';
import { activationOf, type Relu } from '../../model/operation.ts';
import type { ScaledBound } from '../scaling/scale-regions.ts';

/** A call of a ReLU and what it has to do. */
export interface WantedCap {
  readonly call: GraphCall;
  readonly relu: Relu & { readonly maxValue: number };
  /** Whether the ReLU is the activation of a layer with a kernel. */
  readonly isFused: boolean;
  readonly form:
    | { readonly kind: 'per-channel'; readonly maxima: Float64Array }
    | { readonly kind: 'one-maximum'; readonly maximum: number };
}

/**
 * The ReLUs that `bounded` names, in the order of the graph.
 *
 * @throws TypeError where a call is none of a ReLU with a maximum in the graph; UnsupportedModelError where one call
 * needs different maxima.
 */
export function wantedCaps(graph: Graph, bounded: readonly ScaledBound[]): WantedCap[] {
  const byCall = grouped(bounded, ({ call }) => call.call);
  const uses = grouped(graph.calls, ({ call }) => call);
  const stranger = [...byCall.keys()].find((call) => !uses.has(call));
  if (stranger) throw new TypeError(`${stranger.layer.path} is called nowhere in ${graph.model.name}`);
  const wanted: WantedCap[] = [];
  for (const [call, found] of uses) {
    const [first] = byCall.get(call) ?? [];
    const [use] = found;
    if (!first || !use) continue;
    requireSameMaxima(use, byCall.get(call) ?? [], found.length);
    const { operation, path } = use.layer;
    const relu = activationOf(operation);
    if (relu.kind !== 'relu' || relu.maxValue === undefined) {
      throw new TypeError(`${path} (${use.layer.className}) is no ReLU with a maximum`);
    }
    wanted.push({
      call: use,
      relu: { ...relu, maxValue: relu.maxValue },
      isFused: operation.kind !== 'activation',
      form: formOf(first.maxima),
    });
  }
  return wanted;
}

function grouped<Item>(items: readonly Item[], callOf: (item: Item) => Call): Map<Call, Item[]> {
  const groups = new Map<Call, Item[]>();
  for (const item of items) {
    const call = callOf(item);
    const group = groups.get(call);
    if (group) group.push(item);
    else groups.set(call, [item]);
  }
  return groups;
}

/** A call inside a nested model is one call, however often the model is used. */
function requireSameMaxima(call: GraphCall, bounds: readonly ScaledBound[], uses: number): void {
  const [first] = bounds;
  const isSame = bounds.every(({ maxima }) => maxima.join() === first?.maxima.join());
  if (isSame && bounds.length === uses) return;
  throw new UnsupportedModelError(
    'nested models that are used several times',
    `${call.path}: the nested model around it is used ${uses} times, each time scaled by other factors; ` +
      'it can have one maximum only; do not scale through ReLUs with a maximum',
  );
}

function formOf(maxima: Float64Array): WantedCap['form'] {
  const [first = 0] = maxima;
  // What float32 cannot tell apart is one maximum.
  return maxima.every((one) => Math.fround(one) === Math.fround(first))
    ? { kind: 'one-maximum', maximum: first }
    : { kind: 'per-channel', maxima };
}
