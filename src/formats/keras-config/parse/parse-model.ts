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
import { sortCalls } from '../../../model/topology.ts';
import { parseOperation, parseShape } from './parse-operation.ts';
import { parseArguments, parseReference, type TensorReference } from './tensor-references.ts';

/** Models inside models inside models: nobody has more, and a hostile file must not exhaust the stack. */
const DEEPEST_NESTING = 32;

/** Outputs of one layer. */
const MOST_OUTPUTS = 1024;

/** Classes that are a model by their configuration. `Model` is what Keras before 2.3 wrote. */
const MODEL_CLASSES = new Set(['Functional', 'Model', 'Sequential']);

/**
 * Parses `{"class_name": …, "config": …}`: the `model_config` of an HDF5 file, the `config.json` of a `.keras` file,
 * the `modelTopology` of a TF.js model. Layers get no weights yet.
 *
 * @param source the file, for messages
 * @throws FormatError where the JSON is no model; InvalidModelError where it contradicts itself.
 */
export function parseModelConfig(config: unknown, source: string): Model {
  const entry = requireObject(config, { source, where: 'model configuration' });
  checkDepth(entry);
  const className = requireString(entry['class_name'], { source, where: 'class_name' });
  if (!MODEL_CLASSES.has(className)) {
    throw new FormatError(
      source,
      'class_name',
      `the model is a ${className}, a class with code of its own; save it as a Functional or Sequential model`,
    );
  }
  return parseModelEntry(entry, dialectOf(entry), { source, where: '' }, 0);
}

/** Keras 3 passes tensors as objects and names shapes `batch_shape`; without any call the modules tell. */
function dialectOf(entry: JsonObject): Dialect {
  const text = JSON.stringify(entry);
  if (text.includes('"__keras_tensor__"') || text.includes('"batch_shape"')) return 'keras3';
  return text.includes('"keras.src.models') || text.includes('"DTypePolicy"') ? 'keras3' : 'keras2';
}

function parseModelEntry(entry: JsonObject, dialect: Dialect, place: Place, depth: number): Model {
  if (depth > DEEPEST_NESTING) throw new LimitError('models nested in one another', depth, DEEPEST_NESTING);
  const config = entry['config'];
  if (entry['class_name'] === 'Sequential') return parseSequential(entry, dialect, place, depth);
  return parseFunctional(
    String(entry['class_name']),
    requireObject(config, inside(place, 'config')),
    dialect,
    place,
    depth,
  );
}

