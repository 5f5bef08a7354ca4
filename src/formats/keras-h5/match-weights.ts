/**
 * Which of the `weight_names` of a group belongs to which layer.
 *
 * @module
 */

import { InvalidModelError } from '../../errors.ts';
import type { Layer } from '../../model/layer.ts';
import { type WeightName, weightNamesOf } from '../../model/layer-weights.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { freeName } from '../../text/names.ts';
import { KERAS_WEIGHT_NAMES } from '../keras-weight-names.ts';
import { configuredWeights } from '../stock-weights.ts';
import { shapesFit } from '../weight-shapes.ts';
import { isTrainableWeight, layersInGroup, weightsInGroup } from './weight-order.ts';

/** One of the `weight_names` of a group with its dataset. */
export interface GroupWeight {
  readonly name: string;
  readonly tensor: Tensor;
}

/** A layer with its weights, and the name that each has in the file. */
export interface MatchedLayer {
  readonly layer: Layer;
  readonly weights: Map<string, GroupWeight>;
}

/**
 * Gives each weight in the group of `outer` to its layer: by the names in it, or in Keras' order where the names do
 * not tell.
 *
 * @throws {@link InvalidModelError} where neither works out.
 */
export function matchWeights(outer: Layer, found: readonly GroupWeight[], source: string): MatchedLayer[] {
  const layers = layersInGroup(outer);
  const byLayer = outer.model
    ? (ownersByName(layers, found) ?? ownersByOrder(outer, found))
    : new Map([[outer, [...found]]]);
  if (!byLayer) throw noMatch(outer, layers, found, source);
  return layers.map((layer) => ({ layer, weights: nameWeights(layer, byLayer.get(layer) ?? []) }));
}

/** `stem/stem_conv/kernel:0` belongs to the layer whose path or name its middle parts are. */
function ownersByName(
  layers: readonly Layer[],
  found: readonly GroupWeight[],
): Map<Layer, GroupWeight[]> | undefined {
  const owners = new Map<Layer, GroupWeight[]>();
  for (const weight of found) {
    const owner =
      onlyLongest(layers, weight.name, (layer) => layer.path) ??
      onlyLongest(layers, weight.name, (layer) => layer.name);
    if (!owner) return undefined;
    owners.set(owner, [...(owners.get(owner) ?? []), weight]);
  }
  for (const layer of layers) {
    const names = weightNamesOf(layer.operation);
    const weights = owners.get(layer) ?? [];
    if (names && weights.length < names.length) return undefined;
    if (names?.length === 0 && weights.length > 0) return undefined;
  }
  return owners;
}

function onlyLongest(
  layers: readonly Layer[],
  name: string,
  keyOf: (layer: Layer) => string,
): Layer | undefined {
  const scope = `/${name.slice(0, name.lastIndexOf('/') + 1)}`;
  let best: Layer[] = [];
  for (const layer of layers) {
    const key = keyOf(layer);
    const length = best[0] ? keyOf(best[0]).length : -1;
    if (key.length < length || !scope.includes(`/${key}/`)) continue;
    best = key.length > length ? [layer] : [...best, layer];
  }
  return best.length === 1 ? best[0] : undefined;
}

/** In Keras' order. Works only where each layer's weights are known, and is believed only where the shapes fit. */
function ownersByOrder(outer: Layer, found: readonly GroupWeight[]): Map<Layer, GroupWeight[]> | undefined {
  const order = weightsInGroup(outer, isTrainableWeight, expectedWeights);
  if (order.length !== found.length) return undefined;
  const placed = new Map<Layer, Map<string, GroupWeight>>();
  for (const [index, { layer, weight }] of order.entries()) {
    const own = placed.get(layer) ?? new Map<string, GroupWeight>();
    placed.set(layer, own.set(weight, found[index] as GroupWeight));
  }
  const owners = new Map<Layer, GroupWeight[]>();
  for (const layer of layersInGroup(outer)) {
    const own = expectedWeights(layer).map((name) => placed.get(layer)?.get(name) as GroupWeight);
    const shapes = own.map(({ tensor }) => tensor.shape);
    if (!shapesFit(layer.operation, shapes)) return undefined;
    owners.set(layer, own);
  }
  return owners;
}

/** Our names of the weights that a layer has by its configuration; none, where they are not known. */
function expectedWeights(layer: Layer): readonly string[] {
  return (
    weightNamesOf(layer.operation) ??
    (layer.model ? [] : (configuredWeights(layer) ?? [])).map(({ h5 }) => h5)
  );
}

/** Our names of a layer's weights: by the last part of the name in the file, or by order. */
function nameWeights(layer: Layer, found: readonly GroupWeight[]): Map<string, GroupWeight> {
  const expected = weightNamesOf(layer.operation);
  if (!expected) return opaqueNames(layer, found);
  const rest = [...found];
  const named = new Map<string, GroupWeight>();
  const countOf = (name: WeightName): number =>
    found.filter((weight) => lastPart(weight.name) === KERAS_WEIGHT_NAMES[name]).length;
  // Too few weights are matched by name as well, so that the error says which one is missing.
  const isNamed = found.length < expected.length || expected.every((name) => countOf(name) === 1);
  for (const name of expected) {
    const at = isNamed ? rest.findIndex((weight) => lastPart(weight.name) === KERAS_WEIGHT_NAMES[name]) : 0;
    const [weight] = at === -1 ? [] : rest.splice(at, 1);
    if (weight) named.set(name, weight);
  }
  for (const weight of rest) setFree(named, lastPart(weight.name), weight);
  return named;
}

/** The names of an opaque layer's weights are its own, without the layer's; where that was renamed, those of its class. */
function opaqueNames(layer: Layer, found: readonly GroupWeight[]): Map<string, GroupWeight> {
  const named = new Map<string, GroupWeight>();
  const places = found.map(({ name }) => `/${name}`.lastIndexOf(`/${layer.name}/`));
  const known = places.includes(-1) ? configuredWeights(layer) : undefined;
  for (const [index, weight] of found.entries()) {
    const name = weight.name.replace(/:\d+$/, '');
    const at = places[index] ?? -1;
    const own = at === -1 ? name : name.slice(at + layer.name.length + 1);
    setFree(named, known?.length === found.length ? (known[index]?.h5 ?? own) : own, weight);
  }
  return named;
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1).replace(/:\d+$/, '');
}

function setFree(named: Map<string, GroupWeight>, wanted: string, weight: GroupWeight): void {
  named.set(
    freeName(wanted, (name) => named.has(name)),
    weight,
  );
}

function noMatch(
  outer: Layer,
  layers: readonly Layer[],
  found: readonly GroupWeight[],
  source: string,
): InvalidModelError {
  const expected = layers.reduce((sum, layer) => sum + expectedWeights(layer).length, 0);
  const names = found.map(({ name }) => name).slice(0, 5);
  return new InvalidModelError(
    outer.name,
    `${source} has ${found.length} weights for the layers inside (${names.join(', ')}${found.length > 5 ? ', …' : ''}), ` +
      `the configuration needs ${expected}, and the two do not match`,
  );
}
