import type * as TfjsCore from '@tensorflow/tfjs-core';
import type * as TfjsLayers from '@tensorflow/tfjs-layers';
import { CannotRunError, CrosslayerError, messageOf, UnsupportedModelError } from '../../errors.ts';
import { tfjsDifference } from '../../formats/keras-config/tfjs/differences-from-keras.ts';
import { kerasWeightName, orderedWeightNames } from '../../formats/keras-weight-names.ts';
import { MAX_ARRAY_BYTES } from '../../formats/limits.ts';
import { isObject, type JsonObject, type JsonValue, ownEntry } from '../../json/value.ts';
import type { GraphCall, GraphTensor } from '../../model/graph.ts';
import { emptyOutputReason } from '../../model/shapes.ts';
import { sizeOf } from '../../tensor/dtype.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { count, dimensionsText } from '../../text/numbers.ts';
import { type SoloLayer, soloLayer } from './solo-layer.ts';
import { fillOnHeap, toTfjs } from './tensor-transfer.ts';
import { type Tfjs, withBackend } from './tfjs-backend.ts';

/** What a layer made, and the masks that go with it. */
export interface LayerResult {
  readonly outputs: readonly TfjsCore.Tensor[];
  /** For each output; empty where masks were not asked for. */
  readonly masks: readonly (TfjsCore.Tensor | undefined)[];
}

type Masks = readonly (TfjsCore.Tensor | undefined)[];
type Feed = TfjsCore.Tensor | TfjsCore.Tensor[];
/** In the structure of the feed. */
type Mask = TfjsCore.Tensor | (TfjsCore.Tensor | null)[] | null;

/** A layer of a model in TF.js, with its weights. */
export class LoadedLayer {
  /** The tensors of the graph that it reads, each once. */
  readonly inputs: readonly GraphTensor[];
  /** The mask that it is given as an argument of its own. */
  readonly mask: GraphTensor | undefined;
  readonly #tfjs: Tfjs;
  readonly #call: GraphCall;
  readonly #model: TfjsLayers.LayersModel;

  private constructor(
    tfjs: Tfjs,
    call: GraphCall,
    model: TfjsLayers.LayersModel,
    { inputs, mask }: Pick<SoloLayer, 'inputs' | 'mask'>,
  ) {
    this.#tfjs = tfjs;
    this.#call = call;
    this.#model = model;
    this.inputs = inputs;
    this.mask = mask;
  }

  /**
   * Makes the layer of `call` in TF.js and gives it its weights.
   *
   * @param fed what flows into the call
   * @throws CannotRunError where TF.js has no such layer, or would compute something else than Keras.
   */
  static async load(
    tfjs: Tfjs,
    call: GraphCall,
    fed: (tensor: GraphTensor) => TfjsCore.Tensor,
  ): Promise<LoadedLayer> {
    let model: TfjsLayers.LayersModel | undefined;
    try {
      const [read] = call.inputs;
      const reason = emptyOutputReason(call.layer.operation, read && fed(read).shape);
      if (reason !== undefined) throw cannotRun(call, reason);
      const solo = soloLayer(call, fed, Math.max(1, call.outputs.length), tfjs.classes.operatorAsLayer);
      const fault = faultOf(tfjs.classes, solo.config);
      if (fault !== undefined) throw cannotRun(call, fault);
      model = await modelFrom(tfjs, withLargeDense(tfjs.classes, call, solo.config));
      refuseSizes(call, model.layers, Math.max(1, ...solo.inputs.map((tensor) => fed(tensor).shape[0] ?? 1)));
      setWeights(tfjs, call, model);
      return new LoadedLayer(tfjs, call, model, solo);
    } catch (error) {
      model?.dispose();
      throw asCannotRun(call, error);
    }
  }

