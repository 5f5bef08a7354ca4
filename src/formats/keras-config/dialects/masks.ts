/**
 * The steps of a sequence that layers do not look at: masks, which Keras 2 and TF.js hand on from layer to layer unseen, and
 * Keras 3 also computes with operators and passes by name.
 *
 * @module
 */

import { UnsupportedModelError } from '../../../errors.ts';
import { type JsonObject, ownEntry } from '../../../json/value.ts';
import { isCustomClass, type Layer } from '../../../model/layer.ts';
import { MASK_ARGUMENTS, makesMask, maskInputs } from '../../../model/masks.ts';
import type { Call, CallArgument, Dialect, Model, ModelTensor } from '../../../model/model.ts';
import { words } from '../../../text/names.ts';
import { configOf, isSerialized } from '../serialized-objects.ts';
import type { Warn } from '../tfjs/config-entries.ts';
import { FAILS, OTHERWISE, opensWith } from '../tfjs/differences-from-keras.ts';
import { TFJS_LAYERS } from '../tfjs/registered-classes.ts';
import { withoutMaskArguments } from './dropped-masks.ts';
import { canonicalName, OperatorArguments } from './operator-arguments.ts';
import { isOperator } from './operator-layers.ts';
import { RECURRENT } from './recurrent-states.ts';

/** Whose rules say what becomes of a mask behind a layer. */
type Rules = Dialect | 'tfjs';

/** Steps that are shown, as a formula over tensors; undefined where all of them are. */
type Mask = string | undefined;

/** What is known of a tensor. */
interface Value {
  readonly id: string;
  readonly mask: Mask;
  /** The formula, of a tensor that is a mask itself. */
  readonly shows?: Mask;
}

/** What a call takes for masks. */
interface TakenMasks {
  readonly layer: Layer;
  readonly masks: readonly Mask[];
}

/** Before the formula of a mask that was given an axis of channels. */
const WIDE = '+';
/** A mask of a layer that TF.js ran before, perhaps: it depends on its order. */
const OF_ANOTHER = 'of another layer';
/** Before the path and class of the layer that merges masks in TF.js to one that no layer of it can take. */
const UNUSABLE = 'unusable of ';

const MERGES = words('Add Average Maximum Minimum Multiply Subtract');
const ATTENTION = words('AdditiveAttention Attention GroupQueryAttention MultiHeadAttention');
const TAKERS = new Set([...RECURRENT, ...ATTENTION, 'GlobalAveragePooling1D', 'Softmax']);

/** Layers whose output has the mask of their first input: in both Kerases, in one of them, in TF.js. */
const CARRIERS = words(`
  Activation ActivityRegularization AdditiveAttention AlphaDropout Attention BatchNormalization Dense Dropout ELU
  GaussianDropout GaussianNoise GroupNormalization LayerNormalization LeakyReLU MultiHeadAttention PReLU ReLU Softmax
  SpatialDropout1D SpatialDropout2D SpatialDropout3D TimeDistributed UnitNormalization
`);
const CARRIERS_OF: Readonly<Record<Dialect, ReadonlySet<string>>> = {
  keras2: words('ThresholdedReLU'),
  keras3: words('GroupQueryAttention Identity Normalization Rescaling'),
};
const CARRIERS_OF_TFJS = words(`
  Activation ActivityRegularization AlphaDropout BatchNormalization Dense Dropout GaussianDropout GaussianNoise Identity
  LayerNormalization PReLU ReLU SpatialDropout1D TimeDistributed
`);

/**
 * `model` as it is written for the other Keras or for TF.js, where masks go from layer to layer by themselves: without the
 * operators of Keras 3 that compute them and without the arguments that pass them. The model itself where it has none.
 *
 * @param warn is told, for TF.js, of layers that take other masks there than in Keras.
 * @throws UnsupportedModelError, for Keras, with the first such layer.
 */
