/**
 * Bringing edits of an operation into the configuration that the layer was read with.
 *
 * @module
 */

import type { JsonObject, JsonValue } from '../../json/value.ts';
import type { Layer } from '../../model/layer.ts';
import { activationOf, type Operation } from '../../model/operation.ts';
import { patchActivation, patchActivationLayer } from './parse/activation.ts';

/**
 * The `config` of a layer with what was edited since it was read, and nothing else, changed.
 *
 * @throws UnsupportedModelError where an activation has no form in the layer's class.
 */
export function patchConfig(layer: Layer, config: JsonObject): JsonObject {
  const before = layer.origin?.operation;
  const now = layer.operation;
  if (before === undefined || before === now) return config;
  let patched = config;
  if (usesBias(before) !== usesBias(now)) patched = { ...patched, use_bias: usesBias(now) };
  if (!sameActivation(before, now)) {
    patched =
      now.kind === 'activation'
        ? patchActivationLayer(layer.className, patched, now.activation)
        : { ...patched, activation: patchActivation(config['activation'] as JsonValue, activationOf(now)) };
  }
  return patched;
}

function usesBias(operation: Operation): boolean {
  return 'useBias' in operation && operation.useBias;
}

function sameActivation(one: Operation, other: Operation): boolean {
  return JSON.stringify(activationOf(one)) === JSON.stringify(activationOf(other));
}
