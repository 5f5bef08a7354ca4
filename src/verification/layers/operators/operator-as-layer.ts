/**
 * Calls of operators (`x * 0.5`, `tf.reduce_mean(x)`, `keras.ops.reshape(x)`) as layers of the class `Operator`.
 *
 * @module
 */

import { capArguments } from '../../../formats/keras-config/dialects/cap-operator.ts';
import {
  canonicalName,
  ownArguments,
  plainValue,
} from '../../../formats/keras-config/dialects/operator-arguments.ts';
import { isOperator } from '../../../formats/keras-config/dialects/operator-layers.ts';
import {
  isEditedOperator,
  layerForOperator,
} from '../../../formats/keras-config/dialects/replaced-operators.ts';
import { type JsonObject, type JsonValue, mapEntries } from '../../../json/value.ts';
import { Layer } from '../../../model/layer.ts';
import type { Call, CallArgument, Model } from '../../../model/model.ts';
import { isKnownOperator } from './operators.ts';

/**
 * The layer that a call of an operator is, to be called with the call's tensors alone; undefined where the layer is no
 * operator, or one that cannot be run.
 *
 * Its configuration has the arguments as {@link CallArgument}s, and none of the dialects' marks for Python objects.
 */
export function operatorAsLayer(layer: Layer, call: Call, owner: Model): Layer | undefined {
  const entry = layer.origin?.config;
  // Maxima are those of the layer, which the call has only as they were read.
  if (layer.operation.kind === 'cap')
    return operatorLayer(layer, 'minimum', capArguments(layer.operation), {});
  if (!entry || !isOperator(entry)) return undefined;
  if (isEditedOperator(layer)) return layerForOperator(layer, owner);
  const operator = canonicalName(entry);
  if (!isKnownOperator(operator)) return undefined;
  const own = mapEntries(ownArguments(entry), (value) => ({ value: plainValue(value) }));
  const options = { ...own, ...mapEntries(call.kwargs, plainArgument) };
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

/** An argument without the dialects' marks, as JSON that tfjs-layers leaves as it is. */
function plainArgument(argument: CallArgument): JsonValue {
  if ('tensor' in argument) return { tensor: argument.tensor };
  if ('value' in argument) return { value: plainValue(argument.value) };
  if ('list' in argument) return { list: argument.list.map(plainArgument) };
  return { record: mapEntries(argument.record, plainArgument) };
}
