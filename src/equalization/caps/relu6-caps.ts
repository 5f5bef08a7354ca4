/**
 * ReLUs whose maximum differs from channel to channel: `min(relu(x), c)`, an operator behind the ReLU.
 *
 * @module
 */

import { isObject, type JsonValue } from '../../json/value.ts';
import { insertBehind, replaceCall } from '../../model/edit.ts';
import { buildGraph, type Graph, type GraphCall } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { Call, Model } from '../../model/model.ts';
import { freeLayerName, type NewLayerPlace, newCap, newRelu } from '../../model/new-layer.ts';
import { type Activation, type CapOperation, LINEAR, type Relu } from '../../model/operation.ts';
import { largestOf, smallestOf } from '../../tensor/extremes.ts';
import { short } from '../../text/numbers.ts';
import type { ScaledBound } from '../scaling/scale-regions.ts';
import { type WantedCap, wantedCaps } from './wanted-caps.ts';

/** What became of a ReLU with a maximum. Layers by their paths. */
export type ActivationCap =
  /** Each channel has its own, in an operator behind the ReLU; `added` were put into the model. */
  | {
      readonly kind: 'per-channel';
      readonly path: string;
      readonly smallest: number;
      readonly largest: number;
      readonly added: readonly string[];
    }
  /** All channels have the same, so that a ReLU can do it. */
  | {
      readonly kind: 'one-maximum';
      readonly path: string;
      readonly maximum: number;
      readonly added: readonly string[];
    };

/** What {@link capActivations} did. */
export interface CapRecord {
  /** In the order of the graph, one for each call of a ReLU. */
  readonly caps: readonly ActivationCap[];
  /** Layers more than before. */
  readonly addedLayers: number;
}

/**
 * Gives ReLUs the maxima that they need once factors went through them, each channel its own (Nagel et al. 2019 drop them
 * instead). Edits `model`, whose function is then what it was before it was scaled, up to rounding.
 *
 * @param bounded of the record of `scaleRegions`
 * @throws TypeError where a call is none of a ReLU with a maximum in `model`; UnsupportedModelError where a nested model that
 * is used several times needs other maxima in each use. Nothing is edited then.
 */
export function capActivations(model: Model, bounded: readonly ScaledBound[]): CapRecord {
  const graph = buildGraph(model);
  const wanted = wantedCaps(graph, bounded);
  const state: State = { graph, names: new Set() };
  const layersBefore = layerCount(model);
  const caps = wanted.map((one) => capped(one, state));
  return { caps, addedLayers: layerCount(model) - layersBefore };
}

/** What became of a ReLU, in a sentence. */
export function describeCap(cap: ActivationCap): string {
  const added = cap.added.length === 0 ? '' : `; added: ${cap.added.join(', ')}`;
  switch (cap.kind) {
    case 'per-channel':
      return `${cap.path}: maxima of ${short(cap.smallest)} to ${short(cap.largest)}, a channel its own${added}`;
    case 'one-maximum':
      return `${cap.path}: a maximum of ${short(cap.maximum)} for all channels${added}`;
  }
}

interface State {
  /** As it was before the first edit. */
  readonly graph: Graph;
  /** Names of new layers. */
  readonly names: Set<string>;
}

function capped(cap: WantedCap, state: State): ActivationCap {
  const { call, relu, isFused, form } = cap;
  const { path } = call;
  if (form.kind === 'one-maximum') {
    const wanted = { ...relu, maxValue: form.maximum };
    const isThere = form.maximum === relu.maxValue;
    const added = isThere
      ? []
      : isFused
        ? maximumFused(call, wanted, state)
        : changeRelu(call, wanted, state).added;
    return { ...form, path, added };
  }
  return { kind: form.kind, path, ...cappedBehind(cap, form.maxima, state) };
}

/** The operator goes behind the ReLU, which keeps its own maximum where none of the new ones is larger. */
function cappedBehind(
  { call: before, relu, isFused }: WantedCap,
  wanted: Float64Array,
  state: State,
): Omit<Extract<ActivationCap, { kind: 'per-channel' }>, 'kind' | 'path'> {
  const { owner, layer } = before;
  const axis = before.output().channelAxis ?? -1;
  const present = capBehind(before, axis);
  // Of float32, whose text in a configuration is the same whoever computed them.
  const maxima = wanted.map((one, channel) =>
    Math.fround(Math.min(one, present?.operation.maxima[channel] ?? Infinity)),
  );
  const [smallest, largest] = [smallestOf(maxima), largestOf(maxima)];
  let { call } = before;
  let added: readonly string[] = [];
  if (largest > relu.maxValue) {
    const unbounded = { ...relu, maxValue: undefined };
    if (isFused) setActivation(layer, unbounded);
    else ({ call, added } = changeRelu(before, unbounded, state));
  }
  if (present) present.layer.operation = { ...present.operation, maxima };
  else {
    const cap = newCap(placeBeside(before, 'cap', state), maxima, axis);
    insertBehind(owner, call, [cap]);
    added = [...added, cap.path];
  }
  return { smallest, largest, added };
}

/** The cap that alone reads the call, and reads nothing else: one that was made when the model was scaled before. */
function capBehind(
  { owner, call }: GraphCall,
  axis: number,
): { readonly layer: Layer; readonly operation: CapOperation } | undefined {
  const output = call.output();
  const [reader, ...others] = owner.calls.filter(({ inputs }) => inputs.includes(output));
  if (!reader || others.length > 0 || owner.outputs.includes(output)) return undefined;
  const { layer } = reader;
  const { operation } = layer;
  if (operation.kind !== 'cap' || operation.axis !== axis) return undefined;
  return owner.calls.some((one) => one.layer === layer && one !== reader) ? undefined : { layer, operation };
}

/** A ReLU that is fused into a layer: another in its place, or one behind where the configuration has no word for it. */
function maximumFused(call: GraphCall, relu: Relu, state: State): string[] {
  if (fusedClass(call.layer) === 'ReLU') {
    setActivation(call.layer, relu);
    return [];
  }
  setActivation(call.layer, LINEAR);
  const made = newRelu(placeBeside(call, 'relu', state), relu);
  insertBehind(call.owner, call.call, [made]);
  return [made.path];
}

/** Makes another ReLU of that call alone: the layer itself where it has no other calls and its class can say it. */
function changeRelu(before: GraphCall, relu: Relu, state: State): { call: Call; added: string[] } {
  const { owner, call, layer } = before;
  const isShared = owner.calls.some((one) => one.layer === layer && one !== call);
  // An Activation layer has a name for a ReLU without maximum, and none for other maxima than 6.
  if (!isShared && (layer.className === 'ReLU' || relu.maxValue === undefined)) {
    setActivation(layer, relu);
    return { call, added: [] };
  }
  const made = newRelu(placeBeside(before, 'relu', state), relu);
  return { call: replaceCall(owner, call, made), added: [made.path] };
}

/** The class of a layer that is fused as an activation; a name for a function has none, and can say no maximum but 6. */
function fusedClass({ readConfig: { activation } }: Layer): JsonValue | undefined {
  return isObject(activation) ? activation['class_name'] : undefined;
}

function placeBeside({ owner, layer }: GraphCall, suffix: string, { graph, names }: State): NewLayerPlace {
  return { owner, beside: layer, name: freeLayerName(graph.model, `${layer.name}_${suffix}`, names) };
}

function setActivation(layer: Layer, activation: Activation): void {
  const { operation } = layer;
  if ('activation' in operation) layer.operation = { ...operation, activation };
}

function layerCount(model: Model): number {
  return [...model.allLayers()].length;
}
