/**
 * Layers that no file has: made beside a layer of a model, with the configuration that the Keras of the model's dialect
 * would have written for them, so that every format can write them.
 *
 * @module
 */

import type { JsonObject } from '../json/value.ts';
import { Tensor } from '../tensor/tensor.ts';
import { freeName } from '../text/names.ts';
import { Layer } from './layer.ts';
import type { Dialect, Model } from './model.ts';
import { type Activation, activationOf, type CapOperation, type Operation } from './operation.ts';
import { policyName, policyOf } from './precision.ts';

/** Where a new layer will stand. */
export interface NewLayerPlace {
  /** The model that will hold it; its dialect decides the form of the configuration. */
  readonly owner: Model;
  /** A layer of {@link owner} next to it, whose precision it takes. */
  readonly beside: Layer;
  /** Free in the model; see {@link freeLayerName}. */
  readonly name: string;
}

/**
 * Epsilon of an affine map. A power of two, so that `(1 - epsilon) + epsilon` is 1 in every float type that the variance
 * may be kept in (bfloat16 has the fewest digits, and holds `1 - 2^-8`), and well above the 1e-5 below which cuDNN does
 * not go.
 */
const AFFINE_EPSILON = 2 ** -8;

/**
 * A BatchNormalization that computes `factors[c] x + shifts[c]`, without rounding besides that of the product and the sum:
 * `gamma = factors`, `beta = shifts`, mean 0, and a variance that makes 1 with epsilon. It is frozen, because training
 * would change its statistics.
 *
 * @param axis that of the channels, as Keras counts it: the batch is 0, the last one -1.
 * @throws RangeError where there are not as many shifts as factors.
 */
export function newAffine(
  place: NewLayerPlace,
  axis: number,
  factors: Float64Array,
  shifts: Float64Array,
): Layer {
  if (factors.length !== shifts.length) {
    throw new RangeError(`${place.name}: ${factors.length} factors and ${shifts.length} shifts`);
  }
  const dtype = policyName(place.beside) === 'float64' ? 'float64' : 'float32';
  const tensor = (values: Float64Array): Tensor => Tensor.fromNumbers(dtype, [values.length], values);
  const weights = new Map([
    ['gamma', tensor(factors)],
    ['beta', tensor(shifts)],
    ['movingMean', tensor(new Float64Array(factors.length))],
    ['movingVariance', tensor(new Float64Array(factors.length).fill(1 - AFFINE_EPSILON))],
  ]);
  const epsilon = AFFINE_EPSILON;
  return newLayer(place, {
    className: 'BatchNormalization',
    operation: { kind: 'batchNorm', axes: [axis], epsilon, scale: true, center: true },
    config: { axis, momentum: 0.99, epsilon, center: true, scale: true },
    trainable: false,
    weights,
  });
}

/** A BatchNormalization that computes `minuends[c] - x`; see {@link newAffine}. */
export function newNegation(place: NewLayerPlace, axis: number, minuends: Float64Array): Layer {
  return newAffine(place, axis, new Float64Array(minuends.length).fill(-1), minuends);
}

/** The operator that caps channels; what it computes stands in its call when it is written. */
export function newCap(place: NewLayerPlace, maxima: Float64Array, axis: number): Layer {
  const operation: CapOperation = { kind: 'cap', maxima, axis };
  return layerAt(place, capEntry(place.name, place.owner.dialect, namesModules(place)), { operation });
}

/** The entry of an operator that caps, without its `inbound_nodes`. */
export function capEntry(
  name: string,
  dialect: Dialect,
  hasModule: boolean = dialect === 'keras3',
): JsonObject {
  if (dialect === 'keras3') {
    return {
      ...{ module: 'keras.src.ops.numpy', class_name: 'Minimum' },
      ...{ config: { name }, registered_name: 'Minimum' },
    };
  }
  const className = 'TFOpLambda';
  const entry = {
    class_name: className,
    config: { name, trainable: true, dtype: 'float32', function: 'math.minimum' },
  };
  return hasModule
    ? { module: 'keras.src.layers.core.tf_op_layer', ...entry, registered_name: className }
    : entry;
}

/** A ReLU layer. */
export function newRelu(place: NewLayerPlace, activation: Activation & { readonly kind: 'relu' }): Layer {
  const { maxValue, negativeSlope, threshold } = activation;
  return newLayer(place, {
    className: 'ReLU',
    operation: { kind: 'activation', activation },
    config: { max_value: maxValue ?? null, negative_slope: negativeSlope, threshold },
  });
}

/**
 * An Activation layer of the activation that is fused into `beside`, in the form in which that one has it.
 *
 * @throws TypeError where none is.
 */
export function newActivation(place: NewLayerPlace): Layer {
  const { operation, origin, path, readConfig } = place.beside;
  if (!('activation' in operation)) throw new TypeError(`${path} has no activation`);
  const read = activationOf(origin?.operation ?? operation);
  return newLayer(place, {
    className: 'Activation',
    operation: { kind: 'activation', activation: operation.activation },
    config: { activation: readConfig['activation'] ?? 'linear' },
    // What it is now is patched into what was read, where it was edited.
    readOperation: { kind: 'activation', activation: read },
  });
}

/**
 * `wanted`, or that with a number where a layer of `model` or of a model nested in it has the name: TF.js knows the weights
 * of nested models by the names of the innermost layers.
 *
 * @param taken names that layers will have that are not in the model yet; the one found is added.
 */
export function freeLayerName(model: Model, wanted: string, taken: Set<string> = new Set()): string {
  const name = freeName(wanted, (one) => taken.has(one) || isTaken(model, one));
  taken.add(name);
  return name;
}

function isTaken(model: Model, name: string): boolean {
  return model.layers.some((layer) => layer.name === name || (layer.model && isTaken(layer.model, name)));
}

/** What a new layer is, apart from its place. */
export interface LayerParts {
  readonly className: string;
  readonly operation: Operation;
  /** What {@link config} says; {@link operation} where it is left out. */
  readonly readOperation?: Operation;
  /** Its own entries; the precision is that of the layer beside it, unless there is a `dtype` among them. */
  readonly config: JsonObject;
  /** True where it is left out. */
  readonly trainable?: boolean;
  /** None where they are left out. */
  readonly weights?: Map<string, Tensor>;
}

/** A layer with the configuration that Keras would have written for it. */
export function newLayer(place: NewLayerPlace, parts: LayerParts): Layer {
  const { className, trainable = true } = parts;
  const config = { name: place.name, trainable, dtype: policyOf(place.beside), ...parts.config };
  const entry: JsonObject = namesModules(place)
    ? { module: 'keras.layers', class_name: className, config, registered_name: null }
    : { class_name: className, config };
  return layerAt(place, entry, parts);
}

function layerAt(
  { beside, name }: NewLayerPlace,
  config: JsonObject,
  parts: Omit<LayerParts, 'className' | 'config'>,
): Layer {
  const { operation, readOperation = operation, trainable = true, weights = new Map() } = parts;
  return new Layer({
    name,
    path: beside.path.slice(0, beside.path.length - beside.name.length) + name,
    className: String(config['class_name']),
    operation,
    weights,
    trainable,
    origin: { config, operation: readOperation, weights: new Map() },
  });
}

/** Keras 2.13 and newer names modules in `.keras` files, and none in HDF5 files. */
function namesModules({ owner, beside }: NewLayerPlace): boolean {
  return owner.dialect === 'keras3' || beside.origin?.config['module'] !== undefined;
}