export function withMasksOf(model: Model, target: Rules, warn?: Warn): Model {
  const expected = masksTaken(model, model.dialect);
  for (const [index, taken] of masksTaken(model, target).entries()) {
    const here = expected[index]?.masks ?? [];
    if (taken.masks.some((mask, place) => mask !== here[place])) differs(taken, target, warn);
  }
  return model.dialect === 'keras3' ? withoutMaskArguments(model) : model;
}

function differs({ layer, masks }: TakenMasks, target: Rules, warn: Warn | undefined): void {
  const { path, className } = layer;
  const where = `${path} (${className})`;
  const keras = `Keras ${target === 'keras3' ? 3 : 2}`;
  if (target !== 'tfjs') {
    throw new UnsupportedModelError(
      'masks',
      `${where}: its mask hides other steps in ${keras}; write the model in the format that it was read from, or give ` +
        'all tensors merged before it the same mask',
    );
  }
  const what = `${where}: ${differenceInTfjs(where, masks)}`;
  warn?.(what, { path, className, opens: opensWith(what) });
}

function differenceInTfjs(where: string, masks: readonly Mask[]): string {
  const merge = masks.find((mask) => mask?.startsWith(UNUSABLE))?.slice(UNUSABLE.length);
  if (merge === where) return `what it reads has a mask: ${FAILS}`;
  if (merge !== undefined) return `it takes the mask of ${merge}, which merges masks: ${FAILS}`;
  return masks.includes(OF_ANOTHER)
    ? 'TF.js may give it the mask of a layer before it and compute something else'
    : `a mask hides other steps from it in TF.js than in Keras: ${OTHERWISE}`;
}

/**
 * Layers that Keras 3 computes a mask behind with an operator that it calls `concatenate`, with a number perhaps: it refuses a
 * layer of the same name.
 */
export function concatenatesOfMasks(model: Model): ReadonlySet<Layer> {
  const walk = new MaskWalk(model.dialect, 'keras3');
  walk.runWhole(model);
  return walk.concatenates;
}

/** The masks of all calls that compute something else with one, in an order that is the same for all rules. */
function masksTaken(model: Model, rules: Rules): TakenMasks[] {
  const walk = new MaskWalk(model.dialect, rules);
  walk.runWhole(model);
  return walk.taken;
}

/** Goes through a model with the masks that its tensors have. */
class MaskWalk {
  readonly taken: TakenMasks[] = [];
  /** Layers that concatenate tensors of which one has a mask. */
  readonly concatenates = new Set<Layer>();
  readonly #dialect: Dialect;
  readonly #rules: Rules;
  #count = 0;
  #hasMasks = false;

  constructor(dialect: Dialect, rules: Rules) {
    this.#dialect = dialect;
    this.#rules = rules;
  }

  runWhole(model: Model): void {
    this.#run(
      model,
      model.inputs.map(() => this.#value(undefined)),
    );
  }

