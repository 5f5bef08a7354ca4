/**
 * Operators used as layers (`tf.nn.relu(x)`, `keras.ops.relu(x)`) that are exactly what a layer is.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import type { JsonObject, JsonValue } from '../../model/layer.ts';
import { configOf } from './serialized-objects.ts';

/** TensorFlow's name to the name of the activation. */
const TENSORFLOW: Readonly<Record<string, string>> = {
  'nn.relu': 'relu',
  'nn.relu6': 'relu6',
  'nn.selu': 'selu',
  'nn.elu': 'elu',
  'nn.softplus': 'softplus',
  'nn.softsign': 'softsign',
  'nn.sigmoid': 'sigmoid',
  'math.sigmoid': 'sigmoid',
  'nn.tanh': 'tanh',
  'math.tanh': 'tanh',
};

/** The class of Keras 3's operator to the name of the activation. */
const KERAS3: Readonly<Record<string, string>> = {
  Relu: 'relu',
  Relu6: 'relu6',
  Selu: 'selu',
  Softplus: 'softplus',
  Softsign: 'softsign',
  Sigmoid: 'sigmoid',
  Tanh: 'tanh',
  Silu: 'swish',
};

/** Whether an entry is an operator and not a layer. */
export function isOperator(entry: JsonObject): boolean {
  const { module, class_name: className } = entry;
  if (typeof module === 'string' && /(^|\.)ops(\.|$)/.test(module)) return true;
  return typeof className === 'string' && /^(TFOpLambda|SlicingOpLambda|TensorFlowOpLayer)$/.test(className);
}

/** The configuration of the Activation layer that the operator is; undefined where it is none. */
export function operatorActivation(name: string, entry: JsonObject): JsonObject | undefined {
  const config = configOf(entry);
  const found: JsonValue | undefined =
    entry['class_name'] === 'TFOpLambda'
      ? lookUp(TENSORFLOW, config['function'])
      : lookUp(KERAS3, entry['class_name']);
  return found === undefined ? undefined : { name, trainable: true, dtype: 'float32', activation: found };
}

function lookUp(table: Readonly<Record<string, string>>, key: JsonValue | undefined): string | undefined {
  return typeof key === 'string' && Object.hasOwn(table, key) ? table[key] : undefined;
}

/** The refusal of an operator that no layer stands for. */
export function operatorRefusal(name: string, entry: JsonObject, target: string): UnsupportedModelError {
  const what = String(configOf(entry)['function'] ?? entry['class_name']);
  return new UnsupportedModelError(
    'operator layers',
    `${name}: the operator ${what} is not a layer, and ${target} does not know it; write the model in the format that ` +
      'it was read from, or use a layer (Add, Multiply, Activation, Rescaling) in its place',
  );
}
