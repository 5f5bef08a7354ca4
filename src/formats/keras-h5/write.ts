/**
 * Writing whole models to HDF5 files, as Keras 2 and Keras 3 (`model.save('model.h5')`) do.
 *
 * @module
 */

import { pythonJson } from '../../json/python-json.ts';
import { parseJson } from '../../json/text.ts';
import { isObject, type JsonObject, sameJson } from '../../json/value.ts';
import type { Layer } from '../../model/layer.ts';
import type { Dialect, Model } from '../../model/model.ts';
import type { OutputFiles } from '../bytes.ts';
import { configTextOf } from '../config-text.ts';
import { isOptimizerStale } from '../edited-weights.ts';
import type { WriteReport } from '../format.ts';
import { stringAttribute } from '../hdf5/attribute.ts';
import { Hdf5Copier, writeTensor } from '../hdf5/copy.ts';
import type { Hdf5File } from '../hdf5/file.ts';
import { fitsHeader, type GroupWriter, Hdf5Writer } from '../hdf5/writer.ts';
import { capsAsLayers } from '../keras-config/caps-as-layers.ts';
import { editedOperatorsAsLayers } from '../keras-config/dialects/replaced-operators.ts';
import { plainNumbers } from '../keras-config/serialized-objects.ts';
import { isSequential, modelForDialect, writeModelConfig } from '../keras-config/write-model.ts';
import { lostState } from '../lost-state.ts';
import { trackedLayers } from '../tracked-layers.ts';
import { nameListAttributes, namesIn, readNameList, writeNameList } from './attribute-lists.ts';
import { type KerasH5Origin, kerasH5Origin, TOP_LEVEL_GROUP, WEIGHTS_GROUP } from './origin.ts';
import { type NamingStyle, type PlannedWeight, planGroup } from './write-group.ts';

const OPTIMIZER_GROUP = 'optimizer_weights';
/** The versions that files say they are of when they are made anew. */
const KERAS_VERSIONS = { keras2: '2.15.0', keras3: '3.0.0' } as const;

/**
 * Writes a model as a whole-model HDF5 file to `files.main`.
 *
 * A model that was read from one keeps all that was not edited, bit for bit; from another format, or for another Keras, a
 * new file is made as the Keras of `dialect` makes it.
 *
 * @throws UnsupportedModelError where a layer cannot be brought into this format.
 */
export async function writeKerasH5(
  given: Model,
  files: OutputFiles,
  dialect: Dialect = given.dialect,
): Promise<WriteReport> {
  const origin = dialect === given.dialect ? kerasH5Origin(given) : undefined;
  const hasOperators = !origin || knowsOperators(origin.file);
  const model = capsAsLayers(editedOperatorsAsLayers(given), (owner) => !hasOperators || isSequential(owner));
  const dropped = origin ? [] : lostState(model);
  const writer = new Hdf5Writer(files.main, origin?.file.userBlock());
  const warnings: string[] = [];
  if (origin) await rewrite(model, origin, writer.root, dropped);
  else {
    const written = modelForDialect(model, dialect, (warning) => warnings.push(warning));
    warnings.push(...nameWarnings(written));
    await writeNew(written, dialect, writer.root);
  }
  if (dialect === 'keras3') warnings.push(...normalizationWarnings(model));
  writer.close();
  return { dropped, warnings };
}

/**
 * Whether the Keras of a file has operators as layers: from TensorFlow 2.4 on, whose Keras calls itself 2.4.0 as that of
 * TensorFlow 2.3 does.
 */
function knowsOperators(file: Hdf5File): boolean {
  const [major = 0, minor = 0] = (file.strings('', 'keras_version')?.[0] ?? '').split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 5);
}

