/**
 * A layer as a small model of layers that TF.js has: it stands in the layer's place, under its name, whatever calls it.
 *
 * @module
 */

import type { JsonObject } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import { Call, type Dialect, Model, type ModelTensor } from '../../../model/model.ts';
import { newLayer } from '../../../model/new-layer.ts';
import type { Shape } from '../../../model/operation.ts';
import { layerWith } from '../../../model/replace-layers.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import { toKeras2Entry } from '../dialects/to-keras2.ts';
import { parseOperation } from '../parse/parse-operation.ts';
import { configOf } from '../serialized-objects.ts';

/** What flows into the layer: the shape with the batch first, and the element type. */
export interface FormInput {
  readonly shape: Shape;
  readonly dtype: string;
}

/** Where a form stands. */
export interface FormPlace {
  readonly layer: Layer;
  readonly inputs: readonly FormInput[];
  /** `wanted`, or a name like it that no layer of the whole model has: TF.js knows weights by the innermost names. */
  readonly freeName: (wanted: string) => string;
}

/** Computes something with the layers of a form. */
export type Compute = (form: LayerForm, x: ModelTensor) => ModelTensor;

/** The model that stands for a layer, while it is made. */
export class LayerForm {
  /** What it reads, as floats. */
  readonly inputs: readonly ModelTensor[];
  readonly #place: FormPlace;
  readonly #model: Model;
  readonly #classes: string[] = [];

  constructor(place: FormPlace, name: string = place.layer.name) {
    this.#place = place;
    this.#model = new Model({
      ...{ name, kind: 'functional', layers: [], calls: [], inputs: [], outputs: [] },
      dialect: 'keras2',
    });
    this.inputs = place.inputs.map(({ shape, dtype }) => {
      const isFloat = /float/.test(dtype);
      const type = isFloat ? 'float32' : 'int32';
      const input = this.#call('InputLayer', { batch_input_shape: [...shape], dtype: type }, []);
      this.#model.inputs.push(input);
      return isFloat ? input : this.rescaled(input, 1);
    });
  }

  /** The output of a new layer; weights are in Keras' order. */
  add(
    className: string,
    config: JsonObject,
    input: ModelTensor | readonly ModelTensor[],
    weights: ReadonlyMap<string, Tensor> = new Map(),
  ): ModelTensor {
    this.#classes.push(className);
    return this.#call(className, config, [input].flat(), weights);
  }

  /** The output of a layer of a model of `dialect`, under a name of its own. */
  kept(layer: Layer, x: ModelTensor, dialect: Dialect): ModelTensor {
    const { freeName } = this.#place;
    const name = freeName(`${layer.name}_${layer.className.toLowerCase()}`);
    this.#classes.push(layer.className);
    const { origin } = layer;
    if (!origin) return this.#read(layerWith(layer, { name }), [x]);
    const entry = dialect === 'keras3' ? toKeras2Entry(layer, origin.config) : origin.config;
    const config = { ...entry, name, config: { ...configOf(entry), name } };
    return this.#read(layerWith(layer, { name, origin: { ...origin, config } }), [x]);
  }

  activated(x: ModelTensor, activation: string): ModelTensor {
    return this.add('Activation', { activation }, x);
  }

  /** `scale x + offset`. */
  rescaled(x: ModelTensor, scale: number, offset = 0): ModelTensor {
    return this.add('Rescaling', { scale, offset }, x);
  }

  /** `max(0, x)`, with a maximum or without. */
  rectified(x: ModelTensor, maximum: number | null = null): ModelTensor {
    return this.add('ReLU', { max_value: maximum }, x);
  }

  added(...tensors: readonly ModelTensor[]): ModelTensor {
    return this.add('Add', {}, tensors);
  }

  multiplied(...tensors: readonly ModelTensor[]): ModelTensor {
    return this.add('Multiply', {}, tensors);
  }

  /** In the sizes that are given, which are without the batch. */
  reshaped(x: ModelTensor, sizes: readonly number[]): ModelTensor {
    return this.add('Reshape', { target_shape: [...sizes] }, x);
  }

  /** With axis `order[i]` as the `i`th, the batch left out and counted as 0; nothing is added where that changes nothing. */
  permuted(x: ModelTensor, order: readonly number[]): ModelTensor {
    return order.every((axis, index) => axis === index + 1)
      ? x
      : this.add('Permute', { dims: [...order] }, x);
  }

  /** The layer that has the model inside; where one layer is all that there is in it, that one. */
  finished(output: ModelTensor): Layer {
    const { layer } = this.#place;
    const { name } = this.#model;
    this.#model.outputs = [output];
    const [call, ...others] = this.#model.calls.filter(
      ({ layer: { operation } }) => operation.kind !== 'input',
    );
    const { inputs } = this.#model;
    const readsAll =
      call?.inputs.length === inputs.length && call.inputs.every((one, index) => one === inputs[index]);
    const only = readsAll && others.length === 0 && output.producer === call ? call.layer : undefined;
    if (only?.origin) {
      const { config } = only.origin;
      const own = { ...config, config: { ...only.readConfig, name } };
      return layerWith(only, { name, path: layer.path, origin: { ...only.origin, config: own } });
    }
    return layerWith(layer, {
      name,
      className: 'Functional',
      operation: { kind: 'model' },
      weights: new Map(),
      model: this.#model,
      origin: {
        config: { class_name: 'Functional', name, config: { name } },
        operation: { kind: 'model' },
        weights: new Map(),
      },
    });
  }

  /** The classes of its layers, each once, in order. */
  get classes(): string[] {
    return [...new Set(this.#classes)];
  }

  #call(
    className: string,
    config: JsonObject,
    inputs: ModelTensor[],
    weights: ReadonlyMap<string, Tensor> = new Map(),
  ): ModelTensor {
    const { layer, freeName } = this.#place;
    const name = freeName(`${layer.name}_${className === 'InputLayer' ? 'in' : className.toLowerCase()}`);
    const operation = parseOperation(className, config, { source: layer.name, where: name });
    const place = { owner: this.#model, beside: layer, name };
    const made = newLayer(place, {
      ...{ className, operation, trainable: layer.trainable, weights: new Map(weights) },
      config: { dtype: 'float32', ...config },
    });
    const layerMade = operation.kind === 'input' ? withoutTraining(made) : made;
    const output = this.#read(layerMade, inputs);
    if (operation.kind === 'input') output.shape = operation.shape;
    return output;
  }

  #read(layer: Layer, inputs: ModelTensor[]): ModelTensor {
    const call = new Call(layer, inputs);
    this.#model.layers.push(layer);
    this.#model.calls.push(call);
    return call.output();
  }
}

/** Keras 2 takes no `trainable` of an InputLayer. */
function withoutTraining(layer: Layer): Layer {
  const { trainable: _, ...config } = layer.readConfig;
  return layer.origin
    ? layerWith(layer, { origin: { ...layer.origin, config: { ...layer.origin.config, config } } })
    : layer;
}
