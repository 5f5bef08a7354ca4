/**
 * Layers that Keras 3 quantized itself, by `model.quantize()`: their kernels are whole numbers with a scale beside them.
 *
 * @module
 */

import { UnsupportedModelError } from '../errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../json/value.ts';
import type { Layer } from './layer.ts';
import type { Model } from './model.ts';
import type { SkipReason } from './skip-reason.ts';

/** How Keras quantized a layer with that `config`, such as `int8`; undefined where it did not. */
export function kerasQuantization(config: JsonObject): string | undefined {
  const { quantization_mode: mode, quantization_config: quantization } = config;
  return typeof mode === 'string' ? mode : (modeOf(quantization ?? null) ?? policyMode(policyOf(config)));
}

function modeOf(value: JsonValue): string | undefined {
  if (!isObject(value)) return undefined;
  const mode = isObject(value['config']) ? value['config']['mode'] : undefined;
  return typeof mode === 'string' ? mode : String(value['class_name']);
}

/** Of a policy: `int8_from_float32`, or an object with its mode. */
function policyMode(policy: JsonValue): string | undefined {
  if (typeof policy === 'string') return /^(.+)_from_/.exec(policy)?.[1];
  return isObject(policy) && /^Quantized.*DTypePolicy$/.test(String(policy['class_name']))
    ? modeOf(policy)
    : undefined;
}

/** The policy of a layer with that `config`: of a map from the paths of layers, its own or the usual one. */
export function policyOf({ dtype = null, name }: JsonObject): JsonValue {
  if (!isObject(dtype) || dtype['class_name'] !== 'DTypePolicyMap' || !isObject(dtype['config']))
    return dtype;
  const { policy_map: map, default_policy: usual } = dtype['config'];
  const own = Object.entries(isObject(map) ? map : {}).find(([path]) =>
    `/${path}`.endsWith(`/${String(name)}`),
  );
  return own?.[1] ?? usual ?? null;
}

/** A reason for each layer that Keras quantized, in the order of the model. */
export function kerasQuantizedReasons(model: Model): SkipReason[] {
  return [...model.allLayers()].flatMap(({ layer }) => {
    const mode = quantizedMode(layer);
    return mode === undefined ? [] : [{ code: 'quantized-by-keras', layers: [layer.path], mode }];
  });
}

/** @throws UnsupportedModelError where Keras quantized the layer, which stays in the format that was read. */
export function rejectQuantized(layer: Layer): void {
  const mode = quantizedMode(layer);
  if (mode === undefined) return;
  const reason = `quantized by Keras (${mode}), which no other format takes: give the model before quantize()`;
  throw new UnsupportedModelError('quantized layers', `${layer.path}: ${reason}`);
}

/** {@link kerasQuantization} of a layer that this left opaque. */
function quantizedMode({ operation, readConfig }: Layer): string | undefined {
  return operation.kind === 'opaque' ? kerasQuantization(readConfig) : undefined;
}
