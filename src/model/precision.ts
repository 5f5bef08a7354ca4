/**
 * In which floats a model keeps its weights, and in which it computes.
 *
 * @module
 */

import { InvalidModelError } from '../errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../json/value.ts';
import { type DType, isFloat, largestFinite } from '../tensor/dtype.ts';
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from '../tensor/half.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Layer } from './layer.ts';
import { Model } from './model.ts';

/** What {@link castWeights} makes weights of. */
export const WEIGHT_DTYPES = ['float32', 'float16', 'bfloat16'] as const;

/** One of the {@link WEIGHT_DTYPES}. */
export type WeightDType = (typeof WEIGHT_DTYPES)[number];

/** Policies of Keras whose layers compute in half floats, whatever their weights are kept in. */
const HALF_POLICIES: ReadonlyMap<JsonValue | undefined, 'float16' | 'bfloat16'> = new Map([
  ['mixed_float16', 'float16'],
  ['float16', 'float16'],
  ['mixed_bfloat16', 'bfloat16'],
  ['bfloat16', 'bfloat16'],
]);

/** In memory half floats are held as float32, and rounded only where a file is written. */
const HALVES: ReadonlyMap<DType, { toBits(value: number): number; toNumber(bits: number): number }> = new Map(
  [
    ['float16', { toBits: numberToFloat16, toNumber: float16ToNumber }],
    ['bfloat16', { toBits: numberToBfloat16, toNumber: bfloat16ToNumber }],
  ],
);

/** The precision of a layer as its configuration has it: the name of a policy, or an object with the name. */
export function policyOf(layer: Layer): JsonValue {
  return layer.readConfig['dtype'] ?? 'float32';
}

/** The name of the policy of a layer, such as `mixed_float16`. */
export function policyName(layer: Layer): JsonValue | undefined {
  return nameOf(policyOf(layer));
}

/** What a layer computes in: under a mixed policy kernels of float32 are rounded to half floats first. */
export function computeDtype(layer: Layer): DType {
  return HALF_POLICIES.get(policyName(layer)) ?? layer.weightDtype;
}

/**
 * A copy of a model whose float weights are of `dtype`, rounded to nearest. With `float32` it computes in float32 too: the policies
 * `mixed_float16` and their like become `float32`. With half floats the policies stay, and Keras has these weights in what they
 * say, so that the files alone are half as large.
 *
 * @throws RangeError where `dtype` is none; InvalidModelError, with the layer, where a weight is larger than it holds.
 */
export function castWeights(model: Model, dtype: WeightDType): Model {
  if (!(model instanceof Model)) throw new TypeError('expected a Model, such as loadModel gives');
  if (!WEIGHT_DTYPES.includes(dtype)) {
    throw new RangeError(`weights: '${dtype}'; choose from ${WEIGHT_DTYPES.join(', ')}`);
  }
  const copy = model.clone();
  for (const { layer } of copy.allLayers()) {
    for (const [name, tensor] of layer.weights) layer.weights.set(name, cast(layer, name, tensor, dtype));
  }
  if (dtype === 'float32') computeInFloat32(copy);
  return copy;
}

function computeInFloat32(model: Model): void {
  model.config = inFloat32(model.config) as JsonObject;
  for (const { outputs } of model.calls) {
    for (const tensor of outputs) if (isPolicy(tensor.dtype)) tensor.dtype = 'float32';
  }
  for (const layer of model.layers) {
    const { operation, origin } = layer;
    if (origin) layer.remember({ config: inFloat32(origin.config) as JsonObject });
    if (operation.kind === 'input' && isPolicy(operation.dtype)) {
      layer.operation = { ...operation, dtype: 'float32' };
    }
    if (layer.model) computeInFloat32(layer.model);
  }
}

function cast(layer: Layer, name: string, tensor: Tensor, dtype: WeightDType): Tensor {
  if (!isFloat(tensor.dtype) || tensor.dtype === dtype) return tensor;
  const values = tensor.toFloat64();
  const [most, reached] = [
    largestFinite(dtype),
    values.reduce((size, one) => Math.max(size, finite(one)), 0),
  ];
  if (reached > most) {
    const advice = dtype === 'float16' ? '; choose bfloat16, or leave them in float32' : '';
    throw new InvalidModelError(
      layer.path,
      `${name} has ${reached}, past ${most}, the largest ${dtype}${advice}`,
    );
  }
  const { toBits, toNumber } = HALVES.get(dtype) ?? {};
  const rounded = toBits && toNumber ? values.map((one) => toNumber(toBits(one))) : values;
  return Tensor.fromNumbers(dtype, tensor.shape, rounded);
}

function finite(value: number): number {
  return Number.isFinite(value) ? Math.abs(value) : 0;
}

/** A configuration with `float32` for every policy of floats, of layers inside of layers too. */
function inFloat32(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(inFloat32);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]): [string, JsonValue] => [
      key,
      key === 'dtype' ? policyInFloat32(one) : inFloat32(one),
    ]),
  );
}

function policyInFloat32(policy: JsonValue): JsonValue {
  if (!isPolicy(nameOf(policy))) return policy;
  return isObject(policy) ? { ...policy, config: { name: 'float32' } } : 'float32';
}

/** Whether a policy, or the dtype of a tensor, is one of other floats. */
function isPolicy(name: JsonValue | undefined): boolean {
  return HALF_POLICIES.has(name) || name === 'float64';
}

function nameOf(policy: JsonValue): JsonValue | undefined {
  if (!isObject(policy)) return policy;
  return isObject(policy['config']) ? policy['config']['name'] : undefined;
}
