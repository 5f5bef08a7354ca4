/**
 * What a model says of itself beside its layers, from one dialect to the other.
 *
 * @module
 */

import { isObject, type JsonObject, type JsonValue } from '../../../json/value.ts';
import type { Dialect, Model } from '../../../model/model.ts';

/** Entries of a Sequential or Functional that Keras 2 does not write. */
const KERAS3_ONLY = new Set(['dtype', 'build_input_shape']);

/** The `config` of a model whose layers are in `dialect` already, with the rest brought into `dialect`. */
export function convertModelBody(model: Model, body: JsonObject, dialect: Dialect): JsonObject {
  return dialect === 'keras3' ? toKeras3Body(model, body) : toKeras2Body(model, body);
}

function toKeras2Body(model: Model, body: JsonObject): JsonObject {
  const kept = Object.fromEntries(Object.entries(body).filter(([key]) => !KERAS3_ONLY.has(key)));
  if (model.kind === 'functional') {
    return {
      ...kept,
      input_layers: wrapped(body['input_layers']),
      output_layers: wrapped(body['output_layers']),
    };
  }
  const shape = undeclaredInput(model);
  const [first, ...others] = Array.isArray(body['layers']) ? body['layers'] : [];
  if (!shape || !isObject(first) || !isObject(first['config'])) return kept;
  // Keras 2 and TF.js take the input's shape from the first layer.
  return {
    ...kept,
    layers: [{ ...first, config: { ...first['config'], batch_input_shape: shape } }, ...others],
  };
}

function toKeras3Body(model: Model, body: JsonObject): JsonObject {
  if (model.kind === 'functional') {
    return {
      ...body,
      input_layers: unwrapped(body['input_layers']),
      output_layers: unwrapped(body['output_layers']),
    };
  }
  const shape = undeclaredInput(model);
  return shape ? { ...body, build_input_shape: shape } : body;
}

/** The input's shape of a Sequential without an InputLayer. */
function undeclaredInput(model: Model): JsonValue[] | undefined {
  const shape = model.inputs[0]?.shape;
  return model.layers[0]?.operation.kind === 'input' || !shape ? undefined : [...shape];
}

/** Keras 3 writes a reference alone where Keras 2 writes a list of one. */
function wrapped(ends: JsonValue | undefined): JsonValue {
  return ends !== undefined && isReference(ends) ? [ends] : (ends ?? []);
}

function unwrapped(ends: JsonValue | undefined): JsonValue {
  if (!Array.isArray(ends) || ends.length !== 1 || !isReference(ends[0])) return ends ?? [];
  return ends[0] ?? [];
}

function isReference(value: JsonValue | undefined): boolean {
  return Array.isArray(value) && value.length === 3 && typeof value[0] === 'string';
}
