/**
 * A model as one flat graph: nested models are walked as if inlined, shared layers have several calls.
 *
 * The graph is a view for analysis, made anew after each edit of the model.
 *
 * @module
 */

import { InvalidModelError, LimitError } from '../errors.ts';
import type { JsonValue } from '../json/value.ts';
import { findChannelAxes } from './channel-axes.ts';
import type { Layer } from './layer.ts';
import { maskInputs } from './masks.ts';
import { type Call, type CallArgument, Model, type ModelTensor } from './model.ts';
import { isWeighted, type Shape } from './operation.ts';
import { outputShape } from './shapes.ts';
import { stepsOf } from './steps.ts';
import { trainingOf } from './training.ts';

/** A tensor of the flat graph. */
export class GraphTensor {
  /** Undefined for a model input that no InputLayer makes. */
  readonly producer: GraphCall | undefined;
  readonly index: number;
  /** The calls that read it; a call that reads it twice stands here twice. */
  readonly consumers: GraphCall[] = [];
  isModelInput = false;
  isModelOutput = false;
  /** With the batch first, where the file gives it or it can be inferred. */
  shape: Shape | undefined;
  /**
   * The axis of its channels, counted from the end: -1 is the last. As the layer has it that makes the tensor; where that one
   * has none of its own, such as a layer that nobody knows, as those have it that read it. Undefined where nothing tells,
   * and where channels were spread over several axes.
   */
  channelAxis: number | undefined;

  constructor(producer: GraphCall | undefined, index: number) {
    this.producer = producer;
    this.index = index;
  }

  /** Number of channels; undefined where it is not known. */
  get channels(): number | undefined {
    return this.channelAxis === undefined ? undefined : (this.shape?.at(this.channelAxis) ?? undefined);
  }
}

/** One use of a layer in the flat graph. */
export class GraphCall {
  readonly layer: Layer;
  /**
   * The model that holds the layer, and the call in it; for the one layer inside of a TimeDistributed, which leaves the model
   * with it, those of the wrapper.
   */
  readonly owner: Model;
  readonly call: Call;
  readonly inputs: readonly GraphTensor[];
  readonly outputs: GraphTensor[] = [];
  /** Whether it is called in training mode, itself or with the nested model around it; see `trainingOf`. */
  readonly isTraining: boolean;
  /** Which of the calls of its layer in {@link owner} the call is. */
  readonly use: number;
  /** Of the exit of a TimeDistributed: the tensor whose steps went in. */
  stepsFrom: GraphTensor | undefined;

  /** @param layer in the place of the call's own: what is inside of a TimeDistributed, or one of its ends. */
  constructor(
    { owner, call, use }: Pick<GraphCall, 'owner' | 'call' | 'use'>,
    inputs: readonly GraphTensor[],
    isTraining = false,
    layer: Layer = call.layer,
  ) {
    this.isTraining = isTraining;
    this.owner = owner;
    this.call = call;
    this.use = use;
    this.layer = layer;
    this.inputs = inputs;
  }

  /** {@link Layer.path} of the layer. */
  get path(): string {
    return this.layer.path;
  }

  /** The only tensor that the call reads; undefined where it reads none or several. */
  get input(): GraphTensor | undefined {
    return this.inputs.length === 1 ? this.inputs[0] : undefined;
  }

  /** Numbers and arrays among what a merge or concatenation reads; no factor reaches them. */
  get constants(): readonly JsonValue[] {
    const { kind } = this.layer.operation;
    const { args, kwargs } = this.call;
    if (kind === 'concatenate') return args.flatMap(constantsOf);
    if (kind !== 'merge') return [];
    // An operator may have the number that it merges among its named arguments.
    const named = Object.values(kwargs).flatMap(constantsOf);
    return [...args.flatMap(constantsOf), ...named.filter((value) => typeof value === 'number')];
  }

  /** The `index`th output. */
  output(index = 0): GraphTensor {
    for (let next = this.outputs.length; next <= index; next++)
      this.outputs.push(new GraphTensor(this, next));
    return this.outputs[index] as GraphTensor;
  }
}

