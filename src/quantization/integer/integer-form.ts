/**
 * A model as runtimes on integers compute it, a tensor for everything that needs a grid.
 *
 * @module
 */

import { expandCalls } from '../../model/edit.ts';
import { buildGraph } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import { Call, Model } from '../../model/model.ts';
import {
  freeLayerName,
  type LayerParts,
  newActivation,
  newAffine,
  newLayer,
  newRelu,
} from '../../model/new-layer.ts';
import {
  type Activation,
  isRelu,
  isWeighted,
  LINEAR,
  type MergeKind,
  PLAIN_RELU,
  type SeparableConvOperation,
} from '../../model/operation.ts';
import { modelWith } from '../../model/replace-layers.ts';
import { type AffineMap, affineMap } from './affine-map.ts';
import { clashingTensors } from './grid-groups.ts';

/**
 * A copy of `model` that computes the same, in which every tensor that gets a grid in a whole-integer model is one of the
 * graph. Weights are shared with the model, which is not changed; the form of a form is itself.
 *
 * - An activation fused into a layer with a kernel becomes an Activation layer of its own, `conv_activation`, unless it is a
 *   ReLU, with a maximum or without.
 * - A SeparableConv becomes a DepthwiseConv, `separable_depthwise`, and the Conv of its name.
 * - A swish becomes a sigmoid, `swish_sigmoid`, and the Multiply of its name.
 * - A sum or product of more than two tensors becomes ones of two, `add_sum`, the last of its name; a mean of more than two
 *   becomes their sum and a batch norm of its name that divides it.
 * - A hard sigmoid becomes a batch norm, `hard_affine`, and a ReLU with the maximum 1 of its name. Rescaling and Normalization
 *   become batch norms of their names.
 * - Where a tensor whose grid is fixed (behind softmax, sigmoid and tanh) would share it with others, a linear Activation,
 *   `sigmoid_rescaled`, has it on another.
 */
export function integerForm(model: Model): Model {
  if (!(model instanceof Model)) throw new TypeError('expected a Model, such as loadModel gives');
  const taken = new Set<string>();
  const nameFor = (wanted: string): string => freeLayerName(model, wanted, taken);
  const split = expanded(model.clone(), (layer, owner) => splitKernel(layer, owner, nameFor));
  const lastSizes = lastSizesOf(split);
  const form = expanded(split, (layer, owner) =>
    splitElementwise(layer, { owner, nameFor, channels: lastSizes.get(layer) }),
  );
  rescale(form, nameFor);
  return form;
}

/** Makes the calls in the place of one call of a layer. */
type Expand = (call: Call) => readonly Call[];
type NameFor = (wanted: string) => string;

/** `model` with the calls of layers expanded, those of nested models too; the given one is used up. */
function expanded(model: Model, expansionOf: (layer: Layer, owner: Model) => Expand | undefined): Model {
  const expansions = new Map<Layer, Expand>();
  for (const layer of model.layers) {
    if (layer.model) layer.model = expanded(layer.model, expansionOf);
    const expansion = expansionOf(layer, model);
    if (expansion) expansions.set(layer, expansion);
  }
  expandCalls(model, (call) => expansions.get(call.layer)?.(call));
  return model.calls.some(({ inputs }) => inputs.length > 1) ? functional(model) : model;
}

/** No Sequential has a layer that reads several tensors. */
function functional(model: Model): Model {
  if (model.kind === 'functional') return model;
  const { build_input_shape: _, ...config } = model.config;
  return modelWith(model, { kind: 'functional', className: 'Functional', config });
}

/** The activation out of a layer with a kernel, and one kernel out of two. */
function splitKernel(layer: Layer, owner: Model, nameFor: NameFor): Expand | undefined {
  const { operation } = layer;
  if (!isWeighted(operation)) return undefined;
  const isSeparable = operation.kind === 'separableConv';
  const isFused = isRelu(operation.activation) && !isSeparable;
  if (operation.activation.kind === 'linear' ? !isSeparable : isFused) return undefined;
  const name = (): string => nameFor(`${layer.name}_activation`);
  const activation =
    operation.activation.kind === 'linear' ? [] : [newActivation({ owner, beside: layer, name: name() })];
  if (operation.kind === 'separableConv') {
    const depthwise = depthwiseOf(layer, operation, { owner, name: nameFor(`${layer.name}_depthwise`) });
    const pointwise = pointwiseOf(layer, operation, owner);
    return (call) => {
      const first = new Call(depthwise, call.inputs, call.args, call.kwargs);
      return [first, ...behind(first, [pointwise, ...activation])];
    };
  }
  layer.operation = { ...operation, activation: LINEAR };
  return (call) => [call, ...behind(call, activation)];
}

