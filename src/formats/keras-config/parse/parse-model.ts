/**
 * From the configuration of a model, in either dialect, to a {@link Model} without weights.
 *
 * @module
 */

import { FormatError, InvalidModelError, LimitError } from '../../../errors.ts';
import {
  checkDepth,
  inside,
  mismatch,
  type Place,
  requireArray,
  requireObject,
  requireString,
} from '../../../json/place.ts';
import { isObject, type JsonObject, type JsonValue } from '../../../json/value.ts';
import { isCustomClass, Layer } from '../../../model/layer.ts';
import { Call, type Dialect, Model, ModelTensor } from '../../../model/model.ts';
import type { Operation } from '../../../model/operation.ts';
import { MODEL_CLASSES } from '../../../model/own-classes.ts';
import { describedKind } from '../own-classes.ts';
import { configOf, isSerialized } from '../serialized-objects.ts';
import { connectLayers, type ParsedLayer } from './connect-layers.ts';
import { findOperators } from './find-operators.ts';
import { parseOperation, parseShape } from './parse-operation.ts';

/** Models inside models inside models: nobody has more, and a hostile file must not exhaust the stack. */
const DEEPEST_NESTING = 32;

/**
 * Parses `{"class_name": …, "config": …}`: the `model_config` of an HDF5 file, the `config.json` of a `.keras` file,
 * the `modelTopology` of a TF.js model. Layers get no weights yet.
 *
 * @param source the file, for messages
 * @throws FormatError where the JSON is no model; InvalidModelError where it contradicts itself.
 */
export function parseModelConfig(config: unknown, source: string): Model {
  const entry = requireObject(config, { source, where: 'model configuration' });
  checkDepth(entry, `${source}: configuration`);
  const className = requireString(entry['class_name'], { source, where: 'class_name' });
  const kind = kindOf(entry);
  if (kind === undefined) {
    throw new FormatError(
      source,
      'class_name',
      `the model is a ${className}, a class with its own code; its configuration does not list its layers; ` +
        'save it as a Functional or Sequential model',
    );
  }
  const model = parseModelEntry(entry, kind, dialectOf(entry), { source, where: '' }, 0);
  findOperators(model);
  return model;
}

/**
 * Keras 3 writes a call as an object, Keras 2 as a list. Without any call the shape of an input tells, whose entry has another
 * name in each; and then a module or a policy that only Keras 3 has.
 */
function dialectOf(entry: JsonObject): Dialect {
  const entries = entriesIn(entry);
  for (const { inbound_nodes: nodes } of entries) {
    if (Array.isArray(nodes) && nodes.length > 0) return isObject(nodes[0]) ? 'keras3' : 'keras2';
  }
  for (const { config } of entries) {
    if (isObject(config) && 'batch_shape' in config) return 'keras3';
    if (isObject(config) && 'batch_input_shape' in config) return 'keras2';
  }
  return entries.some(isOfKeras3) ? 'keras3' : 'keras2';
}

function isOfKeras3({ module, config }: JsonObject): boolean {
  const dtype = isObject(config) ? config['dtype'] : undefined;
  const policy = isObject(dtype) ? String(dtype['class_name']) : '';
  return String(module).startsWith('keras.src.models') || policy.includes('DTypePolicy');
}

/** The entries of a model and of the layers in it, those of nested models too. */
function entriesIn(entry: JsonObject): JsonObject[] {
  const { config } = entry;
  const layers = isObject(config) && 'layers' in config ? config['layers'] : config;
  return [entry, ...(Array.isArray(layers) ? layers.filter(isObject).flatMap(entriesIn) : [])];
}

function parseModelEntry(
  entry: JsonObject,
  kind: Model['kind'],
  dialect: Dialect,
  place: Place,
  depth: number,
): Model {
  if (depth > DEEPEST_NESTING) throw new LimitError('models nested in one another', depth, DEEPEST_NESTING);
  const isSequential = kind === 'sequential';
  // Keras before 2.2.3 wrote the list of layers alone.
  const config =
    isSequential && Array.isArray(entry['config'])
      ? { layers: entry['config'] }
      : requireObject(entry['config'], inside(place, 'config'));
  const { layers: entries, ...rest } = config;
  const fallback = isSequential ? String(entry['name'] ?? 'sequential') : 'model';
  const parsed = parseLayers(requireArray(entries, inside(place, 'layers')), dialect, place, depth);
  const layers = [...parsed.values()].map(({ layer }) => layer);
  return new Model({
    name: typeof config['name'] === 'string' ? config['name'] : fallback,
    kind,
    className: String(entry['class_name']),
    layers,
    ...(isSequential ? chainLayers(layers, rest, place) : connectLayers(parsed, config, dialect, place)),
    config: rest,
    dialect,
  });
}

/** The layers of a model, by name, before they are connected. */
function parseLayers(
  entries: readonly JsonValue[],
  dialect: Dialect,
  place: Place,
  depth: number,
): Map<string, ParsedLayer> {
  const layers = new Map<string, ParsedLayer>();
  for (const [index, value] of entries.entries()) {
    const entry = requireObject(value, inside(place, `layers[${index}]`));
    const layer = parseLayer(entry, dialect, inside(place, `layers[${index}]`), place.where, depth);
    if (layers.has(layer.name)) {
      throw new InvalidModelError(
        place.where === '' ? layer.name : `${place.where}/${layer.name}`,
        `two layers of ${place.source} have this name; rename one and save the model again`,
      );
    }
    layers.set(layer.name, { layer, entry });
  }
  return layers;
}