  #value(mask: Mask, shows?: Mask): Value {
    this.#count++;
    this.#hasMasks ||= mask !== undefined;
    return { id: `t${this.#count}`, mask, shows };
  }

  #run(model: Model, inputs: readonly Value[]): Value[] {
    const values = new Map<ModelTensor, Value>();
    for (const [index, tensor] of model.inputs.entries()) {
      const value = inputs[index];
      if (value) values.set(tensor, value);
    }
    const knownOf = (tensor: ModelTensor): Value => values.get(tensor) ?? this.#value(undefined);
    for (const call of model.calls) {
      if (call.layer.operation.kind === 'input') continue;
      const made = this.#call(call, call.inputs.map(knownOf));
      for (const [index, output] of call.outputs.entries()) {
        values.set(output, made[index] ?? this.#value(undefined));
      }
    }
    return model.outputs.map(knownOf);
  }

  #call(call: Call, given: readonly Value[]): Value[] {
    const { layer } = call;
    const named = this.#rules === this.#dialect ? namedMasks(call, given) : new Map<number, Mask>();
    const passed = new Set(maskInputs(call));
    const read = given.filter((_, index) => !passed.has(index));
    const masks = read.map(({ mask }, index) => (named.has(index) ? named.get(index) : mask));
    if (layer.model && !layer.steps) {
      // TF.js gives the mask to every layer inside, those that take none included.
      const isLost = this.#rules === 'tfjs' && masks.some((mask) => mask !== undefined);
      this.taken.push({ layer, masks: isLost ? [`${UNUSABLE}${layer.path} (${layer.className})`] : [] });
      const inner = read.map((value, index) => ({ ...value, mask: masks[index] }));
      const outputs = this.#run(layer.model, inner);
      return this.#rules === 'tfjs' ? outputs.map(({ id }) => ({ id, mask: undefined })) : outputs;
    }
    if (takesMask(layer)) {
      const most = ATTENTION.has(layer.className) || !TAKERS.has(layer.className) ? masks.length : 1;
      this.taken.push({ layer, masks: masks.slice(0, most).map((mask) => this.#seen(layer, mask)) });
    }
    const isOperatorHere = isOperatorLayer(layer) && this.#rules === this.#dialect;
    const mask = isOperatorHere ? undefined : this.#behind(call, read, masks);
    const shows = isOperatorLayer(layer) ? formulaOf(call, given) : undefined;
    // Only the first output of a layer has a mask, but for both directions of a Bidirectional.
    const both = layer.className === 'Bidirectional' && layer.readConfig['merge_mode'] === null;
    return call.outputs.map((_, index) => this.#value(index === 0 || both ? mask : undefined, shows));
  }

  /** What a layer makes of the mask that it takes. */
  #seen({ className, readConfig }: Layer, mask: Mask): Mask {
    if (this.#rules !== 'tfjs') return mask;
    // TF.js has no masks in its pooling, and gives every layer behind a masked one that one's mask.
    if (className === 'GlobalAveragePooling1D') return undefined;
    if (mask === undefined && this.#hasMasks) return OF_ANOTHER;
    return className === 'Bidirectional' && returnsSequence(readConfig) && mask !== undefined
      ? 'with repeated outputs'
      : mask;
  }

  /** The mask of a layer's output. */
  #behind(call: Call, read: readonly Value[], masks: readonly Mask[]): Mask {
    const { className, readConfig, operation } = call.layer;
    const [mask] = masks;
    const id = read[0]?.id ?? '';
    if (MERGES.has(className) || operation.kind === 'merge') return this.#merged(call.layer, masks);
    if (className === 'Concatenate' || operation.kind === 'concatenate') {
      const axis = operation.kind === 'concatenate' ? operation.axis : Number(readConfig['axis'] ?? -1);
      if (masks.some((one) => one !== undefined)) this.concatenates.add(call.layer);
      return this.#concatenated(call, masks, axis);
    }
    if (makesMask(call.layer)) {
      return className === 'Embedding'
        ? `${id} != 0`
        : `any(${id} != ${Number(readConfig['mask_value'] ?? 0)})`;
    }
    if (RECURRENT.has(className)) return returnsSequence(readConfig) ? mask : undefined;
    return this.#carries(call.layer) ? mask : undefined;
  }

  #carries(layer: Layer): boolean {
    const { className, operation, origin } = layer;
    // An operator goes as the layer that computes the same.
    if (isOperatorLayer(layer)) return /^(activation|identity|rescaling)$/.test(operation.kind);
    if (isCustomClass(origin?.config)) return true;
    if (this.#rules === 'tfjs') {
      const isOfTfjs = TFJS_LAYERS.has(className) || CARRIERS_OF_TFJS.has(className);
      if (isOfTfjs) return CARRIERS_OF_TFJS.has(className);
    }
    const dialect = this.#rules === 'tfjs' ? 'keras2' : this.#rules;
    return CARRIERS.has(className) || CARRIERS_OF[dialect].has(className);
  }

  #merged({ path, className }: Layer, masks: readonly Mask[]): Mask {
    const isUnusable = this.#rules === 'tfjs' && masks.some((mask) => mask !== undefined);
    if (isUnusable) return `${UNUSABLE}${path} (${className})`;
    return this.#rules === 'keras3' ? either(masks) : both(masks);
  }

  #concatenated(call: Call, masks: readonly Mask[], axis: number): Mask {
    if (!isOfChannels(call, axis)) return inTurn(masks);
    return this.#rules === 'keras3' ? either(masks) : both(masks);
  }
}