function constantsOf(argument: CallArgument): JsonValue[] {
  if ('value' in argument) return argument.value === null ? [] : [argument.value];
  return 'list' in argument ? argument.list.flatMap(constantsOf) : [];
}

/** The flat graph of a model. */
export interface Graph {
  readonly model: Model;
  /** Each after those it reads from. InputLayers of nested models are left out: they are what feeds them. */
  readonly calls: readonly GraphCall[];
  readonly inputs: readonly GraphTensor[];
  readonly outputs: readonly GraphTensor[];
  /** The calls of a layer, in order. More than one: the layer is shared. */
  callsOf(layer: Layer): readonly GraphCall[];
}

/** A nested model that calls another twice, which calls another twice, has more calls than anybody can walk. */
const MOST_CALLS = 2 ** 15;
/** Of all tensors together: analysis keeps some numbers for each. The largest published models have a few million. */
const MOST_CHANNELS = 2 ** 25;

/**
 * The flat graph of `model`, with the shapes of its tensors and where their channels lie.
 *
 * @throws InvalidModelError where a nested model is called with another number of tensors than it has inputs; LimitError where
 * there are more calls or channels than can be walked.
 */
export function buildGraph(model: Model): Graph {
  if (!(model instanceof Model)) throw new TypeError('expected a Model, such as loadModel gives');
  const calls: GraphCall[] = [];
  const byLayer = new Map<Layer, GraphCall[]>();
  const add = (call: GraphCall): void => {
    if (calls.push(call) > MOST_CALLS) {
      throw new LimitError(`${model.name}: calls of layers, nested models walked`, calls.length, MOST_CALLS);
    }
    const list = byLayer.get(call.layer);
    if (list) list.push(call);
    else byLayer.set(call.layer, [call]);
  };
  const { inputs, outputs } = inline(model, undefined, undefined, add);
  for (const tensor of inputs) tensor.isModelInput = true;
  for (const tensor of outputs) tensor.isModelOutput = true;
  for (const call of calls) for (const tensor of call.inputs) tensor.consumers.push(call);
  for (const call of calls) call.output().shape ??= outputShape(call);
  findChannelAxes(calls, inputs);
  const tensors = [...inputs, ...calls.flatMap((call) => call.outputs)];
  const channels = tensors.reduce((sum, tensor) => sum + (tensor.channels ?? 0), 0);
  if (channels > MOST_CHANNELS) {
    throw new LimitError(`${model.name}: channels of all tensors`, channels, MOST_CHANNELS);
  }
  return { model, calls, inputs, outputs, callsOf: (layer) => byLayer.get(layer) ?? [] };
}

/** The first call of every layer with a kernel, in the order of the graph. */
export function firstKernelCalls(graph: Graph): GraphCall[] {
  return graph.calls.filter(
    (call) => isWeighted(call.layer.operation) && graph.callsOf(call.layer)[0] === call,
  );
}

/** A tensor whose steps are samples, and the one in which they were steps. */
interface Steps {
  readonly whole: GraphTensor;
  readonly made: GraphTensor;
}

