/**
 * One call of a model as a model of its own, in the form that tfjs-layers reads.
 *
 * The configuration goes the way of a model that is written to disk, so that what runs is what would be written.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import { tfjsConfig } from '../../formats/tfjs-layers/tfjs-config.ts';
import { isObject, type JsonObject, type JsonValue, mapEntries } from '../../json/value.ts';
import type { GraphCall, GraphTensor } from '../../model/graph.ts';
import { Layer } from '../../model/layer.ts';
import { Call, type Dialect, Model, type ModelTensor } from '../../model/model.ts';
import { freeName } from '../../text/names.ts';

/** What flows into a call: shape with the batch first, and TF.js' name of the dtype. */
export interface FedTensor {
  readonly shape: readonly number[];
  readonly dtype: string;
}

/** A call as a model: its configuration for TF.js, and which tensor of the graph each of its inputs is. */
export interface SoloLayer {
  readonly config: JsonObject;
  readonly inputs: readonly GraphTensor[];
  /** The mask that the call is given as an argument of its own, as Keras 3 writes it; it is none of the inputs. */
  readonly mask: GraphTensor | undefined;
}

/** The layer that a call of an operator is; undefined for what is no operator. */
export type OperatorAsLayer = (layer: Layer, call: Call, owner: Model) => Layer | undefined;

/**
 * The call as a model whose outputs are the outputs `0 … outputs - 1` of the call.
 *
 * @param fed what flows into each input of the call
 * @throws UnsupportedModelError where TF.js has no form for the layer.
 */
export function soloLayer(
  { call, layer, owner, inputs }: GraphCall,
  fed: (tensor: GraphTensor) => FedTensor,
  outputs: number,
  operatorAsLayer: OperatorAsLayer,
): SoloLayer {
  const { dialect } = owner;
  const maskAt = maskArgument(call);
  const feeds = [...new Set(inputs.filter((_, index) => index !== maskAt))];
  const names = new Set([layer.name, SOLO_NAME]);
  const sources = feeds.map((tensor, index) => {
    const name = freeName(`input_${index}`, (one) => names.has(one));
    names.add(name);
    return new Call(inputLayer(name, fed(tensor), dialect), []);
  });
  // What stands in the place of the mask is not read.
  const reads = inputs.map((tensor) => (sources[Math.max(0, feeds.indexOf(tensor))] as Call).output());
  // An operator is called as a layer that has its arguments in its configuration.
  const operator = operatorAsLayer(layer, call, owner);
  const copy = operator ? new Call(operator, reads) : callAlone(call, layer, reads, dialect);
  const alone = copy.layer;
  const model = new Model({
    name: 'solo',
    kind: 'functional',
    layers: [...sources.map((source) => source.layer), alone],
    calls: [...sources, copy],
    inputs: sources.map((source) => source.output()),
    outputs: Array.from({ length: outputs }, (_, index) => copy.output(index)),
    dialect,
  });
  for (const [index, tensor] of model.inputs.entries()) {
    const { shape, dtype } = fed(feeds[index] as GraphTensor);
    tensor.shape = openBatch(shape);
    tensor.dtype = dtype;
  }
  const config = withoutTraining(tfjsConfig(model, () => {}));
  return { config, inputs: feeds, mask: maskAt === undefined ? undefined : inputs[maskAt] };
}

/**
 * The call on other tensors.
 *
 * @throws UnsupportedModelError where it has several positional arguments, which layers of TF.js do not take.
 */
function callAlone(call: Call, layer: Layer, reads: ModelTensor[], dialect: Dialect): Call {
  const { mask, initial_state: states, ...others } = call.kwargs;
  const [first] = call.args;
  if (call.args.length > 1) {
    throw new UnsupportedModelError(
      'positional arguments',
      `it is called with ${call.args.length} positional arguments, and layers of TF.js take one`,
    );
  }
  // Keras 3 passes these by name, and TF.js takes the states as further inputs.
  const hasStates = first !== undefined && states !== undefined && !('value' in states);
  const hasMask = maskArgument(call) !== undefined;
  const kwargs = {
    ...others,
    ...(hasMask || mask === undefined ? {} : { mask }),
    ...(hasStates || states === undefined ? {} : { initial_state: states }),
  };
  const args = hasStates ? [{ list: [first, ...('list' in states ? states.list : [states])] }] : call.args;
  const copy = new Call(aloneInModel(layer, dialect), reads, args, kwargs);
  if (!hasMask && !hasStates) copy.origin = call.origin;
  return copy;
}

/** Which of the inputs is passed as `mask`. */
function maskArgument({ kwargs }: Call): number | undefined {
  const mask = kwargs['mask'];
  return mask && 'tensor' in mask ? mask.tensor : undefined;
}

/** TF.js makes names of variables and keys of objects of a layer's name, and takes fewer than Keras 3 does. */
const SOLO_NAME = 'solo_layer';

/** The layer as a layer of a model that was read from no file. */
function aloneInModel(layer: Layer, dialect: Dialect): Layer {
  const { className, operation, weights, origin } = layer;
  const { config: given, ...entry } = origin?.config ?? { class_name: className };
  const config = {
    ...entry,
    name: SOLO_NAME,
    config: { ...(isObject(given) ? given : {}), name: SOLO_NAME },
  };
  return new Layer({
    name: SOLO_NAME,
    path: layer.path,
    className,
    operation,
    weights: new Map(weights),
    origin: {
      config: dialect === 'keras3' ? withTellingNames(config) : config,
      operation: origin?.operation ?? operation,
      weights: new Map(),
    },
  });
}

/** `hard_sigmoid` is one function in Keras 2, which TF.js has, and another in Keras 3; here they have two names. */
function withTellingNames(entry: JsonObject): JsonObject {
  return mapEntries(entry, (value, key): JsonValue => {
    if (/activation$/.test(key) && value === 'hard_sigmoid') return 'keras3_hard_sigmoid';
    return isObject(value) ? withTellingNames(value) : value;
  });
}

function inputLayer(name: string, { shape, dtype }: FedTensor, dialect: Dialect): Layer {
  const batchShape = openBatch(shape);
  const config: JsonObject = {
    name,
    [dialect === 'keras3' ? 'batch_shape' : 'batch_input_shape']: batchShape,
    dtype,
  };
  const operation = { kind: 'input', shape: batchShape, dtype } as const;
  return new Layer({
    name,
    className: 'InputLayer',
    operation,
    origin: { config: { class_name: 'InputLayer', config }, operation, weights: new Map() },
  });
}

function openBatch(shape: readonly number[]): (number | null)[] {
  return [null, ...shape.slice(1)];
}

/** Random initial values cost more than the run, and a constraint would be applied to the weights that are set. */
function withoutTraining(value: JsonObject): JsonObject {
  return mapEntries(value, (entry, key): JsonValue => {
    if (entry === null) return null;
    if (key.endsWith('_initializer')) return { class_name: 'Zeros', config: {} };
    if (key.endsWith('_constraint') || key.endsWith('_regularizer')) return null;
    if (Array.isArray(entry)) return entry.map((one) => (isObject(one) ? withoutTraining(one) : one));
    return isObject(entry) ? withoutTraining(entry) : entry;
  });
}