function behind(call: Call, layers: readonly Layer[]): Call[] {
  let read = call.output();
  return layers.map((layer) => {
    const next = new Call(layer, [read]);
    read = next.output();
    return next;
  });
}

function depthwiseOf(
  layer: Layer,
  operation: SeparableConvOperation,
  { owner, name }: { readonly owner: Model; readonly name: string },
): Layer {
  const { rank, kernelSize, strides, padding, dilationRate, dataFormat, depthMultiplier } = operation;
  const { filters: _, ...shape } = operation;
  return newLayer(
    { owner, beside: layer, name },
    {
      className: `DepthwiseConv${rank}D`,
      operation: { ...shape, kind: 'depthwiseConv', useBias: false, activation: LINEAR },
      config: {
        ...{ kernel_size: [...kernelSize], strides: [...strides], padding, data_format: dataFormat },
        ...{ dilation_rate: [...dilationRate], depth_multiplier: depthMultiplier },
        ...{ activation: 'linear', use_bias: false },
      },
      trainable: layer.trainable,
      weights: new Map([['depthwiseKernel', layer.requireWeight('depthwiseKernel')]]),
    },
  );
}

function pointwiseOf(layer: Layer, operation: SeparableConvOperation, owner: Model): Layer {
  const { rank, filters, dataFormat, useBias } = operation;
  const ones = operation.kernelSize.map(() => 1);
  const bias = layer.weight('bias');
  const pointwise = newLayer(
    { owner, beside: layer, name: layer.name },
    {
      className: `Conv${rank}D`,
      operation: {
        ...{ kind: 'conv', rank, filters, dataFormat, useBias, groups: 1, padding: 'valid' },
        ...{ kernelSize: ones, strides: ones, dilationRate: ones, activation: LINEAR },
      },
      config: {
        ...{ filters, kernel_size: ones, strides: ones, padding: 'valid', data_format: dataFormat },
        ...{ dilation_rate: ones, groups: 1, activation: 'linear', use_bias: useBias },
      },
      trainable: layer.trainable,
      weights: new Map([
        ['kernel', layer.requireWeight('pointwiseKernel')],
        ...(bias ? ([['bias', bias]] as const) : []),
      ]),
    },
  );
  pointwise.statistics = layer.statistics;
  return pointwise;
}

/** The size of the last axis of what a layer writes, where it is known and the same in all its calls. */
function lastSizesOf(model: Model): Map<Layer, number> {
  const sizes = new Map<Layer, number>();
  const graph = buildGraph(model);
  for (const { layer } of graph.calls) {
    const found = new Set(graph.callsOf(layer).map((call) => call.output().shape?.at(-1)));
    const [size] = found;
    if (found.size === 1 && size) sizes.set(layer, size);
  }
  return sizes;
}

/** Where a layer stands that is split. */
interface SplitPlace {
  readonly owner: Model;
  readonly nameFor: NameFor;
  /** The size of its last axis. */
  readonly channels: number | undefined;
}

/** What runtimes compute in several steps without kernels. */
function splitElementwise(layer: Layer, place: SplitPlace): Expand | undefined {
  const { operation } = layer;
  const { owner, nameFor, channels } = place;
  const make = (name: string, parts: LayerParts): Layer => newLayer({ owner, beside: layer, name }, parts);
  if (operation.kind === 'activation' && isSwish(operation.activation)) {
    const sigmoid = make(nameFor(`${layer.name}_sigmoid`), activationParts('sigmoid'));
    const product = make(layer.name, mergeParts('Multiply', 'multiply'));
    return (call) => {
      const read = call.inputs.slice(0, 1);
      const gate = new Call(sigmoid, read);
      return [gate, new Call(product, [...read, gate.output()])];
    };
  }
  const affine = channels === undefined ? undefined : affineMap(layer, channels, owner.dialect);
  if (affine) return splitAffine(layer, affine, place);
  return operation.kind === 'merge' ? splitMerge(layer, operation.merge, place) : undefined;
}

