/**
 * Bringing edits of an operation into the configuration that the layer was read with.
 *
 * @module
 */

import { type JsonObject, sameJson } from '../../json/value.ts';
import type { Layer } from '../../model/layer.ts';
import { activationOf, type Operation } from '../../model/operation.ts';
import { patchActivation, patchActivationLayer } from './parse/activation.ts';

/** Entries that say whether a layer has a weight. */
const WEIGHT_OPTIONS: readonly (readonly [entry: string, has: (operation: Operation) => boolean])[] = [
  ['use_bias', (operation) => 'useBias' in operation && operation.useBias],
  ['scale', (operation) => operation.kind === 'batchNorm' && operation.scale],
  ['center', (operation) => operation.kind === 'batchNorm' && operation.center],
];

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
  for (const [entry, has] of WEIGHT_OPTIONS) {
    if (has(before) !== has(now)) patched = { ...patched, [entry]: has(now) };
  }
  if (sameJson(activationOf(before), activationOf(now))) return patched;
  return now.kind === 'activation'
    ? patchActivationLayer(layer.className, patched, now.activation)
    : { ...patched, activation: patchActivation(config['activation'], activationOf(now)) };
}
