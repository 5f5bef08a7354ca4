/**
 * Which weights go into which groups and shards when a model is written.
 *
 * What was read from TF.js files and not edited keeps its entry, its bytes, its group and, as long as the size of the
 * group stays the same, its files.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import type { JsonObject } from '../../json/value.ts';
import { weightNamesOf } from '../../model/layer-weights.ts';
import type { Model } from '../../model/model.ts';
import { largestOf } from '../../tensor/extremes.ts';
import { type PackedValues, packedWidth } from '../../tensor/packed-values.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { orderedWeightNames } from '../keras-weight-names.ts';
import type { WeightBytes } from './decode.ts';
import { encodedLength, tfjsDType } from './encode.ts';
import { fileKey } from './manifest.ts';
import { manifestName, opaqueWeightNames } from './match-weights.ts';
import { type OriginGroup, TfjsPlace, tfjsOrigin } from './origin.ts';

/** What the TF.js converter makes. */
const SHARD_BYTES = 4 * 2 ** 20;

/** A weight to be written: as it lies in the file that was read, packed, or encoded from a tensor. */
export type PlannedWeight = {
  readonly name: string;
  readonly entry: JsonObject;
  readonly byteLength: number;
} & ({ readonly raw: WeightBytes } | { readonly packed: PackedValues } | { readonly tensor: Tensor });

/** A group of the manifest to be written. */
export interface PlannedGroup {
  readonly weights: readonly PlannedWeight[];
  readonly shards: readonly PlannedShard[];
}

/** A file of a group. */
export interface PlannedShard {
  readonly path: string;
  readonly size: number;
}

/** How a model is divided into files. */
export interface PlanOptions {
  /** The name of the model's own file. */
  readonly main: string;
  /** How large shards may be; as they were, or 4 MiB, where it is left out. */
  readonly shardBytes?: number | undefined;
}

/** All that is written beside model.json, and what is not written. */
export interface WeightPlan {
  readonly groups: readonly PlannedGroup[];
  /** Names of weights of an optimizer that do not fit the edited model. */
  readonly droppedOptimizer: readonly string[];
  /** Quantized weights that were edited and so are float32 now. */
  readonly unpacked: readonly string[];
}

/**
 * Plans the weights of `model`.
 *
 * @throws UnsupportedModelError where two layers would give their weights the same name.
 */
export function planWeights(model: Model, options: PlanOptions): WeightPlan {
  const origin = tfjsOrigin(model);
  const current = weightsByName(model);
  const unpacked: string[] = [];
  if (!origin) {
    const weights = [...current].map(([name, tensor]) => encoded(name, tensor));
    return { groups: numbered([{ weights, origin: undefined }], options), droppedOptimizer: [], unpacked };
  }
  const isEdited =
    current.size !== origin.tensors.size ||
    [...current].some(([name, tensor]) => origin.tensors.get(name) !== tensor);
  const pending = new Map(current);
  const droppedOptimizer: string[] = [];
  const groups = origin.groups.map((group) => {
    const weights: PlannedWeight[] = [];
    for (const raw of group.weights) {
      const { name, entry, byteLength, isOptimizer, quantization } = raw.spec;
      const tensor = pending.get(name);
      pending.delete(name);
      if (isOptimizer && isEdited) droppedOptimizer.push(name);
      else if (isOptimizer || (tensor && tensor === origin.tensors.get(name)))
        weights.push({ name, entry, byteLength, raw });
      else if (tensor) {
        weights.push(encoded(name, tensor));
        if (quantization && !tensor.packed) unpacked.push(name);
      }
    }
    return { weights, origin: group };
  });
  const last = groups.at(-1);
  for (const [name, tensor] of pending) {
    // Beside the other weights of its layer, such as the bias that a convolution got.
    const layer = name.slice(0, name.lastIndexOf('/') + 1);
    const home =
      groups.find(({ weights }) => weights.some((weight) => weight.name.startsWith(layer))) ?? last;
    const after = home?.weights.findLastIndex((weight) => weight.name.startsWith(layer)) ?? -1;
    if (home) home.weights.splice(after === -1 ? home.weights.length : after + 1, 0, encoded(name, tensor));
    else
      groups.push({ weights: [encoded(name, tensor)], origin: { paths: [], shardSizes: [], weights: [] } });
  }
  return { groups: numbered(groups, options), droppedOptimizer, unpacked };
}

function encoded(name: string, tensor: Tensor): PlannedWeight {
  const entry = { name, shape: [...tensor.shape], dtype: tfjsDType(tensor.dtype) };
  const { packed } = tensor;
  if (packed && entry.dtype === 'float32') {
    const quantization = { ...packed.packing, original_dtype: entry.dtype };
    return {
      name,
      entry: { ...entry, quantization },
      byteLength: tensor.size * packedWidth(packed.packing),
      packed,
    };
  }
  return { name, entry, byteLength: encodedLength(tensor.dtype, tensor.size), tensor };
}

