/**
 * Calls of operators (`x * 0.5`, `tf.reduce_mean(x)`, `keras.ops.reshape(x)`) as layers of the class `Operator`.
 *
 * @module
 */

import { capArguments } from '../../../formats/keras-config/dialects/cap-operator.ts';
import { isOperator, operatorName } from '../../../formats/keras-config/dialects/operator-layers.ts';
import { configOf, numbersIn } from '../../../formats/keras-config/serialized-objects.ts';
import { isObject, type JsonObject, type JsonValue, mapEntries } from '../../../json/value.ts';
import { Layer } from '../../../model/layer.ts';
import type { Call, CallArgument } from '../../../model/model.ts';
import { isKnownOperator } from './operators.ts';

/**
 * The layer that a call of an operator is, to be called with the call's tensors alone; undefined where the layer is no
 * operator, or one that cannot be run.
 *
 * Its configuration has the arguments as {@link CallArgument}s, and none of the dialects' marks for Python objects.
 */
export function operatorAsLayer(layer: Layer, call: Call): Layer | undefined {
  const entry = layer.origin?.config;
  // Maxima are those of the layer, which the call has only as they were read.
  if (layer.operation.kind === 'cap')
    return operatorLayer(layer, 'minimum', capArguments(layer.operation), {});
  if (!entry || !isOperator(entry)) return undefined;
  const isSlicing = entry['class_name'] === 'SlicingOpLambda';
  const operator = isSlicing ? 'getitem' : canonicalName(operatorName(entry));
  if (!isKnownOperator(operator)) return undefined;
  const options = { ...ownEntries(entry), ...mapEntries(call.kwargs, plainArgument) };
  return operatorLayer(layer, operator, call.args, options);
}

function operatorLayer(
  { name, path }: Layer,
  operator: string,
  args: readonly CallArgument[],
  options: JsonObject,
): Layer {
  const className = 'Operator';
  const config: JsonObject = { name, operator, arguments: args.map(plainArgument), options };
  const operation = { kind: 'opaque' } as const;
  return new Layer({
    ...{ name, path, className, operation },
    origin: { config: { class_name: className, config, name }, operation, weights: new Map() },
  });
}

/** `math.reduce_mean` of TensorFlow and the class `Mean` of Keras 3 are one operator. */
function canonicalName(name: string): string {
  const last = name.split('.').at(-1) ?? name;
  return last
    .replace(/^reduce_/, '')
    .replaceAll('_', '')
    .toLowerCase();
}

/** Keras 3 keeps what is no tensor in the configuration of the operator. */
function ownEntries(entry: JsonObject): JsonObject {
  const { name: _, function: __, ...entries } = configOf(entry);
  return mapEntries(entries, (value) => ({ value: plainValue(value) }));
}

/** An argument without the dialects' marks, as JSON that tfjs-layers leaves as it is. */
function plainArgument(argument: CallArgument): JsonValue {
  if ('tensor' in argument) return { tensor: argument.tensor };
  if ('value' in argument) return { value: plainValue(argument.value) };
  if ('list' in argument) return { list: argument.list.map(plainArgument) };
  return { record: mapEntries(argument.record, plainArgument) };
}

function plainValue(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(plainValue);
  if (!isObject(value)) return value;
  const numbers = numbersIn(value);
  if (numbers !== undefined) return numbers;
  if (value['class_name'] === '__ellipsis__') return 'ellipsis';
  if (value['class_name'] === '__slice__') return configOf(value);
  if (value['class_name'] === '__tuple__') return plainValue(value['items'] ?? []);
  return mapEntries(value, plainValue);
}
