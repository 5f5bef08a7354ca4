/**
 * References to tensors inside `inbound_nodes`, in both dialects.
 *
 * Keras 2: `["conv1", 0, 0]` or `["conv1", 0, 0, {"training": false}]`, and `["_CONSTANT_VALUE", -1, 2.0, {}]`.
 * Keras 3: `{"class_name": "__keras_tensor__", "config": {"shape": …, "keras_history": ["conv1", 0, 0]}}`.
 *
 * @module
 */

import { isObject, type JsonObject, type JsonValue, mapEntries } from '../../../json/value.ts';
import type { CallArgument, Dialect } from '../../../model/model.ts';

/** A reference as it stands in a file. */
export interface TensorReference {
  readonly layer: string;
  readonly call: number;
  readonly output: number;
  /** With the batch first; Keras 3 only. */
  readonly shape: JsonValue | undefined;
  readonly dtype: string | undefined;
}

/** Marks a number among the tensors of a Keras 2 node. */
const CONSTANT = '_CONSTANT_VALUE';

/** The reference that `node` is, if it is one. */
export function parseReference(
  node: JsonValue,
  dialect: Dialect,
  isLayer: (name: string) => boolean,
): TensorReference | undefined {
  if (dialect === 'keras3') {
    if (!isObject(node) || node['class_name'] !== '__keras_tensor__' || !isObject(node['config']))
      return undefined;
    const { keras_history: history, shape, dtype } = node['config'];
    const reference = historyOf(history, () => true);
    return reference && { ...reference, shape, dtype: typeof dtype === 'string' ? dtype : undefined };
  }
  const reference = historyOf(node, isLayer);
  return reference && { ...reference, shape: undefined, dtype: undefined };
}

function historyOf(
  value: JsonValue | undefined,
  isLayer: (name: string) => boolean,
): { layer: string; call: number; output: number } | undefined {
  if (!Array.isArray(value) || value.length < 3 || value.length > 4) return undefined;
  const [layer, call, output, kwargs] = value;
  if (typeof layer !== 'string' || !Number.isInteger(call) || !Number.isInteger(output)) return undefined;
  if (value.length === 4 && !isObject(kwargs)) return undefined;
  // ["same", 1, 1] among the arguments is no reference; a dangling one in a tensor's place is told by its caller.
  if (value.length === 3 && !isLayer(layer)) return undefined;
  return layer === CONSTANT ? undefined : { layer, call: call as number, output: output as number };
}

/** What stands in the place of the reference of that index. */
type Replacement = (index: number) => {
  history: [string, number, number];
  shape?: JsonValue;
  dtype?: string;
};

/** The node of a call with every reference replaced, in the order in which {@link parseArguments} counts them. */
export function replaceInNode(
  node: JsonValue,
  dialect: Dialect,
  isLayer: (name: string) => boolean,
  replacement: Replacement,
): JsonValue {
  const replace = replacer(dialect, isLayer, replacement);
  if (dialect === 'keras2' || !isObject(node)) return replace(node);
  // Each by itself, because the two are no references, and in this order, whatever the file has.
  const { args, kwargs } = node;
  return {
    ...node,
    ...(Array.isArray(args) ? { args: args.map(replace) } : {}),
    ...(isObject(kwargs) ? { kwargs: mapEntries(kwargs, replace) } : {}),
  };
}

/** Replaces every reference in what it is given, in order, and counts on from one call to the next. */
export function replacer(
  dialect: Dialect,
  isLayer: (name: string) => boolean,
  replacement: Replacement,
): (node: JsonValue) => JsonValue {
  let next = 0;
  return function walk(value: JsonValue): JsonValue {
    if (parseReference(value, dialect, isLayer)) {
      const { history, shape, dtype } = replacement(next++);
      if (isObject(value)) {
        const config: JsonObject = { ...(value['config'] as JsonObject), keras_history: history };
        if (shape !== undefined) config['shape'] = shape;
        if (dtype !== undefined) config['dtype'] = dtype;
        return { ...value, config };
      }
      const kwargs = (value as JsonValue[])[3];
      return kwargs === undefined ? history : [...history, walk(kwargs)];
    }
    if (Array.isArray(value)) {
      // The constant itself is no reference; its fourth part may hold some.
      return value[0] === CONSTANT
        ? value.map((inner, index) => (index === 3 && isObject(inner) ? walk(inner) : inner))
        : value.map(walk);
    }
    return isObject(value) ? mapEntries(value, walk) : value;
  };
}

/** The arguments of a call, apart from the dialect, with the references in the order of the holes. */
export function parseArguments(
  node: JsonValue,
  dialect: Dialect,
  isLayer: (name: string) => boolean,
): { args: CallArgument[]; kwargs: { [name: string]: CallArgument }; references: TensorReference[] } {
  const references: TensorReference[] = [];
  const kwargs = new Map<string, CallArgument>();
  const named = (value: JsonValue | undefined): void => {
    if (!isObject(value)) return;
    for (const [key, inner] of Object.entries(value)) kwargs.set(key, argument(inner));
  };
  const argument = (value: JsonValue): CallArgument => {
    const reference = parseReference(value, dialect, isLayer);
    if (reference) {
      const hole = { tensor: references.length };
      references.push(reference);
      if (Array.isArray(value)) named(value[3]);
      return hole;
    }
    if (Array.isArray(value)) {
      if (value[0] !== CONSTANT) return { list: value.map(argument) };
      named(value[3]);
      return { value: value[2] ?? null };
    }
    if (isObject(value) && hasReference(value, dialect, isLayer)) {
      return { record: mapEntries(value, argument) };
    }
    return { value };
  };
  if (dialect === 'keras3') {
    const { args, kwargs: given } = isObject(node) ? node : {};
    const positional = (Array.isArray(args) ? args : []).map(argument);
    named(given);
    return { args: positional, kwargs: Object.fromEntries(kwargs), references };
  }
  const parsed = argument(node);
  // Keras 2 writes one tensor as a list of one.
  const only = 'list' in parsed && parsed.list.length === 1 ? parsed.list[0] : undefined;
  return { args: [only ?? parsed], kwargs: Object.fromEntries(kwargs), references };
}

function hasReference(value: JsonValue, dialect: Dialect, isLayer: (name: string) => boolean): boolean {
  if (parseReference(value, dialect, isLayer)) return true;
  if (Array.isArray(value)) return value.some((inner) => hasReference(inner, dialect, isLayer));
  return isObject(value) && Object.values(value).some((inner) => hasReference(inner, dialect, isLayer));
}
