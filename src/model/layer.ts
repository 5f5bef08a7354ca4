import { frozen, isObject, type JsonObject } from '../json/value.ts';
import type { DType } from '../tensor/dtype.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type WeightName, weightNamesOf } from './layer-weights.ts';
import type { Model } from './model.ts';
import type { Operation } from './operation.ts';

/** Where a layer came from, for the format that read it. No edit changes it: what was edited is in the layer itself. */
export interface LayerOrigin {
  /** The layer's whole entry in the model's configuration (`class_name`, `config`, `inbound_nodes`, …), as read; frozen. */
  readonly config: JsonObject;
  /** The operation parsed from `config`: what differs from it now was edited. */
  readonly operation: Operation;
  /** The weights as they were read: a tensor that is still the same one is written back bit for bit. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** What the format keeps of the layer's place in the file. */
  readonly place?: unknown;
  /** First index of a nested model's calls in references to it: 0 or 1, by version of Keras. */
  readonly callIndexBase?: { readonly inbound: number; readonly output: number };
}

/** Where a batch norm was folded. */
export interface FoldRecord {
  readonly layer: Layer;
  readonly direction: 'backward' | 'forward';
  /** The weights of {@link layer} as they were after it: those that differ now were edited since. */
  readonly weights: ReadonlyMap<string, Tensor>;
}

/** How what a layer computes is distributed, for each output channel, before its activation; `[channels]` each. */
export interface LayerStatistics {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** Whether an entry of a configuration names a class of somebody's own, `package>Class`, and none of Keras. */
export function isCustomClass({ registered_name: registered }: JsonObject = {}): boolean {
  return typeof registered === 'string' && registered.includes('>') && !registered.startsWith('Keras>');
}

/** A layer of a model. It has identity: the same object stands in pairs, sets and maps. */
export class Layer {
  readonly name: string;
  /** The name with those of the nested models around it: `outer/inner`. What reports and reasons give. */
  readonly path: string;
  /** The Keras class, such as `Conv2D`; `Functional` or `Sequential` for a nested model. */
  readonly className: string;
  operation: Operation;
  /** In Keras' order. */
  weights: Map<string, Tensor>;
  /** False where the layer was frozen; decides the order of weights in HDF5 files. */
  trainable: boolean;
  /** The model inside, for a nested model; for a TimeDistributed that is seen through what it has for each step. */
  model: Model | undefined;
  /**
   * Of a TimeDistributed with a {@link model}: whether that is a model in the file, or a single layer, which goes by the
   * wrapper's name here.
   */
  readonly steps: 'model' | 'layer' | undefined;
  #origin: LayerOrigin | undefined;
  /** Set on a batch norm that was folded: it has left its model. */
  foldedInto: FoldRecord | undefined;
  /**
   * How the output is distributed before the layer's activation, where a batch norm told it that was folded into the layer.
   * {@link setWeight} drops it; edits that know what becomes of it keep it up.
   */
  statistics: LayerStatistics | undefined;

  constructor(init: {
    name: string;
    path?: string;
    className: string;
    operation: Operation;
    weights?: Map<string, Tensor>;
    trainable?: boolean;
    model?: Model | undefined;
    steps?: 'model' | 'layer' | undefined;
    origin?: LayerOrigin | undefined;
  }) {
    this.name = init.name;
    this.path = init.path ?? init.name;
    this.className = init.className;
    this.operation = init.operation;
    this.weights = init.weights ?? new Map();
    this.trainable = init.trainable ?? true;
    this.model = init.model;
    this.steps = init.steps;
    this.#origin = init.origin;
    frozen(init.origin?.config);
  }

  /** Where the layer came from; undefined for one that no file had. */
  get origin(): LayerOrigin | undefined {
    return this.#origin;
  }

  /** The layer's `config` as it was read, without what was edited since; empty where it has none. */
  get readConfig(): JsonObject {
    const config = this.#origin?.config['config'];
    return isObject(config) ? config : {};
  }

  /** For the format that reads the layer: adds to what is known of where it came from. */
  remember(read: Partial<LayerOrigin>): void {
    if (this.#origin) this.#origin = { ...this.#origin, ...read };
  }

  /** The weight of that name, or undefined. */
  weight(name: WeightName): Tensor | undefined {
    return this.weights.get(name);
  }

  /**
   * The weight of that name.
   *
   * @throws TypeError where the layer has none.
   */
  requireWeight(name: WeightName): Tensor {
    const tensor = this.weights.get(name);
    if (!tensor) throw new TypeError(`${this.name} (${this.className}) has no weight ${name}`);
    return tensor;
  }

  /**
   * Points the layer at another tensor. A bias may be new, and goes last, which is where Keras has it. Drops the layer's
   * {@link statistics}, which may not hold any more.
   *
   * @throws TypeError where it is no Tensor, or the layer has no weight of that name; RangeError where its shape is another.
   */
  setWeight(name: WeightName, tensor: Tensor): void {
    if (!(tensor instanceof Tensor)) throw new TypeError(`${this.path}/${name}: a weight must be a Tensor`);
    const present = this.weights.get(name);
    if (!present && name !== 'bias' && !weightNamesOf(this.operation)?.includes(name)) {
      throw new TypeError(
        `${this.path} has no weight ${name}; it has ${[...this.weights.keys()].join(', ') || 'none'}`,
      );
    }
    if (present && present.shape.join() !== tensor.shape.join()) {
      throw new RangeError(
        `${this.path}/${name}: the shape [${tensor.shape.join(', ')}] is not [${present.shape.join(', ')}]`,
      );
    }
    this.weights.set(name, tensor);
    this.statistics = undefined;
  }

  /** The dtype of the layer's first weight. */
  get weightDtype(): DType {
    return this.weights.values().next().value?.dtype ?? 'float32';
  }

  /** Number of weight elements, nested layers included. */
  get parameterCount(): number {
    if (this.model) return this.model.parameterCount;
    let count = 0;
    for (const tensor of this.weights.values()) count += tensor.size;
    return count;
  }
}