/** The layers of a model, by name, before they are connected. */
function parseLayers(
  entries: readonly JsonValue[],
  dialect: Dialect,
  place: Place,
  depth: number,
): Map<string, { layer: Layer; entry: JsonObject }> {
  const layers = new Map<string, { layer: Layer; entry: JsonObject }>();
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

function parseLayer(entry: JsonObject, dialect: Dialect, place: Place, outer: string, depth: number): Layer {
  const className = requireName(entry['class_name'], inside(place, 'class_name'));
  const config = isObject(entry['config']) ? entry['config'] : {};
  const name = requireName(entry['name'] ?? config['name'], inside(place, 'name'));
  const path = outer === '' ? name : `${outer}/${name}`;
  const layerPlace = { source: place.source, where: path };
  const isModel = MODEL_CLASSES.has(className) && isStock(entry) && hasLayers(entry);
  const operation: Operation = isModel
    ? { kind: 'model' }
    : isStock(entry)
      ? parseOperation(className, config, layerPlace)
      : { kind: 'opaque' };
  const model = isModel ? parseModelEntry(entry, dialect, layerPlace, depth + 1) : undefined;
  if (model) model.name = name;
  return new Layer({
    name,
    path,
    className,
    operation,
    trainable: config['trainable'] !== false,
    model,
    origin: { config: entry, operation, weights: new Map() },
  });
}

/** @throws FormatError where `value` is no text, or none that can be a name. */
function requireName(value: unknown, place: Place): string {
  const name = requireString(value, place);
  if (name === '' || name.includes('\0')) throw mismatch(place, 'a name', value);
  return name;
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
  if (/(^|\.)ops(\.|$)/.test(module)) return false;
  return /^(keras|tf_keras|tensorflow)(\.|$)/.test(module);
}

function parseSequential(entry: JsonObject, dialect: Dialect, place: Place, depth: number): Model {
  // Keras before 2.2.3 wrote the list of layers alone.
  const config = Array.isArray(entry['config'])
    ? { layers: entry['config'] }
    : requireObject(entry['config'], inside(place, 'config'));
  const { layers: entries, ...rest } = config;
  const name = typeof config['name'] === 'string' ? config['name'] : String(entry['name'] ?? 'sequential');
  const parsed = parseLayers(requireArray(entries, inside(place, 'layers')), dialect, place, depth);
  const layers = [...parsed.values()].map(({ layer }) => layer);
  const calls: Call[] = [];
  const first = layers[0];
  let current: ModelTensor;
  if (first?.operation.kind === 'input') {
    const call = new Call(first, []);
    calls.push(call);
    current = call.output();
    current.shape = first.operation.shape;
  } else {
    const firstConfig = first?.origin?.config['config'];
    const shape = isObject(firstConfig)
      ? parseShape(
          firstConfig['batch_input_shape'] ?? rest['build_input_shape'],
          inside(place, 'batch_input_shape'),
        )
      : undefined;
    current = new ModelTensor(undefined, 0, shape);
  }
  const input = current;
  for (const layer of first?.operation.kind === 'input' ? layers.slice(1) : layers) {
    const call = new Call(layer, [current]);
    calls.push(call);
    current = call.output();
  }
  return new Model({
    name,
    kind: 'sequential',
    className: 'Sequential',
    layers,
    calls,
    inputs: [input],
    outputs: [current],
    config: rest,
    dialect,
  });
}

function parseFunctional(
  className: string,
  config: JsonObject,
  dialect: Dialect,
  place: Place,
  depth: number,
): Model {
  const { layers: entries, ...rest } = config;
  const parsed = parseLayers(requireArray(entries, inside(place, 'layers')), dialect, place, depth);
  const isLayer = (name: string): boolean => parsed.has(name);
  const callsOf = new Map<string, Call[]>();
  const pending: { call: Call; references: TensorReference[] }[] = [];
  for (const [name, { layer, entry }] of parsed) {
    const nodes = entry['inbound_nodes'] ?? [];
    const calls: Call[] = [];
    for (const node of requireArray(nodes, inside(place, `${name}.inbound_nodes`))) {
      const { args, kwargs, references } = parseArguments(node, dialect, isLayer);
      const call = new Call(layer, [], args, kwargs);
      call.origin = { dialect, node, reads: new Set(references.map((reference) => reference.layer)) };
      calls.push(call);
      pending.push({ call, references });
    }
    if (calls.length === 0 && layer.operation.kind === 'input') calls.push(new Call(layer, []));
    callsOf.set(name, calls);
    if (layer.operation.kind === 'input') {
      const output = calls[0]?.output();
      if (output) {
        output.shape = layer.operation.shape;
        output.dtype = layer.operation.dtype;
      }
    }
  }
  const ends = {
    inputs: endReferences(config['input_layers'], inside(place, 'input_layers')),
    outputs: endReferences(config['output_layers'], inside(place, 'output_layers')),
  };
  const bases = new Map<string, { inbound: number; output: number }>();
  for (const [name, { layer }] of parsed) {
    if (!layer.model) continue;
    const count = callsOf.get(name)?.length ?? 0;
    const inbound = pending
      .flatMap(({ references }) => references)
      .filter((reference) => reference.layer === name);
    const outer = [...ends.inputs, ...ends.outputs].filter((reference) => reference.layer === name);
    const base = {
      inbound: callIndexBase(inbound, count, dialect === 'keras2' ? 1 : 0),
      output: callIndexBase(outer, count, dialect === 'keras2' || layer.className === 'Functional' ? 1 : 0),
    };
    bases.set(name, base);
    layer.remember({ callIndexBase: base });
  }
  const resolve = (reference: TensorReference, kind: 'inbound' | 'output', reader: string): ModelTensor => {
    const calls = callsOf.get(reference.layer);
    const index = reference.call - (bases.get(reference.layer)?.[kind] ?? 0);
    const call = calls?.[index];
    if (!call || reference.output < 0 || reference.output >= outputCount(call.layer)) {
      const what = call
        ? `does not exist: ${reference.layer} has ${outputCount(call.layer)} outputs`
        : calls
          ? `does not exist: ${reference.layer} has ${calls.length} calls`
          : 'is no layer of the model';
      throw new InvalidModelError(
        place.where === '' ? reader : `${place.where}/${reader}`,
        `reads ["${reference.layer}", ${reference.call}, ${reference.output}], which ${what}; the file is damaged ` +
          'or was edited by hand: save the model again',
      );
    }
    const tensor = call.output(reference.output);
    tensor.shape ??= parseShape(reference.shape, place);
    tensor.dtype ??= reference.dtype;
    return tensor;
  };
  for (const { call, references } of pending) {
    call.inputs = references.map((reference) => resolve(reference, 'inbound', call.layer.name));
    rejectDangling(call, isLayer, place);
    if (call.inputs.length === 0 && call.layer.operation.kind !== 'input') {
      throw new InvalidModelError(
        place.where === '' ? call.layer.name : `${place.where}/${call.layer.name}`,
        'reads nothing: its inbound_nodes name no tensor; the file is damaged or was edited by hand: save the model again',
      );
    }
  }
  const calls = sortCalls([...callsOf.values()].flat(), place.where);
  return new Model({
    name: typeof config['name'] === 'string' ? config['name'] : 'model',
    kind: 'functional',
    className,
    layers: [...parsed.values()].map(({ layer }) => layer),
    calls,
    inputs: ends.inputs.map((reference) => resolve(reference, 'output', 'input_layers')),
    outputs: ends.outputs.map((reference) => resolve(reference, 'output', 'output_layers')),
    config: rest,
    dialect,
  });
}

/** How many outputs a layer may have: those of layers that are not known are counted by nobody. */
function outputCount(layer: Layer): number {
  if (layer.model) return layer.model.outputs.length;
  return layer.operation.kind === 'opaque' ? MOST_OUTPUTS : 1;
}

/** The index that a nested model's first call has in references to it. */
function callIndexBase(references: readonly TensorReference[], calls: number, usual: number): number {
  const fits = (base: number): boolean =>
    references.every(({ call }) => call - base >= 0 && call - base < calls);
  return fits(usual) ? usual : fits(1 - usual) ? 1 - usual : usual;
}

/** A node in a tensor's place that names no layer must not pass as a plain value. */
function rejectDangling(call: Call, isLayer: (name: string) => boolean, place: Place): void {
  const node = call.origin?.node;
  const search = (value: JsonValue): void => {
    if (!Array.isArray(value)) return;
    const [layer, index, output] = value;
    const looksLikeReference =
      value.length === 3 && typeof layer === 'string' && Number.isInteger(index) && Number.isInteger(output);
    if (
      looksLikeReference &&
      call.origin?.dialect === 'keras2' &&
      call.inputs.length === 0 &&
      !isLayer(layer)
    ) {
      throw new InvalidModelError(
        place.where === '' ? call.layer.name : `${place.where}/${call.layer.name}`,
        `reads ["${layer}", ${String(index)}, ${String(output)}], which is no layer of the model; the file is damaged or ` +
          'was edited by hand: save the model again',
      );
    }
    for (const inner of value) search(inner);
  };
  if (node !== undefined) search(node);
}

/** `input_layers` and `output_layers`: one reference, a list, or a record of them, nested at will. */
function endReferences(value: JsonValue | undefined, place: Place): TensorReference[] {
  const found: TensorReference[] = [];
  const walk = (node: JsonValue): void => {
    const reference = parseReference(node, 'keras2', () => true);
    if (reference) found.push(reference);
    else if (Array.isArray(node)) node.forEach(walk);
    else if (isObject(node)) Object.values(node).forEach(walk);
    else throw mismatch(place, 'a reference such as ["conv1", 0, 0]', node);
  };
  if (value === undefined || value === null) throw mismatch(place, 'references to tensors', value);
  walk(value);
  return found;
}
