/**
 * The arguments of operators, apart from the dialect.
 *
 * @module
 */

import { isObject, type JsonObject, type JsonValue, mapEntries, ownEntry } from '../../../json/value.ts';
import type { Call, CallArgument } from '../../../model/model.ts';
import { configOf, numbersIn } from '../serialized-objects.ts';

/** The function or class that an operator stands for: `math.truediv`, `TrueDivide`. */
export function operatorName(entry: JsonObject): string {
  return String(configOf(entry)['function'] ?? entry['class_name']);
}

/**
 * By which an operator is known whoever names it: `math.reduce_mean` of TensorFlow and the class `Mean` of Keras 3 are `mean`,
 * `__operators__.getitem` and `GetItem` are `getitem`.
 */
export function canonicalName(entry: JsonObject): string {
  const name = operatorName(entry);
  return (name.split('.').at(-1) ?? name)
    .replace(/^reduce_/, '')
    .replaceAll('_', '')
    .toLowerCase();
}

/** What Keras 3 keeps in the configuration of an operator: its arguments that are no tensors. */
export function ownArguments(entry: JsonObject): JsonObject {
  const { name: _, function: __, ...entries } = configOf(entry);
  return entries;
}

/** A value without the dialects' marks for Python objects: a slice is `{start, stop, step}`, an ellipsis the word. */
export function plainValue(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(plainValue);
  if (!isObject(value)) return value;
  const numbers = numbersIn(value);
  if (numbers !== undefined) return numbers;
  if (value['class_name'] === '__ellipsis__') return 'ellipsis';
  if (value['class_name'] === '__slice__') return configOf(value);
  if (value['class_name'] === '__tuple__') return plainValue(value['items'] ?? []);
  return mapEntries(value, plainValue);
}

/** The arguments of one call of an operator. */
export class OperatorArguments {
  readonly call: Call;
  readonly #entry: JsonObject;

  constructor(entry: JsonObject, call: Call) {
    this.call = call;
    this.#entry = entry;
  }

  /** The argument at a place, or with one of its names; undefined where it is left out. */
  argument(place: number, ...names: readonly string[]): CallArgument | undefined {
    const given = this.call.args[place];
    if (given) return given;
    const own = ownArguments(this.#entry);
    for (const name of names) {
      const named = ownEntry(this.call.kwargs, name);
      if (named) return named;
      const value = ownEntry(own, name);
      if (value !== undefined) return { value };
    }
    return undefined;
  }

  /** {@link argument} as a plain value; undefined where it is left out, or holds a tensor. */
  value(place: number, ...names: readonly string[]): JsonValue | undefined {
    return plainArgument(this.argument(place, ...names));
  }

  /** Whether the first argument is a tensor, and the only one of the call. */
  get isUnary(): boolean {
    const [first] = this.call.args;
    const read = first ?? this.argument(0, 'x', 'input', 'inputs', 'features', 'tensor');
    return this.call.inputs.length === 1 && read !== undefined && 'tensor' in read;
  }
}

function plainArgument(argument: CallArgument | undefined): JsonValue | undefined {
  if (!argument || 'tensor' in argument || 'record' in argument) return undefined;
  if ('value' in argument) return plainValue(argument.value);
  const items = argument.list.map(plainArgument);
  return items.every((item) => item !== undefined) ? plainValue(items) : undefined;
}
