/**
 * `min(x, c)` with a constant for each channel, as operators say it: `keras.ops.minimum` in Keras 3, `tf.math.minimum` in
 * Keras 2.4 and later.
 *
 * @module
 */

import type { JsonObject, JsonValue } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import type { Call, CallArgument, Dialect } from '../../../model/model.ts';
import { numbersIn } from '../serialized-objects.ts';
import { isOperator, MERGES, operands, operatorName } from './operator-layers.ts';

/** The constants of a call that caps the channels of one tensor, the last of its axes; undefined for any other call. */
export function capMaxima(entry: JsonObject, call: Call): Float64Array | undefined {
  if (!isOperator(entry) || MERGES.get(operatorName(entry)) !== 'Minimum') return undefined;
  const [first, second, ...others] = operands(call);
  if (!first || !second || others.length > 0) return undefined;
  const [tensor, constant] = 'tensor' in first ? [first, second] : [second, first];
  return 'tensor' in tensor ? channelNumbers(constantOf(constant)) : undefined;
}

/** The entry of an operator that caps, without its `inbound_nodes`. */
export function capEntry(name: string, dialect: Dialect): JsonObject {
  return dialect === 'keras3'
    ? { module: 'keras.src.ops.numpy', class_name: 'Minimum', config: { name }, registered_name: 'Minimum' }
    : {
        class_name: 'TFOpLambda',
        config: { name, trainable: true, dtype: 'float32', function: 'math.minimum' },
      };
}

/** The arguments of a call that caps its one tensor at `maxima`. */
export function capArguments(maxima: Float64Array): readonly [tensor: CallArgument, constant: CallArgument] {
  return [{ tensor: 0 }, { value: [...maxima] }];
}

/** The node of a call of a cap, given how the dialect refers to its tensor. */
export function capNode(tensor: JsonValue, maxima: Float64Array, dialect: Dialect): JsonValue {
  // An operator reads a tensor, where a layer would read a list of one.
  if (dialect === 'keras2') return [...(tensor as JsonValue[]), { y: [...maxima], name: null }];
  const constant = { class_name: '__numpy__', config: { value: [...maxima], dtype: 'float32' } };
  return { args: [tensor, constant], kwargs: {} };
}

/** The maxima of a layer that caps, where they are others than those that were read. */
export function editedMaxima({ operation, origin }: Layer): Float64Array | undefined {
  return operation.kind === 'cap' && operation !== origin?.operation ? operation.maxima : undefined;
}

function constantOf(argument: CallArgument): JsonValue | undefined {
  if ('value' in argument) return numbersIn(argument.value) ?? argument.value;
  if (!('list' in argument)) return undefined;
  const items = argument.list.map(constantOf);
  return items.every((item) => item !== undefined) ? items : undefined;
}

/** `[c]`, or that within dimensions of 1. */
function channelNumbers(value: JsonValue | undefined): Float64Array | undefined {
  if (!Array.isArray(value)) return undefined;
  const [only, ...others] = value;
  if (Array.isArray(only)) return others.length === 0 ? channelNumbers(only) : undefined;
  const numbers = value.filter((one): one is number => typeof one === 'number' && Number.isFinite(one));
  return numbers.length === value.length && numbers.length > 0 ? Float64Array.from(numbers) : undefined;
}
