/**
 * From a {@link Model} to its configuration in the dialect asked for.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import { isObject, type JsonObject, type JsonValue, mapEntries, sameJson } from '../../json/value.ts';
import { Layer } from '../../model/layer.ts';
import type { Call, CallArgument, Dialect, Model, ModelTensor } from '../../model/model.ts';
import { capEntry } from '../../model/new-layer.ts';
import { activationOf, type Operation } from '../../model/operation.ts';
import { layerWith } from '../../model/replace-layers.ts';
import { capNode, hasEditedMaxima } from './dialects/cap-operator.ts';
import { refuseForKeras2 } from './dialects/keras2-lacks.ts';
import { withKeras3Names } from './dialects/keras3-names.ts';
import { withMasksOf } from './dialects/masks.ts';
import { convertModelBody } from './dialects/model-entries.ts';
import { withStatesListed, withStatesNamed } from './dialects/recurrent-states.ts';
import { operatorsAsLayers } from './dialects/replaced-operators.ts';
import { toKeras2Entry } from './dialects/to-keras2.ts';
import { toKeras3Entry } from './dialects/to-keras3.ts';
import { withStockForms } from './forms/stock-forms.ts';
import { withStockClasses } from './own-classes.ts';
import { patchActivation, patchActivationLayer } from './parse/activation.ts';
import { replaceInNode, replacer } from './parse/tensor-references.ts';
import { configOf, isSerialized } from './serialized-objects.ts';

type References = (tensor: ModelTensor, kind: 'inbound' | 'output') => [string, number, number];

/** Whether calls have no arguments of their own in the configuration of `model`, as an operator's have its constants. */
export function isSequential(model: Model): boolean {
  return model.kind === 'sequential';
}

/**
 * `model` as it is written in another format, or in another dialect: with Keras' own classes of models, layers for the
 * operators of the other dialect, and names that this one takes. The given model is left as it is.
 *
 * @param warn is told, in sentences, of what differs in the file.
 */
export function modelForDialect(given: Model, dialect: Dialect, warn: (sentence: string) => void): Model {
  const model = withStockClasses(given);
  if (dialect === model.dialect) return model;
  const written = operatorsAsLayers(withMasksOf(model, dialect), dialect);
  const stock = withStockForms(written, dialect, ({ layer, classes }) => {
    warn(
      `${layer.path} (${layer.className}): Keras ${dialect === 'keras3' ? 3 : 2} lacks it; written as ${classes.join(', ')}, which compute the same`,
    );
  });
  if (dialect === 'keras3') return withKeras3Names(stock, warn);
  refuseForKeras2(stock);
  return stock;
}

/**
 * `{"class_name": …, "config": …}` of a model. In the dialect that was read it differs from what was read only where
 * the model was edited; in the other one every entry is converted.
 *
 * @param model in another dialect, what {@link modelForDialect} made of it.
 * @throws UnsupportedModelError where a layer or a call has no form in `dialect`.
 */
export function writeModelConfig(model: Model, dialect: Dialect = model.dialect): JsonObject {
  return { class_name: model.className, config: writeModelBody(model, dialect) };
}

/** The `config` of a model: its own entries and its layers. */
function writeModelBody(model: Model, dialect: Dialect): JsonObject {
  const body = bodyWithLayers(model, dialect);
  return dialect === model.dialect ? body : convertModelBody(model, body, dialect);
}

function bodyWithLayers(model: Model, dialect: Dialect): JsonObject {
  const own: JsonObject = { name: model.name, ...model.config };
  if (model.kind === 'sequential') {
    const layers = model.layers.map((layer) => writeLayerEntry(layer, model, dialect));
    return { ...own, layers };
  }
  const references = referencesOf(model, dialect);
  const calls = new Map<Layer, Call[]>(model.layers.map((layer) => [layer, []]));
  for (const call of model.calls) if (call.inputs.length > 0) calls.get(call.layer)?.push(call);
  const layers = model.layers.map((layer) => ({
    ...writeLayerEntry(layer, model, dialect),
    name: layer.name,
    inbound_nodes: (calls.get(layer) ?? []).map((call) => writeCall(call, dialect, references)),
  }));
  return {
    ...own,
    layers,
    input_layers: endReferences(model.config['input_layers'], model.inputs, references),
    output_layers: endReferences(model.config['output_layers'], model.outputs, references),
  };
}