async function writeNew(model: Model, dialect: Dialect, root: GroupWriter): Promise<void> {
  const config = writeModelConfig(model, dialect);
  // The numbers of numpy that Keras 2.12 wrote into .keras files are read from them alone.
  const readable = dialect === 'keras2' ? plainNumbers(config) : config;
  const version = KERAS_VERSIONS[dialect];
  root.setAttribute(stringAttribute('backend', 'tensorflow', 'utf8'));
  root.setAttribute(stringAttribute('keras_version', version, 'utf8'));
  const read = await configTextOf(model);
  root.setAttribute(stringAttribute('model_config', pythonJson(readable, read?.text, read?.at)));
  const group = root.group(WEIGHTS_GROUP);
  group.setAttribute(stringAttribute('backend', 'tensorflow'));
  group.setAttribute(stringAttribute('keras_version', version));
  const layers = trackedLayers(model);
  setNameList(
    group,
    'layer_names',
    layers.map(({ name }) => name),
  );
  const style: NamingStyle =
    dialect === 'keras2' ? { suffix: ':0', wholePaths: false } : { suffix: '', wholePaths: true };
  for (const layer of layers) {
    await writeWeights(group.group(layer.name), planGroup(layer, undefined, style));
  }
  if (!layers.some(({ name }) => name === TOP_LEVEL_GROUP)) {
    setNameList(group.group(TOP_LEVEL_GROUP), 'weight_names', []);
  }
}

/** Keras has the same group for weights of the model's own, and compares their number with the layer's. */
function nameWarnings(model: Model): string[] {
  const layer = trackedLayers(model).find(({ name }) => name === TOP_LEVEL_GROUP);
  if (!layer) return [];
  return [
    `${layer.name}: Keras does not load an .h5 file with a layer of this name; rename the layer, or write the model as .keras`,
  ];
}

/** Keras reads the statistics of a Normalization and goes on with those of a new one: fixed in 3.6, but for layers inside. */
function normalizationWarnings(model: Model): string[] {
  return [...model.allLayers()]
    .filter(({ layer }) => layer.className === 'Normalization' && layer.weights.size > 0)
    .map(
      ({ path }) =>
        `${path}: Keras 3 loses the mean and variance of a Normalization in an .h5 file (up to 3.5; in ` +
        'nested models up to 3.15); write the model as .keras',
    );
}

async function rewrite(
  model: Model,
  origin: KerasH5Origin,
  root: GroupWriter,
  dropped: string[],
): Promise<void> {
  const { file } = origin;
  const copier = new Hdf5Copier(file, dropped);
  const dropsOptimizer = isOptimizerStale(model, origin.weightedLayers) && file.hasGroup(OPTIMIZER_GROUP);
  if (dropsOptimizer) dropped.push(describeOptimizer(file));
  copier.attributes('', root, (name) => name === 'model_config');
  copyConfig(model, file, copier, root);
  for (const name of file.names('')) {
    if (name === WEIGHTS_GROUP) await rewriteWeights(model, origin, copier, root.group(name));
    else if (name !== OPTIMIZER_GROUP || !dropsOptimizer) await copier.link(name, root, name);
  }
}

/** The text as it was where it still says the same: Python writes numbers in its own way. */
function copyConfig(model: Model, file: Hdf5File, copier: Hdf5Copier, root: GroupWriter): void {
  const read = file.attribute('', 'model_config');
  const text = file.strings('', 'model_config')?.[0] ?? '';
  const document = parseJson(text, file.name, 'model_config');
  const config: JsonObject = {
    ...(isObject(document) ? document : {}),
    ...writeModelConfig(model, model.dialect),
  };
  if (isObject(document) && Array.isArray(document['config']) && isObject(config['config'])) {
    // Keras before 2.2.3 wrote the layers of a Sequential alone.
    config['config'] = config['config']['layers'] ?? [];
  }
  if (sameJson(document, config) && read && fitsHeader(read)) {
    copier.attributes('', root, (name) => name !== 'model_config');
    return;
  }
  const isUtf8 = read?.type.kind === 'variableString' && read.type.charset === 'utf8';
  root.setAttribute(stringAttribute('model_config', pythonJson(config, text), isUtf8 ? 'utf8' : 'ascii'));
}