  /**
   * The outputs for `inputs`, which stay; on the CPU where the backend lacks what the layer computes with.
   *
   * @throws CannotRunError where TF.js fails.
   */
  async run(inputs: readonly TfjsCore.Tensor[], masks: Masks | undefined): Promise<LayerResult> {
    try {
      return this.#apply(inputs, masks);
    } catch (error) {
      if (!isMissingKernel(error)) throw asCannotRun(this.#call, error);
    }
    try {
      return await withBackend(this.#tfjs.core, 'cpu', async () => this.#apply(inputs, masks));
    } catch (error) {
      throw asCannotRun(this.#call, error);
    }
  }

  #apply(inputs: readonly TfjsCore.Tensor[], masks: Masks | undefined): LayerResult {
    const { core } = this.#tfjs;
    const outputs: TfjsCore.Tensor[] = [];
    let made: Masks = [];
    core.tidy(() => {
      // Dropout and its like give back the very tensor that they were given, and an LSTM one of them twice.
      const taken = new Set<unknown>([...inputs, ...(masks ?? [])]);
      const own = (tensor: TfjsCore.Tensor): TfjsCore.Tensor => {
        const copy = taken.has(tensor) ? tensor.clone() : tensor;
        taken.add(copy);
        return core.keep(copy);
      };
      const feed = oneOrList(inputs);
      const mask = masks?.some((one) => one) ? oneOrList(masks.map((one) => one ?? null)) : null;
      outputs.push(...this.#outputsOf(feed, mask).map(own));
      if (masks) made = this.#maskOf(feed, mask).map((one) => (one ? own(one) : undefined));
    });
    return { outputs, masks: made };
  }

  #outputsOf(feed: Feed, mask: Mask): TfjsCore.Tensor[] {
    // A model of TF.js passes no mask on to its layers that it is called with.
    const target = mask === null ? this.#model : (this.#onlyLayer ?? this.#model);
    return listed(target.apply(feed as never, mask === null ? {} : { mask }));
  }

  #maskOf(feed: Feed, mask: Mask): (TfjsCore.Tensor | null)[] {
    const layer = this.#onlyLayer;
    return layer?.supportsMasking ? listed(layer.computeMask(feed as never, mask as never)) : [];
  }

  /** The layer beside the inputs; undefined where TF.js needs two to compute what one does in Keras. */
  get #onlyLayer(): TfjsLayers.layers.Layer | undefined {
    const { layers } = this.#model;
    return layers.length === this.inputs.length + 1 ? layers.at(-1) : undefined;
  }

  dispose(): void {
    this.#model.dispose();
  }
}

/**
 * The model of a configuration. TF.js leaves tensors behind that it makes initial values with, and where it throws the
 * variables that it had made by then. It makes everything before it gives its promise, so that nobody else's tensors are
 * among those disposed here.
 */
async function modelFrom(
  { core, layers, classes }: Tfjs,
  config: JsonObject,
): Promise<TfjsLayers.LayersModel> {
  const engine = core.engine();
  const before = new Set(Object.keys(engine.registeredVariables));
  engine.startScope();
  const made = layers.models.modelFromJSON({ modelTopology: config } as never, classes.customLayers as never);
  engine.endScope();
  const variables = Object.entries(engine.registeredVariables).filter(([name]) => !before.has(name));
  try {
    return await made;
  } catch (error) {
    for (const [, variable] of variables) variable.dispose();
    throw error;
  }
}

/** TF.js takes one tensor alone and several as a list. */
function oneOrList<Item>(items: readonly Item[]): Item | Item[] {
  const [first] = items;
  return items.length === 1 && first !== undefined ? first : [...items];
}

function listed<Item>(value: unknown): Item[] {
  return (Array.isArray(value) ? value : [value]) as Item[];
}

/** The configuration with the class that takes a large kernel in slabs. */
function withLargeDense({ LargeDense }: Tfjs['classes'], { layer }: GraphCall, solo: JsonObject): JsonObject {
  const isLarge = layer.className === 'Dense' && LargeDense.suits(layer.requireWeight('kernel'));
  if (!isLarge) return solo;
  const config = solo['config'] as JsonObject;
  const entries = (config['layers'] as JsonObject[]).map((entry) =>
    entry['class_name'] === 'Dense' ? { ...entry, class_name: 'LargeDense' } : entry,
  );
  return { ...solo, config: { ...config, layers: entries } };
}

function setWeights({ core, classes }: Tfjs, call: GraphCall, model: TfjsLayers.LayersModel): void {
  const { layer } = call;
  let names = orderedWeightNames(layer);
  const large = model.layers.find((one) => one instanceof classes.LargeDense);
  if (large) {
    large.kernel = layer.requireWeight('kernel');
    names = names.filter((name) => name !== 'kernel');
  }
  const owner = model.layers.find(({ weights }) => weights.length > 0);
  // Seeds of random layers have no place in TF.js, and no effect in inference.
  if (!owner) return;
  const tensors = names.map((name) => layer.weights.get(name) as Tensor);
  if (tensors.length !== owner.weights.length) {
    throw cannotRun(
      call,
      `TF.js gives it ${owner.weights.length} weights (${owner.weights.map(({ originalName }) => originalName).join(', ')}), ` +
        `and the model has ${tensors.length} (${[...layer.weights.keys()].join(', ')})`,
    );
  }
  checkNames(call, names, owner.weights);
  for (const [index, tensor] of tensors.entries()) {
    const variable = owner.weights[index] as TfjsLayers.LayerVariable;
    if (fillOnHeap(core, variable.read(), tensor)) continue;
    // One at a time, so that memory holds one of them twice and not all.
    const loaded = toTfjs(core, tensor);
    try {
      variable.write(loaded);
    } finally {
      loaded.dispose();
    }
  }
}

