/**
 * The variables in a layer's group of `model.weights.h5`, and which weight each is.
 *
 * @module
 */

import { sameJson } from '../../json/value.ts';
import type { Layer } from '../../model/layer.ts';
import { weightNamesOf } from '../../model/layer-weights.ts';
import { activationOf } from '../../model/operation.ts';
import type { Hdf5File } from '../hdf5/file.ts';
import { ObjectCount } from '../hdf5/object-count.ts';
import { PROJECTIONS } from '../stock-weights.ts';
import { containerOf, groupOfModel, type LayerPlace, type NamingScheme } from './layer-paths.ts';

/** What a layer has of its own: the group `vars` with datasets `0`, `1`, … */
const OWN = 'vars';
/** Groups of the state of random numbers, which Keras does not count as weights. */
const SEEDS = /^seed_generator/;
/** What layers that change images at random call theirs; another layer may call a part of its network so. */
const GENERATOR = /^_?(random_)?generator$/;

/** Paths of the variables in a layer's group by the names of the weights, in the order of Keras' `layer.weights`. */
export function variablesOf(file: Hdf5File, layer: Layer, group: string): Map<string, string> {
  const expected = weightNamesOf(layer.operation);
  const found = variablePaths(file, group);
  const variables = new Map<string, string>();
  for (const [index, name] of (expected ?? []).entries()) {
    const path = `${OWN}/${index}`;
    if (found.includes(path)) variables.set(name, `${group}/${path}`);
  }
  for (const path of orderVariables(found, layer.className)) {
    const index = path.startsWith(`${OWN}/`) ? Number(path.slice(OWN.length + 1)) : Number.NaN;
    if (expected && index < expected.length) continue;
    if (expected && !(index >= 0) && !path.startsWith('activation/')) continue;
    variables.set(nameOf(layer, path), `${group}/${path}`);
  }
  return variables;
}

/** Whether anything below `group` is a weight. */
export function hasVariables(file: Hdf5File, group: string): boolean {
  return variablePaths(file, group).length > 0;
}

/**
 * Paths of the weights among those of the layers that no layer has.
 *
 * @param claimed those that layers have.
 * @param beside groups of {@link groupsBeside}, which are nobody's.
 */
export function unclaimedVariables(
  file: Hdf5File,
  scheme: NamingScheme,
  claimed: ReadonlySet<string>,
  beside: readonly string[],
): string[] {
  const container = containerOf(scheme);
  return variablePaths(file, container)
    .map((path) => `${container}/${path}`)
    .filter((path) => !claimed.has(path) && !beside.some((group) => path.startsWith(`${group}/`)));
}

/** Groups of a model, or one inside, that hold weights beside the layers: of its optimizer, or of what a program keeps there. */
export function groupsBeside(file: Hdf5File, scheme: NamingScheme, places: readonly LayerPlace[]): string[] {
  const inner = places.flatMap((place) => {
    const { layer } = place;
    const group = groupOfModel(place);
    return layer.model && layer.steps !== 'layer' && file.hasGroup(group) ? [group] : [];
  });
  return ['', ...inner].flatMap((model) =>
    file
      .names(model)
      .filter((name) => name !== containerOf(scheme))
      .map((name) => (model === '' ? name : `${model}/${name}`))
      .filter((group) => hasVariables(file, group)),
  );
}

/**
 * The name of a weight that no operation knows: its path without `vars`, and `alpha` for the slopes of a PReLU that is
 * the activation of another layer, as HDF5 files name them.
 */
function nameOf(layer: Layer, path: string): string {
  const isSlope = path === `activation/${OWN}/0` && activationOf(layer.operation).kind === 'prelu';
  return isSlope
    ? 'alpha'
    : path
        .split('/')
        .filter((part) => part !== OWN)
        .join('/');
}

/** What was found in a file: each group is walked once, however many links lead to it. */
interface Found {
  readonly objects: ObjectCount;
  /** By the address of the group. */
  readonly paths: Map<string, readonly string[]>;
}

const foundIn = new WeakMap<Hdf5File, Found>();

/** Paths of all datasets below `group/…/vars`, relative to it; missing groups have none. */
function variablePaths(file: Hdf5File, group: string, depth = 0): readonly string[] {
  if (!file.hasGroup(group)) return [];
  const found = foundIn.get(file) ?? { objects: new ObjectCount(file), paths: new Map() };
  foundIn.set(file, found);
  const isOwn = `/${group}`.endsWith(`/${OWN}`);
  const key = `${file.address(group)} ${isOwn}`;
  const known = found.paths.get(key);
  if (known) return known;
  const paths: string[] = [];
  for (const name of file.names(group)) {
    found.objects.visit(depth);
    if (SEEDS.test(name) || (GENERATOR.test(name) && isSeed(file, `${group}/${name}`, depth + 1))) continue;
    const kind = file.kind(`${group}/${name}`);
    if (kind === 'dataset' && isOwn) paths.push(name);
    if (kind !== 'group') continue;
    for (const path of variablePaths(file, `${group}/${name}`, depth + 1)) {
      found.objects.visit(depth);
      paths.push(`${name}/${path}`);
    }
  }
  found.paths.set(key, paths);
  return paths;
}

/** Whether a group holds a seed and a counter, and nothing else. */
function isSeed(file: Hdf5File, group: string, depth: number): boolean {
  const [path, ...others] = variablePaths(file, group, depth);
  if (path !== `${OWN}/0` || others.length > 0) return false;
  const { type, shape } = file.dataset(`${group}/${path}`);
  return type.kind === 'integer' && sameJson(shape, [2]);
}

/** Classes of Keras whose parts have an order of their own, and what those may be wrapped in. */
const ORDERED: ReadonlySet<string> = new Set(['Bidirectional', 'MultiHeadAttention', 'TimeDistributed']);

/**
 * Own variables by number first, then those of the layers inside; forward before backward, and the projections of an attention
 * as it makes them.
 */
function orderVariables(paths: readonly string[], className: string): string[] {
  const rank = (path: string): string =>
    path
      .split('/')
      .map((part) => {
        if (part === OWN) return '0';
        if (/^\d+$/.test(part)) return part.padStart(12, '0');
        if (!ORDERED.has(className)) return `2${part}`;
        if (part === 'forward_layer') return '1';
        // Keras 2 has an underscore before the attribute.
        const projection = PROJECTIONS.findIndex(([, attribute]) => attribute === part.replace(/^_/, ''));
        return projection === -1 ? `2${part}` : `1${projection}`;
      })
      .join('/');
  return [...paths].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}
