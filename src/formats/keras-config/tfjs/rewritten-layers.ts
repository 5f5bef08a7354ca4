/**
 * Layers that tfjs-layers 4.22 runs in another form alone, which takes the shapes of tensors to find.
 *
 * @module
 */

import { type JsonObject, sameJson } from '../../../json/value.ts';
import { buildGraph, type GraphTensor } from '../../../model/graph.ts';
import type { Layer } from '../../../model/layer.ts';
import type { Call, Model, ModelTensor } from '../../../model/model.ts';
import { freeLayerName, newLayer } from '../../../model/new-layer.ts';
import {
  type BatchNormOperation,
  LINEAR,
  type Operation,
  type PoolOperation,
  type Shape,
} from '../../../model/operation.ts';
import {
  type LayerReplacement,
  layerWith,
  modelWith,
  replaceLayers,
  through,
} from '../../../model/replace-layers.ts';
import { trainingNotes } from '../../../model/training.ts';
import { freeName } from '../../../text/names.ts';
import type { Warn } from './config-entries.ts';

/** The shapes that a layer reads and makes, where they are known and the same in all its calls. */
interface LayerShapes {
  readonly input: Shape | undefined;
  readonly output: Shape | undefined;
}

/**
 * `model` with such layers in the form that TF.js runs; the given one is left as it is. A Reshape gets the size that it
 * leaves open, which TF.js does not infer; a global pooling that keeps dimensions, which TF.js passes over, becomes one
 * that does not and a Reshape; axes are counted from the end that TF.js counts from; a Flatten of what is flat, which TF.js
 * refuses, becomes a linear Activation; a tensor that a layer reads twice, which TF.js gives up before its other readers, goes through
 * one the second time, and so does one that is an output twice.
 *
 * @param warn is told of layers behind a pooling, of batch norms that not every backend of TF.js computes, and of layers that
 * are called in training mode.
 */
export function withTfjsForms(model: Model, warn: Warn): Model {
  const graph = buildGraph(model);
  // TF.js passes over the mode that a call is made in.
  for (const note of trainingNotes(graph, 'TF.js')) warn(note);
  const shapesOf = (layer: Layer): LayerShapes => {
    const calls = graph.callsOf(layer);
    return {
      input: commonShape(calls.map(({ inputs }) => inputs[0])),
      output: commonShape(calls.map((call) => call.output())),
    };
  };
  const names = new Map<Model, Set<string>>();
  const formOf = (layer: Layer, owner: Model): LayerReplacement | undefined => {
    const { operation } = layer;
    switch (operation.kind) {
      case 'reshape':
        return operation.targetShape.includes(-1) ? sizedReshape(layer, shapesOf(layer)) : undefined;
      case 'pool': {
        if (!operation.global || !operation.keepDims || operation.rank === 3) return undefined;
        // TF.js pools the wrong axis then.
        if (operation.rank === 1 && operation.dataFormat === 'channels_first') return undefined;
        const taken = names.get(owner) ?? new Set(owner.layers.map(({ name }) => name));
        names.set(owner, taken);
        return poolingAndReshape({ layer, owner }, operation, shapesOf(layer), taken, warn);
      }
      case 'batchNorm':
        warnOfBackends(layer, operation, shapesOf(layer), warn);
        return undefined;
      case 'concatenate': {
        const rank = shapesOf(layer).input?.length;
        if (operation.axis >= -1 || rank === undefined) return undefined;
        const axis = operation.axis + rank;
        return { layer: withConfig(layer, { axis }, { ...operation, axis }) };
      }
      case 'flatten':
        return shapesOf(layer).input?.length === 2 ? { layer: linearActivation(layer, owner) } : undefined;
      case 'activation':
        return layer.className === 'Softmax' ? lastAxisSoftmax(layer, shapesOf(layer)) : undefined;
      default:
        return undefined;
    }
  };
  const repeated = repeatedInputs(model);
  const again = new Set<string>();
  const freeAgain = (layer: Layer): string => freeLayerName(model, `${layer.name}_again`, again);
  const written = replaceLayers(model, (layer, owner) => {
    const form = formOf(layer, owner);
    const indices = repeated.get(layer.path);
    if (!indices) return form;
    const before = new Map(indices.map((index) => [index, linearActivation(layer, owner, freeAgain(layer))]));
    return { layer, ...form, before };
  });
  return withDistinctOutputs(written, freeAgain);
}

/** With a linear Activation between an output and the tensor that is another output already, which TF.js gives once. */
function withDistinctOutputs(model: Model, freeName: (layer: Layer) => string): Model {
  const outputs: ModelTensor[] = [];
  const added: Call[] = [];
  for (const tensor of model.outputs) {
    const { producer } = tensor;
    const isFirst = !producer || !outputs.includes(tensor);
    outputs.push(
      isFirst
        ? tensor
        : through(linearActivation(producer.layer, model, freeName(producer.layer)), tensor, added),
    );
  }
  if (added.length === 0) return model;
  const layers = [...model.layers, ...added.map(({ layer }) => layer)];
  return modelWith(model, { layers, calls: [...model.calls, ...added], outputs });
}