/** Whether an axis of what a call reads is the last one, and not that of steps. */
function isOfChannels({ inputs }: Call, axis: number): boolean {
  return axis === -1 || axis + 1 === inputs[0]?.shape?.length;
}

/** Whether a recurrent layer, or the one inside of a Bidirectional, gives an output for each step. */
function returnsSequence(config: JsonObject): boolean {
  const { layer, return_sequences: sequence } = config;
  return isSerialized(layer) ? returnsSequence(configOf(layer)) : sequence === true;
}

/** What all masks show: Keras 2. */
function both(masks: readonly Mask[]): Mask {
  return joined(
    masks.filter((mask) => mask !== undefined),
    'and',
  );
}

/** What any mask shows, all steps where one is missing: Keras 3. */
function either(masks: readonly Mask[]): Mask {
  return masks.includes(undefined) ? undefined : joined(masks, 'or');
}

function joined(masks: readonly Mask[], word: string): Mask {
  const parts = masks.flatMap((mask) =>
    mask?.startsWith('(') ? mask.slice(1, -1).split(` ${word} `) : [mask],
  );
  const [only, ...others] = [...new Set(parts)].sort();
  return others.length === 0 ? only : `(${[only, ...others].join(` ${word} `)})`;
}

/** Masks of sequences that follow one another. */
function inTurn(masks: readonly Mask[]): Mask {
  if (masks.every((mask) => mask === undefined)) return undefined;
  return `[${masks.map((mask) => mask ?? 'all').join(', ')}]`;
}

function isOperatorLayer({ origin }: Layer): boolean {
  return origin !== undefined && isOperator(origin.config);
}

/** Whether a layer computes something else with a mask, or may. */
function takesMask({ className, origin, model, operation }: Layer): boolean {
  if (model) return model.layers.some(takesMask);
  return TAKERS.has(className) || (operation.kind === 'opaque' && isCustomClass(origin?.config));
}

/** What an operator of Keras 3 that makes a mask shows. */
function formulaOf(call: Call, given: readonly Value[]): Mask {
  const { origin } = call.layer;
  if (!origin) return undefined;
  const args = new OperatorArguments(origin.config, call);
  const [first] = given;
  switch (canonicalName(origin.config)) {
    case 'notequal':
      return `${first?.id} != ${Number(args.value(1, 'x2', 'y'))}`;
    case 'any': {
      const { shows } = first ?? {};
      if (shows === undefined) return undefined;
      return shows.includes(WIDE) ? shows.replaceAll(WIDE, '') : `any(${shows})`;
    }
    case 'expanddims':
      return first?.shows && `${WIDE}${first.shows}`;
    case 'zeroslike':
      return 'none';
    case 'logicalor':
      return joined(
        given.map(({ shows }) => shows).filter((shows) => shows !== 'none'),
        'or',
      );
    case 'concatenate': {
      const axis = Number(args.value(1, 'axis') ?? -1);
      const masks = given.map(({ shows }) => shows);
      return isOfChannels(call, axis) ? either(masks) : inTurn(masks);
    }
    default:
      return undefined;
  }
}

/** The masks that a call is given by name, by the place of the tensor that each belongs to. */
function namedMasks(call: Call, given: readonly Value[]): Map<number, Mask> {
  const masks = new Map<number, Mask>();
  const take = (argument: CallArgument, place: number): void => {
    if ('list' in argument) argument.list.forEach(take);
    else if ('tensor' in argument) {
      const value = given[argument.tensor];
      masks.set(place, value?.shows ?? value?.id);
    }
  };
  for (const [name, place] of MASK_ARGUMENTS) {
    const argument = ownEntry(call.kwargs, name);
    if (argument) take(argument, place);
  }
  return masks;
}
