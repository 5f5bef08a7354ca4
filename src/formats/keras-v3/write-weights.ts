/**
 * Writing `model.weights.h5`, the weights in a `.keras` file.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import type { Layer } from '../../model/layer.ts';
import { weightNamesOf } from '../../model/layer-weights.ts';
import type { Model } from '../../model/model.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { ByteSink } from '../bytes.ts';
import { stringAttribute } from '../hdf5/attribute.ts';
import { Hdf5Copier, writeTensor } from '../hdf5/copy.ts';
import { type GroupWriter, Hdf5Writer } from '../hdf5/writer.ts';
import { orderedWeightNames } from '../keras-weight-names.ts';
import { requireStockWeights } from '../stock-weights.ts';
import { type LayerPlace, layerPlaces } from './layer-paths.ts';
import { type KerasV3Origin, V3Place } from './origin.ts';

/** The group of the optimizer's state. */
export const OPTIMIZER_GROUP = 'optimizer';

/** Writes the weights of a model of another format, as Keras 3 names them. */
export async function writeNewWeights(model: Model, sink: ByteSink): Promise<void> {
  const writer = new Hdf5Writer(sink);
  // Keras up to 3.5 looks for a group of variables in everything, also where there are none.
  writer.root.group('vars');
  for (const { layer, group } of layerPlaces(model, 'layers', hasWeights)) {
    writer.root.group(`${group}/vars`);
    if (layer.model) continue;
    for (const [name, variable] of variablesToWrite(layer)) {
      await writeTensor(writer.root, `${group}/${variable}`, layer.weights.get(name) as Tensor);
    }
  }
  writer.close();
}

/**
 * Writes the weights file that was read again, with the layers where the scheme of the file puts them now.
 *
 * @param dropped sentences on what could not be copied are added to it.
 */
export async function rewriteWeights(
  model: Model,
  origin: KerasV3Origin,
  sink: ByteSink,
  dropsOptimizer: boolean,
  dropped: string[],
): Promise<void> {
  const { weights: file, scheme, groups } = origin;
  const writer = new Hdf5Writer(sink, file.userBlock());
  const copier = new Hdf5Copier(file, dropped);
  const isElsewhere = (path: string): boolean =>
    groups.has(path) || (dropsOptimizer && path === OPTIMIZER_GROUP);
  await copier.group('', writer.root, isElsewhere);
  const namesLayers = file.hasGroup('vars') && file.strings('vars', 'name') !== undefined;
  for (const place of layerPlaces(model, scheme, hasWeights)) {
    await rewriteLayer(place, origin, copier, writer.root, namesLayers);
  }
  writer.close();
}

async function rewriteLayer(
  { layer, group }: LayerPlace,
  { weights: file, groups }: KerasV3Origin,
  copier: Hdf5Copier,
  root: GroupWriter,
  namesLayers: boolean,
): Promise<void> {
  const read = layer.origin?.place instanceof V3Place ? layer.origin.place : undefined;
  const readPaths = new Set(read?.variables.values());
  if (read && file.kind(read.group) === 'group') {
    await copier.group(read.group, root.group(group), (child) => groups.has(child) || readPaths.has(child));
  } else if (namesLayers) {
    root.group(`${group}/vars`).setAttribute(stringAttribute('name', layer.name, 'utf8'));
  }
  if (layer.model) return;
  for (const [name, variable] of variablesToWrite(layer, read)) {
    const tensor = layer.weights.get(name) as Tensor;
    const from = read?.variables.get(name);
    if (from === undefined) await writeTensor(root, `${group}/${variable}`, tensor);
    else if (layer.origin?.weights.get(name) === tensor) {
      await copier.dataset(from, root, `${group}/${variable}`);
    } else await copier.replaced(from, tensor, root, `${group}/${variable}`);
  }
}

/**
 * Where the weights of a layer go, by their names. Those of its operation are numbered anew, because one may have come;
 * others stay where they were, or are where Keras 3 puts them.
 */
function variablesToWrite(layer: Layer, read?: V3Place): [string, string][] {
  const expected: readonly string[] | undefined = weightNamesOf(layer.operation);
  const stock = expected || read ? [] : requireStockWeights(layer);
  return orderedWeightNames(layer).map((name, index) => {
    const own = expected?.indexOf(name) ?? -1;
    if (own !== -1) return [name, `vars/${own}`];
    const from = read?.variables.get(name);
    return [name, from?.slice((read?.group.length ?? 0) + 1) ?? stock[index]?.v3 ?? unplaced(layer, name)];
  });
}

/** The slopes of a PReLU that is another layer's activation; nothing else is known to be in a layer. */
function unplaced({ path, className }: Layer, name: string): string {
  if (name === 'alpha') return 'activation/vars/0';
  throw new UnsupportedModelError(
    'weights inside a layer',
    `${path}/${name}: a weight that a ${className} does not have of its own cannot be written in a .keras file`,
  );
}

function hasWeights(layer: Layer): boolean {
  if (!layer.model) return layer.weights.size > 0;
  return [...layer.model.allLayers()].some((inner) => inner.layer.weights.size > 0);
}