function inline(
  model: Model,
  fed: readonly GraphTensor[] | undefined,
  enclosing: boolean | undefined,
  add: (call: GraphCall) => void,
  wrapper?: Pick<GraphCall, 'owner' | 'call' | 'use'>,
): { inputs: GraphTensor[]; outputs: GraphTensor[] } {
  const tensors = new Map<ModelTensor, GraphTensor>();
  const inputs = model.inputs.map((tensor, index) => {
    const outer = fed?.[index];
    if (outer) tensors.set(tensor, outer);
    return outer;
  });
  /** What TimeDistributed layers made, its steps still samples; the next of them reads it as it is. */
  const stepwise = new Map<ModelTensor, Steps & { readonly joined: () => GraphTensor }>();
  const lookup = (tensor: ModelTensor): GraphTensor => {
    let found = tensors.get(tensor) ?? stepwise.get(tensor)?.joined();
    if (found) tensors.set(tensor, found);
    else {
      // Only the input of a Sequential without InputLayer has no producer.
      found = new GraphTensor(undefined, tensor.index);
      found.shape = tensor.shape;
      tensors.set(tensor, found);
    }
    return found;
  };
  const uses = new Map<Layer, number>();
  for (const call of model.calls) {
    const { layer } = call;
    const { path } = layer;
    const use = uses.get(layer) ?? 0;
    uses.set(layer, use + 1);
    const placed = { owner: model, call, use };
    if (layer.operation.kind === 'input' && fed !== undefined) continue;
    const training = trainingOf(call, enclosing, model.dialect);
    if (layer.model && layer.steps) {
      // Of a mask that is passed by name what is inside sees nothing.
      const [read] = call.inputs;
      if (!read) continue;
      const ends = stepsOf(layer);
      const endOf = (of: Layer, input: GraphTensor): GraphCall => {
        const one = new GraphCall(placed, [input], training, of);
        add(one);
        return one;
      };
      const enter = (whole: GraphTensor): Steps => ({ whole, made: endOf(ends.entry, whole).output() });
      const { whole, made: entered } = stepwise.get(read) ?? enter(lookup(read));
      const wrapping = layer.steps === 'layer' ? placed : undefined;
      const inner = inline(layer.model, [entered], training, add, wrapping);
      for (const output of call.outputs) {
        const made = inner.outputs[output.index] as GraphTensor;
        const joined = (): GraphTensor => {
          const exit = endOf(ends.exit, made);
          exit.stepsFrom = whole;
          exit.output().shape = output.shape;
          return exit.output();
        };
        stepwise.set(output, { whole, made, joined });
      }
      continue;
    }
    if (layer.model) {
      const masks = maskInputs(call);
      const callInputs = call.inputs.filter((_, index) => !masks.includes(index)).map(lookup);
      if (callInputs.length !== layer.model.inputs.length) {
        throw new InvalidModelError(
          path,
          `is called with ${callInputs.length} tensors, but has ${layer.model.inputs.length} inputs`,
        );
      }
      const inner = inline(layer.model, callInputs, training, add);
      for (const output of call.outputs) {
        const made = inner.outputs[output.index];
        if (!made) {
          throw new InvalidModelError(
            path,
            `output ${output.index} is read, but it has ${inner.outputs.length}`,
          );
        }
        tensors.set(output, made);
      }
      continue;
    }
    const callInputs = call.inputs.map(lookup);
    const graphCall =
      wrapper && model.calls.length === 1
        ? new GraphCall(wrapper, callInputs, training, layer)
        : new GraphCall(placed, callInputs, training);
    for (const output of call.outputs) {
      const made = graphCall.output(output.index);
      made.shape = output.shape;
      tensors.set(output, made);
    }
    add(graphCall);
  }
  return {
    inputs: model.inputs.map((tensor, index) => inputs[index] ?? lookup(tensor)),
    outputs: model.outputs.map(lookup),
  };
}

/** The calls that the outputs of the model depend on, in their order, without those that make its inputs. */
export function neededCalls(graph: Graph): GraphCall[] {
  const needed = new Set<GraphTensor>(graph.outputs);
  const inputs = new Set<GraphTensor>(graph.inputs);
  const calls: GraphCall[] = [];
  for (const call of [...graph.calls].reverse()) {
    if (!call.outputs.some((tensor) => needed.has(tensor) && !inputs.has(tensor))) continue;
    calls.push(call);
    for (const tensor of call.inputs) needed.add(tensor);
  }
  return calls.reverse();
}

/** Which tensor of a model it is, in words that are the same for its copies; uses of one call in a nested model have one. */
export function tensorKey({ producer, index }: GraphTensor): string {
  if (!producer) return keyOf('', 0, index);
  return keyOf(producer.path, producer.use, index);
}

/** The {@link tensorKey} of an output of the layer with that path, in its `call`th call. */
export function keyOf(path: string, call: number, output: number): string {
  return `${path}#${call}:${output}`;
}
