/**
 * ReLUs whose maximum differs from channel to channel, in stock layers of Keras.
 *
 * `min(relu(x), c) = relu(c - relu(c - x))`: the inner negation goes into the weights of the layer before, which takes the
 * inner ReLU too; then come a batch norm that computes `c - h`, and a ReLU. A value is rounded once or twice more than before,
 * each time by at most half a unit in the last place of `c`.
 *
 * @module
 */

import { isObject, type JsonValue } from '../../json/value.ts';
import { kerasAxis } from '../../model/channel-axes.ts';
import { insertBefore, insertBehind, replaceCall } from '../../model/edit.ts';
import { buildGraph, type Graph, type GraphCall } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import type { Call, Model } from '../../model/model.ts';
import { freeLayerName, newNegation, newRelu } from '../../model/new-layer.ts';
import { type Activation, LINEAR, PLAIN_RELU, type Relu } from '../../model/operation.ts';
import { largestOf, smallestOf } from '../../tensor/extremes.ts';
import { short } from '../../text/numbers.ts';
import type { ScaledBound } from '../scaling/scale-regions.ts';
import { negateOutput } from './negated-layer.ts';
import { type WantedCap, wantedCaps } from './wanted-caps.ts';

/** What became of a ReLU with a maximum. Layers by their paths. */
export type ActivationCap =
  /** Each channel has its own: `negatedIn` computes `relu(c - x)`, and `added` were put into the model. */
  | {
      readonly kind: 'per-channel';
      readonly path: string;
      readonly smallest: number;
      readonly largest: number;
      readonly negatedIn: string;
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
  /** Layers that compute `relu(c - x)` now, `x` being what they computed before, with the `c` of each channel. */
  readonly negated: ReadonlyMap<Layer, Float64Array>;
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
  const state: State = { graph, names: new Set(), negated: new Map() };
  const layersBefore = layerCount(model);
  const caps = wanted.map((one) => capped(one, state));
  return { caps, addedLayers: layerCount(model) - layersBefore, negated: state.negated };
}

/** What became of a ReLU, in a sentence. */
export function describeCap(cap: ActivationCap): string {
  const added = cap.added.length === 0 ? '' : `; added: ${cap.added.join(', ')}`;
  switch (cap.kind) {
    case 'per-channel':
      return `${cap.path}: maxima of ${short(cap.smallest)} to ${short(cap.largest)}, a channel its own, with the negation in ${cap.negatedIn}${added}`;
    case 'one-maximum':
      return `${cap.path}: a maximum of ${short(cap.maximum)} for all channels${added}`;
  }
}

interface State {
  /** As it was before the first edit. */
  readonly graph: Graph;
  /** Names of new layers. */
  readonly names: Set<string>;
  readonly negated: Map<Layer, Float64Array>;
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
  const { maxima } = form;
  const made = isFused ? maximaFused(cap, maxima, state) : maximaAlone(cap, maxima, state);
  return { kind: form.kind, path, smallest: smallestOf(maxima), largest: largestOf(maxima), ...made };
}

/** A ReLU that is fused into a layer: another in its place, or one behind where the configuration has no word for it. */
function maximumFused(call: GraphCall, relu: Relu, state: State): string[] {
  if (fusedClass(call.layer) === 'ReLU') {
    setActivation(call.layer, relu);
    return [];
  }
  setActivation(call.layer, LINEAR);
  return insertedBehind(call, [reluBeside(call, 'relu', relu, state)]);
}

/** The layer does the inner ReLU, and new layers behind it the rest. */
function maximaFused({ call, relu }: WantedCap, maxima: Float64Array, state: State): Negation {
  const { layer, path } = call;
  // A shared layer has as many calls, all with these maxima.
  if (!state.negated.has(layer)) negateIntoInner(layer, maxima, state);
  const rest = [
    negationBeside(call, 'cap', maxima, state),
    reluBeside(call, 'relu', { ...relu, maxValue: undefined }, state),
  ];
  return { negatedIn: path, added: insertedBehind(call, rest) };
}

/** A ReLU that is a layer does the outer ReLU, and new layers before it the rest. */
function maximaAlone({ call, relu, source }: WantedCap, maxima: Float64Array, state: State): Negation {
  const rest = [negationBeside(call, 'cap', maxima, state)];
  if (source) negateIntoInner(source, maxima, state);
  else
    rest.unshift(negationBeside(call, 'negate', maxima, state), reluBeside(call, 'inner', PLAIN_RELU, state));
  const outer = changeRelu(call, { ...relu, maxValue: undefined }, state);
  insertBefore(call.owner, outer.call, rest);
  return { negatedIn: source?.path ?? rest[0]?.path ?? '', added: [...pathsOf(rest), ...outer.added] };
}

type Negation = Pick<Extract<ActivationCap, { kind: 'per-channel' }>, 'negatedIn' | 'added'>;

function insertedBehind({ owner, call }: GraphCall, layers: readonly Layer[]): string[] {
  insertBehind(owner, call, layers);
  return pathsOf(layers);
}

/** Makes a layer with a kernel compute `relu(c - x)`. A fused ReLU costs next to nothing, where a layer of its own would. */
function negateIntoInner(layer: Layer, maxima: Float64Array, { negated }: State): void {
  negateOutput(layer, maxima);
  setActivation(layer, PLAIN_RELU);
  negated.set(layer, maxima);
}

/** Makes another ReLU of that call alone: the layer itself where it has no other calls and its class can say it. */
function changeRelu(
  { owner, call, layer }: GraphCall,
  relu: Relu,
  { graph, names }: State,
): { call: Call; added: string[] } {
  const isShared = owner.calls.some((one) => one.layer === layer && one !== call);
  // An Activation layer has a name for a ReLU without maximum, and none for other maxima than 6.
  if (!isShared && (layer.className === 'ReLU' || relu.maxValue === undefined)) {
    setActivation(layer, relu);
    return { call, added: [] };
  }
  const name = freeLayerName(graph.model, `${layer.name}_relu`, names);
  const made = newRelu({ owner, beside: layer, name }, relu);
  return { call: replaceCall(owner, call, made), added: [made.path] };
}

/** The class of a layer that is fused as an activation; a name for a function has none, and can say no maximum but 6. */
function fusedClass({ readConfig: { activation } }: Layer): JsonValue | undefined {
  return isObject(activation) ? activation['class_name'] : undefined;
}

function reluBeside(call: GraphCall, suffix: string, relu: Relu, { graph, names }: State): Layer {
  const name = freeLayerName(graph.model, `${call.layer.name}_${suffix}`, names);
  return newRelu({ owner: call.owner, beside: call.layer, name }, relu);
}

/** A layer that computes `maxima[c] - x`. */
function negationBeside(
  call: GraphCall,
  suffix: string,
  maxima: Float64Array,
  { graph, names }: State,
): Layer {
  const name = freeLayerName(graph.model, `${call.layer.name}_${suffix}`, names);
  return newNegation({ owner: call.owner, beside: call.layer, name }, kerasAxis(call.output()), maxima);
}

function setActivation(layer: Layer, activation: Activation): void {
  const { operation } = layer;
  if ('activation' in operation) layer.operation = { ...operation, activation };
}

function pathsOf(layers: readonly Layer[]): string[] {
  return layers.map(({ path }) => path);
}

function layerCount(model: Model): number {
  return [...model.allLayers()].length;
}