async function rewriteWeights(
  model: Model,
  origin: KerasH5Origin,
  copier: Hdf5Copier,
  target: GroupWriter,
): Promise<void> {
  const { file, groups } = origin;
  const layers = trackedLayers(model);
  const names = layers.map(({ name }) => name);
  copyAttributesWithList(file, copier, WEIGHTS_GROUP, target, 'layer_names', names);
  // Names of layers may have slashes, so that the group of one can lie in that of another.
  const layerGroups = new Set([...groups.keys()].map((name) => `${WEIGHTS_GROUP}/${name}`));
  const isLayerGroup = (path: string): boolean => layerGroups.has(path);
  await copier.links(WEIGHTS_GROUP, target, isLayerGroup);
  const style = styleOf(origin);
  for (const layer of layers) {
    if (groups.has(layer.name)) await rewriteGroup(layer, origin, style, copier, target, isLayerGroup);
    else await writeWeights(target.group(layer.name), planGroup(layer, [], style));
  }
}

async function rewriteGroup(
  layer: Layer,
  origin: KerasH5Origin,
  style: NamingStyle,
  copier: Hdf5Copier,
  target: GroupWriter,
  isLayerGroup: (path: string) => boolean,
): Promise<void> {
  const { file, groups } = origin;
  const path = `${WEIGHTS_GROUP}/${layer.name}`;
  const entries = groups.get(layer.name) ?? [];
  const planned = planGroup(layer, entries, style);
  const group = target.group(layer.name);
  const isSame =
    planned.length === entries.length &&
    planned.every(({ name, isUnchanged }, index) => isUnchanged && name === entries[index]?.name);
  const names = planned.map(({ name }) => name);
  copyAttributesWithList(file, copier, path, group, 'weight_names', names);
  if (isSame) return copier.links(path, group, isLayerGroup);
  const read = new Set(entries.map(({ name }) => `${path}/${name}`));
  await copier.links(path, group, (child) => read.has(child) || isLayerGroup(child));
  await writeDatasets(group, planned, copier);
}

async function writeWeights(group: GroupWriter, planned: readonly PlannedWeight[]): Promise<void> {
  setNameList(
    group,
    'weight_names',
    planned.map(({ name }) => name),
  );
  await writeDatasets(group, planned, undefined);
}

async function writeDatasets(
  group: GroupWriter,
  planned: readonly PlannedWeight[],
  copier: Hdf5Copier | undefined,
): Promise<void> {
  for (const { name, tensor, readPath, isUnchanged } of planned) {
    if (!copier || readPath === undefined) await writeTensor(group, name, tensor);
    else if (isUnchanged) await copier.dataset(readPath, group, name);
    else await copier.replaced(readPath, tensor, group, name);
  }
}

/** The attributes of a group, with a list of names brought up to date. */
function copyAttributesWithList(
  file: Hdf5File,
  copier: Hdf5Copier,
  path: string,
  target: GroupWriter,
  list: string,
  names: readonly string[],
): void {
  const attributes = new Map(file.attributes(path).map((attribute) => [attribute.name, attribute]));
  const parts = nameListAttributes(list, attributes).flatMap((part) => attributes.get(part) ?? []);
  const read = namesIn(file, path, parts);
  const isSame =
    read.length === names.length &&
    read.every((name, index) => name === names[index]) &&
    parts.every(fitsHeader);
  if (!isSame) for (const { name } of parts) attributes.delete(name);
  copier.readAttributes(path, [...attributes.values()], target);
  if (isSame) return;
  const isFixed = parts.some(({ type }) => type.kind === 'string');
  setNameList(target, list, names, isFixed);
}

function setNameList(group: GroupWriter, list: string, names: readonly string[], isFixed = false): void {
  for (const attribute of writeNameList(list, names, isFixed)) group.setAttribute(attribute);
}

/** As the weights in the file are named. */
function styleOf(origin: KerasH5Origin): NamingStyle {
  const names = [...origin.groups.values()].flat().map(({ name }) => name);
  const isKeras2 = names.length === 0 || names.some((name) => name.endsWith(':0'));
  return { suffix: isKeras2 ? ':0' : '', wholePaths: !isKeras2 };
}

function describeOptimizer(file: Hdf5File): string {
  const count = readNameList(file, OPTIMIZER_GROUP, 'weight_names')?.length ?? 0;
  return `optimizer state (${count} weights): it belongs to the weights before they were edited`;
}
