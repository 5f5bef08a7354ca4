/**
 * Models for tests, made in memory: a list of layers becomes a Keras configuration, goes through the parser that files
 * go through, and gets seeded random weights.
 *
 * @module
 */

import { parseModelConfig } from '../../src/formats/keras-config/parse/parse-model.ts';
import type { JsonObject, JsonValue } from '../../src/json/value.ts';
import { buildGraph, type GraphCall } from '../../src/model/graph.ts';
import type { Layer } from '../../src/model/layer.ts';
import { type WeightName, weightNamesOf } from '../../src/model/layer-weights.ts';
import type { Model } from '../../src/model/model.ts';
import { sizeOf } from '../../src/tensor/dtype.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { type Random, seededRandom } from './random.ts';

/** Weights of a layer by name, in C order; what is not given is random. */
export type GivenWeights = Partial<Record<WeightName, readonly number[]>>;

/** A layer of a test model. */
export interface LayerSpec {
  readonly className: string;
  readonly name: string;
  readonly config: JsonObject;
  /** What each call reads: `layer`, or `layer:call` for a later call of a shared layer. Left out: the layer before. */
  readonly calls: readonly (readonly string[])[] | undefined;
  readonly weights: GivenWeights;
  /** Named arguments of its calls, such as the number that an operator adds. */
  readonly kwargs: JsonObject;
  /** The layers inside, for a nested model. */
  readonly inner: readonly LayerSpec[];
}

/** An InputLayer; `shape` is without the batch. */
export function input(name: string, shape: readonly (number | null)[]): LayerSpec {
  const config = { batch_input_shape: [null, ...shape], dtype: 'float32' };
  return { className: 'InputLayer', name, config, calls: [], weights: {}, kwargs: {}, inner: [] };
}

/**
 * A layer that reads the one before it, or what `from` names.
 *
 * @param reading.calls instead of `from`, for a layer that is called several times
 */
export function layer(
  className: string,
  name: string,
  config: JsonObject = {},
  reading: {
    from?: readonly string[];
    calls?: readonly (readonly string[])[];
    weights?: GivenWeights;
    kwargs?: JsonObject;
  } = {},
): LayerSpec {
  const { from, calls = from && [from], weights = {}, kwargs = {} } = reading;
  return { className, name, config, calls, weights, kwargs, inner: [] };
}

/** A Functional model used as a layer. It reads the layer before it, or what `from` names. */
export function nested(
  name: string,
  inner: readonly LayerSpec[],
  reading: {
    from?: readonly string[];
    calls?: readonly (readonly string[])[];
    outputs?: readonly string[];
    kwargs?: JsonObject;
  } = {},
): LayerSpec {
  const { from, calls = from && [from], kwargs = {} } = reading;
  const { config } = functionalConfig(inner, reading.outputs, name);
  return { className: 'Functional', name, config, calls, weights: {}, kwargs, inner };
}

/** What a test model is made with besides its layers. */
export interface BuildOptions {
  /** Names of the layers whose outputs are the model's; the last layer where it is left out. */
  readonly outputs?: readonly string[];
  readonly seed?: number;
}

/** A Functional model of these layers. */
export function buildModel(layers: readonly LayerSpec[], options: BuildOptions = {}): Model {
  return withWeights(functionalConfig(layers, options.outputs, 'model'), layers, options);
}

/** A Sequential model of these layers. */
export function buildSequential(layers: readonly LayerSpec[], options: BuildOptions = {}): Model {
  const config = { name: 'model', layers: layers.map(entryOf) };
  return withWeights({ class_name: 'Sequential', config }, layers, options);
}

/** The model of a whole configuration, with random weights. */
export function modelOf(config: JsonObject, options: BuildOptions = {}): Model {
  return withWeights(config, [], options);
}

function functionalConfig(
  layers: readonly LayerSpec[],
  outputs: readonly string[] = [layers.at(-1)?.name ?? ''],
  name: string,
): { class_name: string; config: JsonObject } {
  const inputs = layers.filter(({ className }) => className === 'InputLayer');
  /** `layer` or `layer:call` as Keras 2 refers to a tensor; a nested model has a node of its own before its calls. */
  const reference = (source: string): [string, number, number] => {
    const [target = '', call = '0'] = source.split(':');
    const first = layers.some((spec) => spec.name === target && spec.inner.length > 0) ? 1 : 0;
    return [target, Number(call) + first, 0];
  };
  const config: JsonObject = {
    name,
    layers: layers.map((spec, index) => ({
      ...entryOf(spec),
      name: spec.name,
      inbound_nodes: (spec.calls ?? [[layers[index - 1]?.name ?? '']]).map((sources) =>
        sources.map((source): JsonValue => [...reference(source), spec.kwargs]),
      ),
    })),
    input_layers: inputs.map((spec) => reference(spec.name)),
    output_layers: outputs.map(reference),
  };
  return { class_name: 'Functional', config };
}