/** The entry of a layer, without its `inbound_nodes`. */
function writeLayerEntry(layer: Layer, owner: Model, dialect: Dialect): JsonObject {
  const whole: JsonObject = layer.origin?.config ?? { class_name: layer.className, config: {} };
  const { inbound_nodes: _, ...read } = whole;
  if (layer.operation.kind === 'cap' && dialect !== owner.dialect) return capEntry(layer.name, dialect);
  if (layer.model && layer.steps) return wrapperEntry(layer, layer.model, read, dialect);
  const entry: JsonObject = layer.model
    ? { ...read, config: nestedBody(read, layer.model, dialect) }
    : {
        ...read,
        config: isObject(read['config']) ? patchConfig(layer, read['config']) : (read['config'] ?? {}),
      };
  return dialect === owner.dialect ? entry : convertEntry(layer, entry, dialect);
}

function convertEntry(layer: Layer, entry: JsonObject, dialect: Dialect): JsonObject {
  return dialect === 'keras3' ? toKeras3Entry(layer, entry) : toKeras2Entry(layer, entry);
}

/** A TimeDistributed with what is inside of it as that is now. */
function wrapperEntry(wrapper: Layer, inside: Model, read: JsonObject, dialect: Dialect): JsonObject {
  const { layer: readInside, ...own } = configOf(read);
  const [only, ...others] = inside.layers;
  const isLayer = wrapper.steps === 'layer' && only && others.length === 0;
  const written = writeLayerEntry(isLayer ? only : asLayer(inside, readInside), inside, dialect);
  const entry = { ...read, config: own };
  if (dialect === inside.dialect) return { ...entry, config: { ...own, layer: written } };
  const { name: _, ...layer } = written;
  const converted = convertEntry(layerWith(wrapper, { model: undefined }), entry, dialect);
  return { ...converted, config: { ...configOf(converted), layer } };
}

/** A model as the layer that it is inside of another. */
function asLayer(model: Model, read: JsonValue | undefined): Layer {
  const { name, className } = model;
  const operation: Operation = { kind: 'model' };
  const config =
    isSerialized(read) && Array.isArray(configOf(read)['layers'])
      ? read
      : { class_name: className, config: {} };
  return new Layer({ name, className, operation, model, origin: { config, operation, weights: new Map() } });
}

/** Entries that say whether a layer has a weight. */
const WEIGHT_OPTIONS: readonly (readonly [entry: string, has: (operation: Operation) => boolean])[] = [
  ['use_bias', (operation) => 'useBias' in operation && operation.useBias],
  ['scale', (operation) => operation.kind === 'batchNorm' && operation.scale],
  ['center', (operation) => operation.kind === 'batchNorm' && operation.center],
];

/**
 * The `config` of a layer with what was edited since it was read, and nothing else, changed.
 *
 * @throws UnsupportedModelError where an activation has no form in the layer's class.
 */
function patchConfig(layer: Layer, config: JsonObject): JsonObject {
  const before = layer.origin?.operation;
  const now = layer.operation;
  if (before === undefined || before === now) return config;
  let patched = config;
  for (const [entry, has] of WEIGHT_OPTIONS) {
    if (has(before) !== has(now)) patched = { ...patched, [entry]: has(now) };
  }
  if (sameJson(activationOf(before), activationOf(now))) return patched;
  return now.kind === 'activation'
    ? patchActivationLayer(layer.className, patched, now.activation)
    : { ...patched, activation: patchActivation(config['activation'], activationOf(now)) };
}

/** The `config` of a nested model; Keras before 2.2.3 had a bare list for a Sequential, and keeps it. */
function nestedBody(read: JsonObject, model: Model, dialect: Dialect): JsonValue {
  const body = writeModelBody(model, dialect);
  if (Array.isArray(read['config']) && dialect === model.dialect && isObject(body))
    return body['layers'] ?? [];
  return body;
}

/** How the tensors of a model are named in its configuration. */
function referencesOf(model: Model, dialect: Dialect): References {
  const indices = new Map<Call, number>();
  const counts = new Map<Layer, number>();
  for (const call of model.calls) {
    const index = counts.get(call.layer) ?? 0;
    indices.set(call, index);
    counts.set(call.layer, index + 1);
  }
  return (tensor, kind) => {
    const call = tensor.producer;
    const index = call && indices.get(call);
    if (call === undefined || index === undefined) {
      throw new TypeError(`the model ${model.name} uses a tensor that none of its calls makes`);
    }
    return [call.layer.name, index + callIndexBase(call.layer, kind, model.dialect, dialect), tensor.index];
  };
}

