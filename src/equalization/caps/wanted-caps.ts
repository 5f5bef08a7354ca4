/**
 * What has to be done for each ReLU whose maximum differs from channel to channel.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import type { Graph, GraphCall } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { Call } from '../../model/model.ts';
import { type Activation, activationOf } from '../../model/operation.ts';
import type { ScaledBound } from '../scaling/scale-regions.ts';
import { turnableSource } from './turn-around.ts';

/** How caps are made. */
export interface CapOptions {
  /**
   * What each channel that a ReLU reads stays below, `[channels]`, in the scale that it has in the model now; undefined where
   * that is not known. A ReLU whose maxima are never reached needs none. Bounds from statistics are the caller's risk.
   */
  readonly upperBounds?: (call: GraphCall) => ArrayLike<number> | undefined;
}

/** What a ReLU does. */
export type Relu = Activation & { readonly kind: 'relu' };

/** A call of a ReLU and what it has to do. */
export interface WantedCap {
  readonly call: GraphCall;
  readonly relu: Relu;
  /** Whether the ReLU is the activation of a layer with a kernel. */
  readonly isFused: boolean;
  /** The layer before a ReLU layer that can be turned around. */
  readonly source: Layer | undefined;
  readonly form:
    | { readonly kind: 'per-channel'; readonly maxima: Float64Array }
    | { readonly kind: 'one-maximum'; readonly maximum: number }
    | { readonly kind: 'never-reached'; readonly highest: number };
}

/**
 * The ReLUs that `bounded` names, in the order of the graph.
 *
 * @throws TypeError where a call is none of a ReLU with a maximum in the graph; RangeError where a number of bounds is not
 * that of the channels; UnsupportedModelError where one call needs different maxima.
 */
export function wantedCaps(graph: Graph, bounded: readonly ScaledBound[], options: CapOptions): WantedCap[] {
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
    const isFused = operation.kind !== 'activation';
    // A fused activation is one for all calls of its layer.
    const calls = isFused ? graph.callsOf(use.layer) : found;
    const bounds = calls.map((one) => options.upperBounds?.(one));
    const source = isFused ? undefined : turnableSource(graph, use, first.maxima.length);
    wanted.push({ call: use, relu, isFused, source, form: formOf(path, first.maxima, bounds) });
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
    `${call.path}: the nested model around it is used ${uses} times, and its channels were scaled by other factors in ` +
      'each use, but it can have one maximum only; scale without going through ReLUs with a maximum',
  );
}

function formOf(
  path: string,
  maxima: Float64Array,
  bounds: readonly (ArrayLike<number> | undefined)[],
): WantedCap['form'] {
  const shares = bounds.map((bound) => {
    if (bound && bound.length !== maxima.length) {
      throw new RangeError(`${path}: ${bound.length} upper bounds for ${maxima.length} channels`);
    }
    return bound ? highestShare(maxima, bound) : Infinity;
  });
  const highest = Math.max(...shares);
  if (highest < 1) return { kind: 'never-reached', highest };
  const [first = 0] = maxima;
  // What float32 cannot tell apart is one maximum.
  return maxima.every((one) => Math.fround(one) === Math.fround(first))
    ? { kind: 'one-maximum', maximum: first }
    : { kind: 'per-channel', maxima };
}

/** The largest of the bounds, each as a share of the maximum of its channel; Infinity for a NaN. */
function highestShare(maxima: ArrayLike<number>, bounds: ArrayLike<number>): number {
  let highest = 0;
  for (let channel = 0; channel < maxima.length; channel++) {
    const share = (bounds[channel] as number) / (maxima[channel] as number);
    highest = Math.max(highest, Number.isNaN(share) ? Infinity : share);
  }
  return highest;
}