function entryOf({ className, name, config }: LayerSpec): JsonObject {
  return { class_name: className, config: { name, ...config } };
}

function withWeights(config: JsonObject, specs: readonly LayerSpec[], options: BuildOptions): Model {
  const model = parseModelConfig(config, 'test model');
  const random = seededRandom(options.seed ?? 1);
  const given = givenByPath(specs, '');
  const graph = buildGraph(model);
  for (const call of graph.calls) {
    if (call.layer.weights.size === 0) giveWeights(call, given.get(call.path) ?? {}, random);
  }
  return model;
}

function givenByPath(specs: readonly LayerSpec[], prefix: string): Map<string, GivenWeights> {
  return new Map(
    specs.flatMap((spec): [string, GivenWeights][] => [
      [prefix + spec.name, spec.weights],
      ...givenByPath(spec.inner, `${prefix}${spec.name}/`),
    ]),
  );
}

function giveWeights(call: GraphCall, given: GivenWeights, random: Random): void {
  for (const name of weightNamesOf(call.layer.operation) ?? []) {
    const shape = weightShape(call, name);
    const values = given[name] ?? randomValues(name, shape, call.layer, random);
    call.layer.setWeight(name, Tensor.fromNumbers('float32', shape, values));
  }
}

function weightShape(call: GraphCall, name: WeightName): number[] {
  const { operation } = call.layer;
  const dimensions = call.input?.shape;
  if (!dimensions) throw new TypeError(`${call.path} reads a tensor of unknown shape`);
  const axis =
    operation.kind === 'batchNorm'
      ? (operation.axes[0] ?? -1)
      : 'dataFormat' in operation && operation.dataFormat === 'channels_first'
        ? 1
        : -1;
  const channels = dimensions.at(axis) ?? 0;
  switch (operation.kind) {
    case 'dense':
      return name === 'kernel' ? [channels, operation.units] : [operation.units];
    case 'conv':
      return name === 'kernel'
        ? [...operation.kernelSize, channels / operation.groups, operation.filters]
        : [operation.filters];
    case 'convTranspose':
      return name === 'kernel' ? [...operation.kernelSize, operation.filters, channels] : [operation.filters];
    case 'depthwiseConv':
      return name === 'depthwiseKernel'
        ? [...operation.kernelSize, channels, operation.depthMultiplier]
        : [channels * operation.depthMultiplier];
    case 'separableConv': {
      const { kernelSize, depthMultiplier, filters } = operation;
      if (name === 'depthwiseKernel') return [...kernelSize, channels, depthMultiplier];
      return name === 'bias' ? [filters] : [...kernelSize.map(() => 1), channels * depthMultiplier, filters];
    }
    case 'activation': {
      const shared = new Set(operation.sharedAxes);
      return dimensions.slice(1).map((size, index) => (shared.has(index + 1) ? 1 : (size ?? 1)));
    }
    default:
      return [channels];
  }
}

/**
 * Weights that look trained: outputs of about the size of the inputs, channels whose ranges differ by a factor of ten,
 * batch norms with gammas of both signs and variances far from one.
 */
function randomValues(
  name: WeightName,
  shape: readonly number[],
  owner: Layer,
  random: Random,
): Float64Array {
  const size = sizeOf(shape);
  const fill = (value: (index: number) => number): Float64Array =>
    Float64Array.from({ length: size }, (_, index) => value(index));
  switch (name) {
    case 'gamma':
      return fill(() => (0.4 + random.uniform()) * (random.uniform() < 0.8 ? 1 : -1));
    case 'movingVariance':
      return fill(() => 0.2 + 2 * random.uniform());
    case 'alpha':
      return fill(() => 0.5 * random.uniform());
    case 'bias':
    case 'beta':
    case 'movingMean':
      return fill(() => 0.5 * random.normal());
    default: {
      const columns = shape.at(-1) ?? 1;
      const spread = Float64Array.from({ length: columns }, () => 10 ** (random.uniform() - 0.5));
      const outputs = owner.operation.kind === 'depthwiseConv' ? sizeOf(shape.slice(-2)) : columns;
      const fanIn = Math.max(1, size / outputs);
      return fill((index) => (random.normal() * (spread[index % columns] ?? 1)) / Math.sqrt(fanIn));
    }
  }
}