function callIndexBase(layer: Layer, kind: 'inbound' | 'output', from: Dialect, to: Dialect): number {
  if (!layer.model || layer.steps) return 0;
  const read = layer.origin?.callIndexBase;
  if (read && from === to) return read[kind];
  // Keras 2 counts the nested model's own first node; Keras 3 does so only for Functional, and only for outputs.
  if (to === 'keras2') return 1;
  return kind === 'output' && layer.model.kind === 'functional' ? 1 : 0;
}

function writeCall(call: Call, dialect: Dialect, references: References): JsonValue {
  const { operation } = call.layer;
  if (operation.kind === 'cap' && (hasEditedMaxima(call.layer) || call.origin?.dialect !== dialect)) {
    const tensor = call.inputs[0] as ModelTensor;
    const reference = dialect === 'keras3' ? keras3Tensor(tensor, references) : references(tensor, 'inbound');
    return capNode(reference, operation, dialect);
  }
  if (call.origin?.dialect === dialect) {
    const { node, reads } = call.origin;
    return replaceInNode(
      node,
      dialect,
      (name) => reads.has(name),
      (index) => {
        const tensor = call.inputs[index] as ModelTensor;
        return {
          history: references(tensor, 'inbound'),
          ...(tensor.shape ? { shape: [...tensor.shape] } : {}),
          ...(tensor.dtype ? { dtype: tensor.dtype } : {}),
        };
      },
    );
  }
  return dialect === 'keras3' ? keras3Node(call, references) : keras2Node(call, references);
}

function keras3Node(call: Call, references: References): JsonValue {
  const write = (argument: CallArgument): JsonValue =>
    writeArgument(argument, (index) => keras3Tensor(call.inputs[index] as ModelTensor, references));
  const { args, kwargs } = withStatesNamed(call);
  return { args: args.map(write), kwargs: mapEntries(given(kwargs), write) };
}

function keras3Tensor(tensor: ModelTensor, references: References): JsonObject {
  return {
    class_name: '__keras_tensor__',
    config: {
      // Keras takes the shape of the tensor that `keras_history` names, but refuses a null here.
      shape: [...(tensor.shape ?? [])],
      dtype: tensor.dtype ?? 'float32',
      keras_history: references(tensor, 'inbound'),
    },
  };
}

function keras2Node(call: Call, references: References): JsonValue {
  const taken = withStatesListed(call);
  const kwargs = mapEntries(given(taken.kwargs), (argument) =>
    writeArgument(argument, (index) => references(call.inputs[index] as ModelTensor, 'inbound')),
  );
  const tensor = (index: number): JsonValue => [
    ...references(call.inputs[index] as ModelTensor, 'inbound'),
    kwargs,
  ];
  const [first, ...others] = taken.args;
  if (first === undefined || others.length > 0) {
    throw new UnsupportedModelError(
      'positional arguments',
      `${call.layer.name} (${call.layer.className}) is called with several arguments, which Keras 2 cannot say; write the model as .keras`,
    );
  }
  return 'list' in first
    ? first.list.map((one) => writeArgument(one, tensor))
    : [writeArgument(first, tensor)];
}

/** Named arguments without those that are left at null, such as `mask` and the `name` of operators. */
function given(kwargs: Call['kwargs']): Record<string, CallArgument> {
  return Object.fromEntries(
    Object.entries(kwargs).filter(([, argument]) => !('value' in argument) || argument.value !== null),
  );
}

function writeArgument(argument: CallArgument, tensor: (index: number) => JsonValue): JsonValue {
  if ('tensor' in argument) return tensor(argument.tensor);
  if ('list' in argument) return argument.list.map((one) => writeArgument(one, tensor));
  if ('record' in argument) return mapEntries(argument.record, (one) => writeArgument(one, tensor));
  return argument.value;
}

/** `input_layers` or `output_layers` in the structure that was read. */
function endReferences(
  read: JsonValue | undefined,
  tensors: ModelTensor[],
  references: References,
): JsonValue {
  const written = tensors.map((tensor) => references(tensor, 'output'));
  if (read === undefined) return written;
  // The structure holds one reference for each tensor, in the same order.
  const replace = replacer(
    'keras2',
    () => true,
    (index) => ({ history: written[index] as [string, number, number] }),
  );
  return replace(read);
}
