/**
 * The weights of one layer of a model, in its group of an HDF5 file.
 *
 * @module
 */

import type { Layer } from '../../model/layer.ts';
import { weightNamesOf } from '../../model/layer-weights.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { freeName } from '../../text/names.ts';
import { kerasWeightName } from '../keras-weight-names.ts';
import { requireStockWeights } from '../stock-weights.ts';
import { H5Place, type WeightEntry } from './origin.ts';
import { isTrainableWeight, layersInGroup, type PlacedWeight, weightsInGroup } from './weight-order.ts';

/** How names are made that the file does not have yet. */
export interface NamingStyle {
  /** `:0` in Keras 2, nothing in Keras 3. */
  readonly suffix: ':0' | '';
  /** Keras 3 names a weight in a nested model by its whole path, Keras 2 by the innermost layer. */
  readonly wholePaths: boolean;
}

/** A weight to be written into the group of a layer. */
export interface PlannedWeight {
  /** For `weight_names`. */
  readonly name: string;
  readonly tensor: Tensor;
  /** The dataset that it was read from. */
  readonly readPath: string | undefined;
  /** Whether it is what that dataset holds. */
  readonly isUnchanged: boolean;
}

/**
 * The weights in the group of `outer`, in the order in which Keras will read them.
 *
 * @param entries those of the group that was read; undefined for a model of another format.
 */
export function planGroup(
  outer: Layer,
  entries: readonly WeightEntry[] | undefined,
  style: NamingStyle,
): PlannedWeight[] {
  const names = new Map<Layer, Map<string, string>>();
  const taken = new Set<string>();
  for (const layer of layersInGroup(outer)) {
    const place = placeOf(layer);
    const kept = entries?.filter((entry) => entry.place === place && layer.weights.has(entry.weight)) ?? [];
    names.set(layer, new Map(kept.map((entry) => [entry.weight, entry.name])));
    for (const { name } of kept) taken.add(name);
  }
  const order = orderOf(outer, entries ?? []);
  for (const weight of order) {
    const own = names.get(weight.layer);
    if (!own || own.has(weight.weight)) continue;
    const name = newName(weight, own, taken, entries !== undefined, style);
    own.set(weight.weight, name);
    taken.add(name);
  }
  return order.map(({ layer, weight }) => {
    const tensor = layer.weights.get(weight) as Tensor;
    const isUnchanged = layer.origin?.weights.get(weight) === tensor;
    const name = names.get(layer)?.get(weight) ?? weight;
    return { name, tensor, readPath: placeOf(layer)?.paths.get(weight), isUnchanged };
  });
}

function placeOf(layer: Layer): H5Place | undefined {
  const place = layer.origin?.place;
  return place instanceof H5Place ? place : undefined;
}

/** Keras' order where it is the one that was read; otherwise that one, each new weight behind its layer's last. */
function orderOf(outer: Layer, entries: readonly WeightEntry[]): PlacedWeight[] {
  const simulated = weightsInGroup(outer, (layer, weight) => {
    const place = placeOf(layer);
    return place?.paths.has(weight) ? place.trainable.has(weight) : isTrainableWeight(layer, weight);
  });
  const find = (entry: WeightEntry): PlacedWeight | undefined =>
    simulated.find(({ layer, weight }) => placeOf(layer) === entry.place && weight === entry.weight);
  const read = entries.flatMap((entry) => find(entry) ?? []);
  const isRead = new Set(read);
  const known = simulated.filter((weight) => isRead.has(weight));
  if (known.every((weight, index) => weight === read[index])) return simulated;
  const order = [...read];
  for (const weight of simulated) {
    if (isRead.has(weight)) continue;
    const last = order.findLastIndex(({ layer }) => layer === weight.layer);
    order.splice(last === -1 ? order.length : last + 1, 0, weight);
  }
  return order;
}

/** Beside the weights that the layer has in the file, or as Keras would name it. */
function newName(
  { layer, weight }: PlacedWeight,
  own: ReadonlyMap<string, string>,
  taken: ReadonlySet<string>,
  isRewrite: boolean,
  style: NamingStyle,
): string {
  const sibling = own.values().next().value;
  const slash = sibling?.lastIndexOf('/') ?? -1;
  const scope = sibling !== undefined && slash !== -1 ? sibling.slice(0, slash) : undefined;
  const suffix = sibling === undefined ? style.suffix : sibling.endsWith(':0') ? ':0' : '';
  const { path } = layer;
  const last = lastName(layer, weight, isRewrite);
  const candidates = [scope, style.wholePaths ? path : layer.name, path].flatMap((prefix) =>
    prefix === undefined ? [] : `${prefix}/${last}`,
  );
  const isTaken = (name: string): boolean => taken.has(name + suffix);
  return (candidates.find((name) => !isTaken(name)) ?? freeName(`${path}/${last}`, isTaken)) + suffix;
}

/** Keras' name of a weight; an opaque layer of another format must be one whose weights are known. */
function lastName(layer: Layer, weight: string, isRewrite: boolean): string {
  if (isRewrite || weightNamesOf(layer.operation) !== undefined) return kerasWeightName(weight);
  const index = [...layer.weights.keys()].indexOf(weight);
  return requireStockWeights(layer)[index]?.h5 ?? weight;
}
