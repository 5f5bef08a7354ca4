/**
 * `min(x, c)` with a constant for each channel, as operators say it: `keras.ops.minimum` in Keras 3, `tf.math.minimum` in
 * Keras 2.4 and later. The constant is broadcast: `[c]` along the last axis, `[c, 1, 1]` along the last but two.
 *
 * @module
 */

import type { JsonObject, JsonValue } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import type { Call, CallArgument, Dialect } from '../../../model/model.ts';
import type { CapOperation } from '../../../model/operation.ts';
import { numbersIn } from '../serialized-objects.ts';
import { canonicalName, OperatorArguments } from './operator-arguments.ts';

/** What a call of an operator does that caps the channels of one tensor; undefined for any other call. */
export function capOperation(entry: JsonObject, call: Call): CapOperation | undefined {
  if (canonicalName(entry) !== 'minimum') return undefined;
  const given = new OperatorArguments(entry, call);
  const [first, second] = [given.argument(0, 'x', 'x1'), given.argument(1, 'y', 'x2')];
  if (!first || !second) return undefined;
  const [tensor, constant] = 'tensor' in first ? [first, second] : [second, first];
  return 'tensor' in tensor ? channelNumbers(constantOf(constant)) : undefined;
}

/** The arguments of a call that caps its one tensor. */
export function capArguments(cap: CapOperation): readonly [tensor: CallArgument, constant: CallArgument] {
  return [{ tensor: 0 }, { value: broadcastMaxima(cap) }];
}

/** The node of a call of a cap, given how the dialect refers to its tensor. */
export function capNode(tensor: JsonValue, cap: CapOperation, dialect: Dialect): JsonValue {
  const value = broadcastMaxima(cap);
  // An operator reads a tensor, where a layer would read a list of one.
  if (dialect === 'keras2') return [...(tensor as JsonValue[]), { y: value, name: null }];
  return { args: [tensor, { class_name: '__numpy__', config: { value, dtype: 'float32' } }], kwargs: {} };
}

/** Whether a layer that caps has other maxima than those that were read. */
export function hasEditedMaxima({ operation, origin }: Layer): boolean {
  return operation !== origin?.operation;
}

function broadcastMaxima({ maxima, axis }: CapOperation): JsonValue[] {
  let value: JsonValue[] = [...maxima];
  for (let behind = -1; behind > axis; behind--) value = value.map((one) => [one]);
  return value;
}

function constantOf(argument: CallArgument): JsonValue | undefined {
  if ('value' in argument) return numbersIn(argument.value) ?? argument.value;
  if (!('list' in argument)) return undefined;
  const items = argument.list.map(constantOf);
  return items.every((item) => item !== undefined) ? items : undefined;
}

/** `[c]`, or that among dimensions of 1. */
function channelNumbers(value: JsonValue | undefined): CapOperation | undefined {
  let items = value;
  while (Array.isArray(items) && items.length === 1 && Array.isArray(items[0])) [items] = items;
  let axis = -1;
  for (; isColumn(items); axis--) items = items.map(([only]) => only as JsonValue);
  if (!Array.isArray(items) || items.length === 0) return undefined;
  const numbers = items.filter((one): one is number => typeof one === 'number' && Number.isFinite(one));
  return numbers.length === items.length
    ? { kind: 'cap', maxima: Float64Array.from(numbers), axis }
    : undefined;
}

function isColumn(value: JsonValue | undefined): value is JsonValue[][] {
  return (
    Array.isArray(value) && value.length > 0 && value.every((one) => Array.isArray(one) && one.length === 1)
  );
}