/** A batch norm that computes the map, and a ReLU behind it where its ends are cut off. */
function splitAffine(
  layer: Layer,
  { factors, shifts, isCut }: AffineMap,
  { owner, nameFor }: SplitPlace,
): Expand {
  const name = isCut ? nameFor(`${layer.name}_affine`) : layer.name;
  const affine = newAffine({ owner, beside: layer, name }, -1, factors, shifts);
  const cut = isCut
    ? [newRelu({ owner, beside: layer, name: layer.name }, { ...PLAIN_RELU, maxValue: 1 })]
    : [];
  return (call) => {
    const first = new Call(affine, call.inputs.slice(0, 1));
    return [first, ...behind(first, cut)];
  };
}

/** Merges of more than two tensors as merges of two. */
function splitMerge(layer: Layer, merge: MergeKind, place: SplitPlace): Expand | undefined {
  const { owner, nameFor, channels } = place;
  const make = (name: string, parts: LayerParts): Layer => newLayer({ owner, beside: layer, name }, parts);
  const calls = owner.calls.filter((call) => call.layer === layer);
  const most = Math.max(...calls.map(operandsOf));
  if (most <= 2 || (merge !== 'add' && merge !== 'multiply' && merge !== 'average')) return undefined;
  const [className, kind] = merge === 'multiply' ? (['Multiply', merge] as const) : (['Add', 'add'] as const);
  const isMean = merge === 'average';
  const steps = Array.from({ length: isMean ? most - 1 : most - 2 }, () =>
    make(nameFor(`${layer.name}_${kind === 'add' ? 'sum' : 'product'}`), mergeParts(className, kind)),
  );
  // Means of numbers of tensors that differ from call to call have no one divisor.
  if (isMean && (channels === undefined || calls.some((call) => operandsOf(call) !== most))) return undefined;
  const divide =
    channels === undefined || !isMean
      ? undefined
      : newAffine(
          { owner, beside: layer, name: layer.name },
          -1,
          new Float64Array(channels).fill(1 / most),
          new Float64Array(channels),
        );
  return (call) => {
    const [first, ...others] = call.inputs;
    if (!first || operandsOf(call) <= 2) return [call];
    let read = first;
    const made = others.map((other, index) => {
      const isLast = index === others.length - 1 && !divide;
      const next = new Call(isLast ? layer : (steps[index] ?? layer), [read, other]);
      read = next.output();
      return next;
    });
    return divide ? [...made, new Call(divide, [read])] : made;
  };
}

/** Numbers among the arguments are no tensors; a sum with one is left as it is. */
function operandsOf({ inputs, args }: Call): number {
  const list = args.length === 1 && args[0] && 'list' in args[0] ? args[0].list : args;
  return list.every((one) => 'tensor' in one) ? inputs.length : 0;
}

function isSwish(activation: Activation): boolean {
  return activation.kind === 'other' && (activation.name === 'swish' || activation.name === 'silu');
}

function mergeParts(className: string, merge: MergeKind): LayerParts {
  return { className, operation: { kind: 'merge', merge }, config: {} };
}

function activationParts(name: string): LayerParts {
  const activation: Activation = name === 'linear' ? LINEAR : { kind: 'other', name };
  return {
    className: 'Activation',
    operation: { kind: 'activation', activation },
    config: { activation: name },
  };
}

/** A linear Activation, which puts a tensor on another grid. */
export const RESCALING: LayerParts = activationParts('linear');

/** Puts a linear Activation behind each tensor whose fixed grid others would have to share. */
function rescale(form: Model, nameFor: NameFor): void {
  const made = new Map<Layer, Layer>();
  for (const { producer } of clashingTensors(buildGraph(form))) {
    if (!producer) continue;
    const { owner, layer } = producer;
    if (made.has(layer)) continue;
    const rescaled = newLayer({ owner, beside: layer, name: nameFor(`${layer.name}_rescaled`) }, RESCALING);
    made.set(layer, rescaled);
    expandCalls(owner, (call) => (call.layer === layer ? [call, ...behind(call, [rescaled])] : undefined));
  }
}