/** Weights of wrappers have no names of ours, and several of one shape could be taken for one another. */
function checkNames(
  call: GraphCall,
  names: readonly string[],
  variables: readonly TfjsLayers.LayerVariable[],
): void {
  for (const [index, { originalName }] of variables.entries()) {
    const name = names[index];
    const ours = name === undefined ? '' : lastName(kerasWeightName(name));
    const theirs = lastName(originalName);
    if (ours !== theirs && BATCH_NORM_WEIGHTS.has(ours) && BATCH_NORM_WEIGHTS.has(theirs)) {
      throw cannotRun(
        call,
        `its weights come in another order than TF.js has them: ${ours} in the place of ${theirs}`,
      );
    }
  }
}

/**
 * A window may be larger than what it slides over, and a small file can ask for any amount of memory: padding, sizes of
 * upsampling, repetitions are numbers in it.
 */
function refuseSizes(call: GraphCall, layers: readonly TfjsLayers.layers.Layer[], samples: number): void {
  for (const layer of layers) {
    const [tensor] = listed<TfjsLayers.SymbolicTensor>(layer.output);
    if (!tensor) continue;
    // A model inside TimeDistributed is called with all steps as samples.
    const inner = (layer as { readonly layer?: Partial<TfjsLayers.LayersModel> }).layer?.layers;
    if (inner) refuseSizes(call, inner, samples * (tensor.shape[1] ?? 1));
    if (tensor.shape.some((size) => size !== null && size <= 0)) {
      throw cannotRun(call, `it leaves no output, a tensor of shape ${dimensionsText(tensor.shape)}`);
    }
    const bytes = 4 * samples * sizeOf(tensor.shape.slice(1).map((size) => size ?? 1));
    if (!(bytes > MAX_ARRAY_BYTES)) continue;
    throw cannotRun(
      call,
      `what it makes of ${count(samples, 'sample')} takes ${(bytes / 2 ** 30).toFixed(1)} GiB, and a tensor may take 2 GiB ` +
        'here; run the model in Keras',
    );
  }
}

/** Vectors of one length. */
const BATCH_NORM_WEIGHTS: ReadonlySet<string> = new Set(['gamma', 'beta', 'moving_mean', 'moving_variance']);

function lastName(name: string): string {
  return (name.split('/').at(-1) ?? name).replace(/:0$/, '');
}

/** Why TF.js cannot run one of the layers in a configuration, or would compute something else; undefined where it can. */
function faultOf(classes: Tfjs['classes'], config: JsonObject): string | undefined {
  const { class_name: className, config: inner } = config;
  if (typeof className !== 'string' || !isObject(inner)) return undefined;
  const own = classes.isCustomLayer(className);
  if (!own && !classes.runnableClasses().has(className)) return `TF.js has no layer ${className}`;
  const difference = own ? undefined : tfjsDifference(className, inner);
  if (difference !== undefined) return difference;
  const nested = ['layers', 'layer', 'cell', 'cells', 'backward_layer'].flatMap((key): JsonValue[] => {
    const value = ownEntry(inner, key) ?? [];
    return Array.isArray(value) ? value : [value];
  });
  for (const one of nested) {
    const fault = isObject(one) ? faultOf(classes, one) : undefined;
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function cannotRun({ layer, path }: GraphCall, reason: string, cause?: unknown): CannotRunError {
  return new CannotRunError(path, `${layer.className} cannot be run: ${reason}`, { cause });
}

function asCannotRun(call: GraphCall, error: unknown): unknown {
  if (error instanceof UnsupportedModelError) return cannotRun(call, error.message, error);
  // A file that cannot be read, say, is no fault of TF.js.
  if (error instanceof CrosslayerError) return error;
  return cannotRun(call, messageOf(error), error);
}

function isMissingKernel(error: unknown): boolean {
  return (
    error instanceof Error &&
    /not registered for backend|is not supported|not yet supported/i.test(error.message)
  );
}