/** The weights of all layers under their names in the manifest. */
function weightsByName(model: Model): Map<string, Tensor> {
  const fromTfjs = tfjsOrigin(model) !== undefined;
  const owners = new Map<string, string>();
  const weights = new Map<string, Tensor>();
  for (const { layer, path } of model.allLayers()) {
    const place = layer.origin?.place;
    const read = fromTfjs && place instanceof TfjsPlace ? place.names : undefined;
    const isKnown = weightNamesOf(layer.operation) !== undefined;
    const opaque = isKnown ? [] : opaqueWeightNames(layer);
    for (const [index, key] of orderedWeightNames(layer).entries()) {
      const tensor = layer.weights.get(key);
      if (!tensor) continue;
      const name = read?.get(key) ?? (isKnown ? manifestName(layer, key) : opaque[index]) ?? key;
      const other = owners.get(name);
      if (other !== undefined) throw sameNames(name, other, path);
      owners.set(name, path);
      weights.set(name, tensor);
    }
  }
  return weights;
}

function sameNames(name: string, one: string, other: string): UnsupportedModelError {
  return new UnsupportedModelError(
    'layers of one name',
    `${one} and ${other} would both have the weight ${name}; TF.js knows weights by the name of the layer ` +
      'alone; write the model as .keras or .h5, or rename one of the layers in the original model',
  );
}

/** Divides groups into shards, under the names that they had or that the converter gives, each of them once. */
function numbered(
  groups: readonly { weights: readonly PlannedWeight[]; origin: OriginGroup | undefined }[],
  { shardBytes, main }: PlanOptions,
): PlannedGroup[] {
  const kept = groups.filter(({ weights, origin }) => weights.length > 0 || origin?.weights.length === 0);
  const taken = new Set([fileKey(main)]);
  const own = ownName(main);
  const isFree = (shards: readonly PlannedShard[]): boolean => {
    const keys = new Set(shards.map(({ path }) => fileKey(path)));
    return keys.size === shards.length && ![...keys].some((key) => taken.has(key));
  };
  return kept.map(({ weights, origin }, index) => {
    const total = weights.reduce((sum, weight) => sum + weight.byteLength, 0);
    let shards = origin && sameFiles(origin, total, shardBytes)?.map(own);
    for (let group = index + 1; !shards || !isFree(shards); group++) {
      shards = newFiles(origin, total, group, shardBytes).map(own);
    }
    for (const { path } of shards) taken.add(fileKey(path));
    return { weights, shards };
  });
}

/**
 * Shards of a model whose file is not model.json carry its name, so that several models can lie in one folder and none
 * overwrites the weights of another.
 */
function ownName(main: string): (shard: PlannedShard) => PlannedShard {
  const stem = main.replace(/\.json$/i, '');
  if (stem === 'model') return (shard) => shard;
  // A browser makes a URL of it, in which `#`, `?` and `%` mean something else.
  const prefix = `${stem.replace(/[^\p{L}\p{M}\p{N}_.-]+/gu, '_')}-`;
  return ({ path, size }) => {
    const named = path.replace(/[^/]+$/, (name) => (name.startsWith(prefix) ? name : prefix + name));
    return { path: named, size };
  };
}

function sameFiles(origin: OriginGroup, total: number, shardBytes = Infinity): PlannedShard[] | undefined {
  if (origin.shardSizes.some((size) => size > shardBytes)) return undefined;
  if (origin.shardSizes.reduce((sum, size) => sum + size, 0) !== total) return undefined;
  return origin.paths.map((path, index) => ({ path, size: origin.shardSizes[index] ?? 0 }));
}

function newFiles(
  origin: OriginGroup | undefined,
  total: number,
  group: number,
  asked: number | undefined,
): PlannedShard[] {
  const several = origin && origin.paths.length > 1;
  const shardBytes = asked ?? (several ? largestOf(origin.shardSizes, 1) : SHARD_BYTES);
  const first = origin?.paths[0];
  const folder = first?.includes('/') ? first.slice(0, first.lastIndexOf('/') + 1) : '';
  const extension = first === undefined || /\.[a-z]+$/i.test(first) ? '.bin' : '';
  const count = Math.ceil(total / shardBytes);
  return Array.from({ length: count }, (_, shard) => ({
    path: `${folder}group${group}-shard${shard + 1}of${count}${extension}`,
    size: Math.min(shardBytes, total - shard * shardBytes),
  }));
}