/** By the paths of layers, the inputs of a call that others in front are too. */
function repeatedInputs({ calls, layers }: Model): Map<string, readonly number[]> {
  const found = new Map<string, readonly number[]>();
  for (const { layer, inputs } of calls) {
    const again = [...inputs.keys()].filter((index) => inputs.indexOf(inputs[index] as ModelTensor) < index);
    if (again.length > 0) found.set(layer.path, again);
  }
  const inside = layers.flatMap((layer) => (layer.model ? [...repeatedInputs(layer.model)] : []));
  return new Map([...found, ...inside]);
}

function commonShape(tensors: readonly (GraphTensor | undefined)[]): Shape | undefined {
  const [first, ...others] = tensors.map((tensor) => tensor?.shape);
  const isCommon = others.every((shape) => sameJson(shape, first));
  return isCommon ? first : undefined;
}

/** The shape without the batch, where every size is known. */
function sizes(shape: Shape | undefined): number[] | undefined {
  const known = shape?.slice(1).filter((size) => size !== null && Number.isInteger(size));
  return known && known.length === (shape?.length ?? 0) - 1 ? (known as number[]) : undefined;
}

function sizedReshape(layer: Layer, { output }: LayerShapes): LayerReplacement | undefined {
  const targetShape = sizes(output);
  return (
    targetShape && {
      layer: withConfig(layer, { target_shape: targetShape }, { kind: 'reshape', targetShape }),
    }
  );
}

function poolingAndReshape(
  { layer, owner }: { readonly layer: Layer; readonly owner: Model },
  operation: PoolOperation,
  { output }: LayerShapes,
  taken: Set<string>,
  warn: Warn,
): LayerReplacement | undefined {
  const targetShape = sizes(output);
  if (!targetShape) return undefined;
  const name = freeName(`${layer.name}_keepdims`, (one) => taken.has(one));
  taken.add(name);
  warn(
    `${layer.path} (${layer.className}): TF.js ignores keepdims, so it is written without it, with the Reshape ` +
      `${name} to [${targetShape.join(', ')}] behind it; it computes the same`,
  );
  return {
    layer: withConfig(layer, { keepdims: false }, { ...operation, keepDims: false }),
    behind: [
      newLayer(
        { owner, beside: layer, name },
        {
          className: 'Reshape',
          operation: { kind: 'reshape', targetShape },
          config: { target_shape: targetShape },
        },
      ),
    ],
  };
}

function linearActivation(layer: Layer, owner: Model, name: string = layer.name): Layer {
  return newLayer(
    { owner, beside: layer, name },
    {
      className: 'Activation',
      operation: { kind: 'activation', activation: LINEAR },
      config: { activation: 'linear' },
      trainable: layer.trainable,
    },
  );
}

/** TF.js takes the last axis in whichever way it is counted, and fails on others; -1 is known to be the last without a shape. */
function lastAxisSoftmax(layer: Layer, { input }: LayerShapes): LayerReplacement | undefined {
  const { axis } = layer.readConfig;
  const isLast = input !== undefined && axis === input.length - 1;
  return isLast ? { layer: withConfig(layer, { axis: -1 }, layer.operation) } : undefined;
}

/** The layer as if it had been read with `changes` in its configuration. */
function withConfig(layer: Layer, changes: JsonObject, operation: Operation): Layer {
  const { className } = layer;
  const entry = layer.origin?.config ?? { class_name: className };
  const config = { ...entry, config: { ...layer.readConfig, ...changes } };
  return layerWith(layer, { operation, origin: { weights: new Map(), ...layer.origin, config, operation } });
}

/** What `BatchNormalization.call` of tfjs-layers and the kernels below it make of the shape. */
function warnOfBackends(
  { path, className }: Layer,
  { axes }: BatchNormOperation,
  { input }: LayerShapes,
  warn: Warn,
): void {
  const rank = input?.length;
  // On several axes it is not loaded at all.
  if (rank === undefined || axes.length > 1) return;
  if (rank > 4) {
    warn(
      `${path} (${className}): TF.js fails to run it on a tensor of ${rank} dimensions; it takes 4 at most`,
      { path, className, opens: false },
    );
  } else if (axes.some((axis) => axis !== -1 && axis !== rank - 1)) {
    warn(
      `${path} (${className}): axis = ${axes.join(', ')} of ${rank} dimensions: the CPU and WASM backends of TF.js ` +
        'normalize the last axis instead; WebGL, WebGPU and Node do as Keras does',
      { path, className, opens: true },
    );
  }
}
