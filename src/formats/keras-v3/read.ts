/**
 * Models in `.keras` files, as Keras 2.12 and later write them: a zip file with the configuration and the weights.
 *
 * @module
 */

import { CrosslayerError, FormatError, InvalidModelError, UnsupportedModelError } from '../../errors.ts';
import type { JsonObject } from '../../json/value.ts';
import type { Model } from '../../model/model.ts';
import type { Tell } from '../../model/progress.ts';
import { named } from '../../text/names.ts';
import type { ByteSource } from '../bytes.ts';
import { countWeightedLayers } from '../edited-weights.ts';
import { type Hdf5File, openHdf5 } from '../hdf5/file.ts';
import { parseModelConfig } from '../keras-config/parse/parse-model.ts';
import { readJsonObject } from '../read-json.ts';
import { checkWeights } from '../weight-shapes.ts';
import { CONFIG_ENTRY, type KerasArchive, WEIGHTS_ENTRY } from './archive.ts';
import { type LayerPlace, layerPlaces, type NamingScheme, SCHEMES_BY_CONTAINER } from './layer-paths.ts';
import { type KerasV3Origin, V3Place } from './origin.ts';
import { groupsBeside, hasVariables, unclaimedVariables, variablesOf } from './variables.ts';

/**
 * Reads a `.keras` file, or a folder of its parts. The files stay open: weights are read when they are needed.
 *
 * @param source the file, or the config.json of a folder, for messages
 * @param archive what is in it
 * @throws FormatError, InvalidModelError, UnsupportedModelError or LimitError where the file is no such model.
 */
export async function readKerasV3(
  source: ByteSource,
  archive: KerasArchive,
  tell: Tell = () => {},
): Promise<Model> {
  const document = await readConfig(archive, source.name);
  const model = parseModelConfig(document, source.name);
  const weights = await openHdf5(await openWeights(archive, source.name));
  try {
    const { scheme, places, beside } = attachWeights(model, weights, tell);
    const origin: KerasV3Origin = {
      format: 'keras-v3',
      archive,
      document,
      weights,
      scheme,
      groups: new Set(places.map(({ group }) => group)),
      groupsBeside: beside,
      weightedLayers: countWeightedLayers(model),
    };
    model.origin = origin;
    return model;
  } catch (error) {
    weights.close();
    throw error;
  }
}

async function readConfig(archive: KerasArchive, source: string): Promise<JsonObject> {
  const member = archive.get(CONFIG_ENTRY);
  if (!member) {
    throw new FormatError(source, CONFIG_ENTRY, 'a zip file, but not a Keras model: this entry is missing');
  }
  return readJsonObject(await member.open(), source, CONFIG_ENTRY);
}

async function openWeights(archive: KerasArchive, source: string): Promise<ByteSource> {
  const member = archive.get(WEIGHTS_ENTRY);
  if (member) return member.open();
  if (archive.has('model.weights.npz')) {
    throw new UnsupportedModelError(
      'npz weights',
      `${source}: its weights are in model.weights.npz; load the model in Keras and save it again with h5 weights`,
    );
  }
  throw new FormatError(source, WEIGHTS_ENTRY, 'the weights are missing');
}

/** A naming scheme with what it says of a file. */
interface PlacedLayers {
  readonly scheme: NamingScheme;
  readonly places: readonly LayerPlace[];
  /** Of {@link groupsBeside}. */
  readonly beside: readonly string[];
}

/** Gives all layers their weights, by the first naming scheme that fits the file. */
function attachWeights(model: Model, file: Hdf5File, tell: Tell): PlacedLayers {
  const roots = new Set(file.names(''));
  const schemes = [...SCHEMES_BY_CONTAINER].flatMap(([container, named]) =>
    roots.has(container) ? named : [],
  );
  let firstError: CrosslayerError | undefined;
  for (const scheme of schemes.length > 0 ? schemes : (['layers'] as const)) {
    const places = layerPlaces(model, scheme, (_, group) => hasVariables(file, group));
    const placed = tryScheme(file, scheme, { places, tell });
    if (!(placed instanceof CrosslayerError)) return placed;
    firstError ??= placed;
  }
  const shared = modelOnSeveralLevels(model);
  if (firstError && shared !== undefined) {
    throw new InvalidModelError(
      shared,
      `the model is used on several levels, but ${file.name} has its weights on one only; Keras does not open the ` +
        'file either; save the model as .h5',
    );
  }
  throw firstError ?? new FormatError(file.name, '', 'no group of layers');
}

/** A nested model that several models have: Keras writes its weights once, under the first that it comes to. */
function modelOnSeveralLevels(model: Model, seen: Set<string> = new Set()): string | undefined {
  for (const { name, model: inner } of model.layers) {
    if (!inner) continue;
    const found = seen.has(inner.name) ? name : modelOnSeveralLevels(inner, seen.add(inner.name));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Attaches weights as a scheme names them; what is wrong with them, where it is not the file's. */
function tryScheme(
  file: Hdf5File,
  scheme: NamingScheme,
  { places, tell }: { readonly places: readonly LayerPlace[]; readonly tell: Tell },
): PlacedLayers | CrosslayerError {
  const claimed = new Set<string>();
  for (const [index, { layer, group }] of places.entries()) {
    tell(index, places.length);
    const variables = layer.model ? new Map<string, string>() : variablesOf(file, layer, group);
    for (const path of variables.values()) claimed.add(path);
    layer.weights = new Map([...variables].map(([name, at]) => [name, file.dataset(at).tensor()]));
    layer.remember({ weights: new Map(layer.weights), place: new V3Place(group, variables) });
  }
  try {
    for (const { layer } of places) checkWeights(layer, file.name);
  } catch (error) {
    return error as CrosslayerError;
  }
  tell(places.length, places.length);
  const beside = groupsBeside(file, scheme, places);
  const unclaimed = unclaimedVariables(file, scheme, claimed, beside);
  if (unclaimed.length === 0) return { scheme, places, beside };
  return new InvalidModelError(
    '',
    `${file.name} has weights of layers that the configuration does not have (${named(unclaimed)}); ` +
      'the two are not of the same model: save it again',
  );
}