/** @param called the name that the layer goes by, where it is not its own. */
function parseLayer(
  entry: JsonObject,
  dialect: Dialect,
  place: Place,
  outer: string,
  depth: number,
  called?: string,
): Layer {
  const className = requireName(entry['class_name'], inside(place, 'class_name'));
  const config = configOf(entry);
  const name = called ?? requireName(entry['name'] ?? config['name'], inside(place, 'name'));
  const path = outer === '' ? name : `${outer}/${name}`;
  const layerPlace = { source: place.source, where: path };
  const kind = modelKind(entry);
  const inner =
    className === 'TimeDistributed' && isStock(entry)
      ? parseSteps(config, { dialect, place: layerPlace, outer, depth, name })
      : undefined;
  const operation: Operation =
    kind || inner
      ? { kind: 'model' }
      : isStock(entry)
        ? parseOperation(className, config, layerPlace)
        : { kind: 'opaque' };
  const model = kind && parseModelEntry(entry, kind, dialect, layerPlace, depth + 1);
  if (model) model.name = name;
  return new Layer({
    name,
    path,
    className,
    operation,
    trainable: config['trainable'] !== false,
    model: model ?? inner?.model,
    steps: inner?.steps,
    origin: { config: entry, operation, weights: new Map() },
  });
}

/** Where a TimeDistributed stands, and what it is called. */
interface StepsPlace {
  readonly dialect: Dialect;
  readonly place: Place;
  readonly outer: string;
  readonly depth: number;
  readonly name: string;
}

/**
 * What a TimeDistributed does for each step: a model, or a layer as a model of one, which goes by the name of the wrapper.
 * Undefined where that has several inputs or is not known.
 */
function parseSteps(
  { layer: entry, trainable }: JsonObject,
  { dialect, place, outer, depth, name }: StepsPlace,
): Required<Pick<Layer, 'model' | 'steps'>> | undefined {
  if (!isSerialized(entry)) return undefined;
  const kind = modelKind(entry);
  if (kind) {
    const model = parseModelEntry(entry, kind, dialect, place, depth + 1);
    return model.inputs.length === 1 ? { model, steps: 'model' } : undefined;
  }
  const layer = parseLayer(entry, dialect, place, outer, depth, name);
  if (layer.model || layer.operation.kind === 'opaque' || layer.operation.kind === 'input') return undefined;
  layer.trainable &&= trainable !== false;
  const chain = chainLayers([layer], {}, place);
  const model = new Model({ name, kind: 'sequential', layers: [layer], ...chain, dialect });
  return { model, steps: 'layer' };
}

/** @throws FormatError where `value` is no text, or none that can be a name. */
function requireName(value: unknown, place: Place): string {
  const name = requireString(value, place);
  if (name === '' || name.includes('\0')) throw mismatch(place, 'a name', value);
  return name;
}

/** The kind of model that the entry of a layer is; undefined where it is none. */
function modelKind(entry: JsonObject): Model['kind'] | undefined {
  return hasLayers(entry) && !isPlainOperation(entry) ? kindOf(entry) : undefined;
}

function kindOf(entry: JsonObject): Model['kind'] | undefined {
  const className = String(entry['class_name']);
  if (!MODEL_CLASSES.has(className) || isCustomClass(entry)) return describedKind(entry);
  return className === 'Sequential' ? 'sequential' : 'functional';
}

function hasLayers(entry: JsonObject): boolean {
  const config = entry['config'];
  return Array.isArray(config) || (isObject(config) && Array.isArray(config['layers']));
}

/** Whether an entry names a class of Keras itself, not a custom class or a plain operation of the same name. */
function isStock(entry: JsonObject): boolean {
  const { module } = entry;
  if (isCustomClass(entry)) return false;
  if (typeof module !== 'string') return true;
  if (isPlainOperation(entry)) return false;
  return /^(keras|tf_keras|tensorflow)(\.|$)/.test(module);
}

/** Whether an entry is an operator of `keras.ops`. */
function isPlainOperation({ module }: JsonObject): boolean {
  return typeof module === 'string' && /(^|\.)ops(\.|$)/.test(module);
}

/** Connects the layers of a Sequential, one behind the other. */
function chainLayers(
  layers: readonly Layer[],
  config: JsonObject,
  place: Place,
): Pick<Model, 'calls' | 'inputs' | 'outputs'> {
  const [first] = layers;
  const calls: Call[] = [];
  let current: ModelTensor;
  if (first?.operation.kind === 'input') {
    const call = new Call(first, []);
    calls.push(call);
    current = call.output();
    current.shape = first.operation.shape;
  } else {
    const shape = first?.readConfig['batch_input_shape'] ?? config['build_input_shape'];
    current = new ModelTensor(undefined, 0, parseShape(shape, inside(place, 'batch_input_shape')));
  }
  const inputs = [current];
  for (const layer of layers.slice(calls.length)) {
    const call = new Call(layer, [current]);
    calls.push(call);
    current = call.output();
  }
  return { calls, inputs, outputs: [current] };
}
