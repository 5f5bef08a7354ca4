import type { JsonValue } from '../json/value.ts';
import { Layer } from './layer.ts';
import type { Shape } from './operation.ts';
import { summarizeModel } from './summary.ts';

/** A tensor that flows through a model (not a weight): the output of a call. */
export class ModelTensor {
  /** The call that makes it; undefined for the input of a Sequential that has no InputLayer. */
  readonly producer: Call | undefined;
  /** Which of the outputs of the call. */
  readonly index: number;
  /** With the batch dimension first, where the file gives it. */
  shape: Shape | undefined;
  /** Element type, where the file gives it. */
  dtype: string | undefined;

  constructor(producer: Call | undefined, index: number, shape?: Shape) {
    this.producer = producer;
    this.index = index;
    this.shape = shape;
  }
}

/** How the tensors of a call were passed: positional and named arguments with holes for the tensors. */
export type CallArgument =
  /** The call's `inputs[tensor]`. */
  | { readonly tensor: number }
  | { readonly list: readonly CallArgument[] }
  | { readonly record: Readonly<Record<string, CallArgument>> }
  | { readonly value: JsonValue };

/** A call as it was read. */
export interface CallOrigin {
  readonly dialect: Dialect;
  readonly node: JsonValue;
  /** Names of the layers that the node refers to; the same text elsewhere in it is a plain value. */
  readonly reads: ReadonlySet<string>;
}

/** One use of a layer. A shared layer has several. */
export class Call {
  readonly layer: Layer;
  /** All tensors among the arguments, in order. Edits replace entries. */
  inputs: ModelTensor[];
  /** Grows as outputs are asked for: how many there are is known only to the layer. */
  readonly outputs: ModelTensor[] = [];
  args: readonly CallArgument[];
  kwargs: Readonly<Record<string, CallArgument>>;
  /** The call as its file has it; `formats` puts the present {@link inputs} into it when writing that dialect. */
  origin: CallOrigin | undefined;

  constructor(
    layer: Layer,
    inputs: ModelTensor[],
    args?: readonly CallArgument[],
    kwargs: Readonly<Record<string, CallArgument>> = {},
  ) {
    this.layer = layer;
    this.inputs = inputs;
    this.args = args ?? defaultArguments(inputs.length);
    this.kwargs = kwargs;
  }

  /** The `index`th output. */
  output(index = 0): ModelTensor {
    for (let next = this.outputs.length; next <= index; next++)
      this.outputs.push(new ModelTensor(this, next));
    return this.outputs[index] as ModelTensor;
  }
}

/** One tensor alone, several as one list: how Keras layers take them. */
function defaultArguments(count: number): CallArgument[] {
  const holes = Array.from({ length: count }, (_, tensor) => ({ tensor }));
  return count === 0 ? [] : count === 1 ? holes : [{ list: holes }];
}

/** What a format keeps of a file so that it can be written back; nobody else looks inside. */
export interface ModelOrigin {
  /** The format that read it. */
  readonly format: 'keras-v3' | 'keras-h5' | 'tfjs-layers';
}

/** The dialect of a configuration: what Keras 2 (and TF.js) wrote, or Keras 3. */
export type Dialect = 'keras2' | 'keras3';

/** A trained Keras model, small and mutable: layers, the calls that connect them, inputs and outputs. */
export class Model {
  name: string;
  readonly kind: 'functional' | 'sequential';
  /** The Keras class: `Functional`, `Sequential`, or `Model` as Keras before 2.3 wrote it. */
  readonly className: string;
  /** In Keras' order, InputLayers included; nested models are one layer each. */
  layers: Layer[];
  /** In an order in which each call comes after those it reads from. */
  calls: Call[];
  inputs: ModelTensor[];
  outputs: ModelTensor[];
  /** The model's own entry in the configuration, without its layers, as it was read. */
  config: { [key: string]: JsonValue };
  dialect: Dialect;
  origin: ModelOrigin | undefined;

  constructor(init: {
    name: string;
    kind: 'functional' | 'sequential';
    className?: string;
    layers: Layer[];
    calls: Call[];
    inputs: ModelTensor[];
    outputs: ModelTensor[];
    config?: { [key: string]: JsonValue };
    dialect?: Dialect;
    origin?: ModelOrigin | undefined;
  }) {
    this.name = init.name;
    this.kind = init.kind;
    this.className = init.className ?? (init.kind === 'sequential' ? 'Sequential' : 'Functional');
    this.layers = init.layers;
    this.calls = init.calls;
    this.inputs = init.inputs;
    this.outputs = init.outputs;
    this.config = init.config ?? {};
    this.dialect = init.dialect ?? 'keras3';
    this.origin = init.origin;
  }

  /**
   * The layer of that name; layers of nested models are named `outer/inner`, the one in a TimeDistributed as that.
   *
   * @throws RangeError where there is none.
   */
  layer(name: string): Layer {
    const direct = this.layers.find((layer) => layer.name === name);
    if (direct) return (direct.steps === 'layer' && direct.model?.layers[0]) || direct;
    for (const outer of this.layers) {
      if (outer.model && name.startsWith(`${outer.name}/`))
        return outer.model.layer(name.slice(outer.name.length + 1));
    }
    throw new RangeError(`the model ${this.name} has no layer ${name}`);
  }

  /** All layers, those inside nested models instead of the nested models, with the model that holds each. */
  *allLayers(): Generator<{ layer: Layer; path: string; owner: Model }> {
    for (const layer of this.layers) {
      if (layer.model) yield* layer.model.allLayers();
      else yield { layer, path: layer.path, owner: this };
    }
  }

  /** Number of weight elements. */
  get parameterCount(): number {
    return this.layers.reduce((count, layer) => count + layer.parameterCount, 0);
  }

  /** A copy with layers, calls and tensors of its own; weights are shared, because they never change. */
  clone(): Model {
    const layers = new Map<Layer, Layer>();
    for (const layer of this.layers) layers.set(layer, cloneLayer(layer));
    const tensors = new Map<ModelTensor, ModelTensor>();
    const tensor = (original: ModelTensor): ModelTensor => {
      let copy = tensors.get(original);
      if (!copy) {
        copy = new ModelTensor(undefined, original.index, original.shape);
        copy.dtype = original.dtype;
        tensors.set(original, copy);
      }
      return copy;
    };
    const calls = this.calls.map((call) => {
      const layer = layers.get(call.layer) as Layer;
      const copy = new Call(layer, call.inputs.map(tensor), call.args, call.kwargs);
      copy.origin = call.origin;
      for (const output of call.outputs) {
        const made = copy.output(output.index);
        made.shape = output.shape;
        made.dtype = output.dtype;
        tensors.set(output, made);
      }
      return copy;
    });
    return new Model({
      name: this.name,
      kind: this.kind,
      className: this.className,
      layers: [...layers.values()],
      calls,
      inputs: this.inputs.map(tensor),
      outputs: this.outputs.map(tensor),
      config: this.config,
      dialect: this.dialect,
      origin: this.origin,
    });
  }

  /** A table of the layers as text: name, class, output shape, parameters, what it reads. */
  summary(): string {
    return summarizeModel(this);
  }
}

function cloneLayer(layer: Layer): Layer {
  const copy = new Layer({
    name: layer.name,
    path: layer.path,
    className: layer.className,
    operation: layer.operation,
    weights: new Map(layer.weights),
    trainable: layer.trainable,
    model: layer.model?.clone(),
    steps: layer.steps,
    origin: layer.origin,
  });
  copy.statistics = layer.statistics;
  return copy;
}
