/**
 * Operators used as layers (`x + y`, `tf.nn.relu(x)`, `keras.ops.relu(x)`), and the layers that compute the same.
 *
 * @module
 */

import { UnsupportedModelError } from '../../../errors.ts';
import type { JsonObject, JsonValue } from '../../../json/value.ts';
import type { Dialect } from '../../../model/model.ts';
import type { Activation, Operation } from '../../../model/operation.ts';
import { functionNameOf } from '../parse/activation.ts';
import { operatorName } from './operator-arguments.ts';

/** A layer without weights, and its own entries, beside `name`, `trainable` and `dtype`. */
export interface StockLayer {
  readonly className: string;
  readonly config: JsonObject;
}

/** Whether an entry is an operator and not a layer. */
export function isOperator(entry: JsonObject): boolean {
  const { module, class_name: className } = entry;
  if (typeof module === 'string' && /(^|\.)ops(\.|$)/.test(module)) return true;
  return typeof className === 'string' && /^(TFOpLambda|SlicingOpLambda|TensorFlowOpLayer)$/.test(className);
}

/** The layer of Keras that computes what an operator does, as that dialect has it; undefined where there is none. */
export function stockLayer(operation: Operation, dialect: Dialect): StockLayer | undefined {
  switch (operation.kind) {
    case 'activation':
      return activationLayer(operation.activation, dialect);
    case 'identity':
      return { className: 'Activation', config: { activation: 'linear' } };
    case 'merge':
      return { className: capitalized(operation.merge), config: {} };
    case 'concatenate':
      return { className: 'Concatenate', config: { axis: operation.axis } };
    case 'rescaling': {
      const numbers = (list: readonly number[]): JsonValue =>
        list.length === 1 ? (list[0] ?? 0) : [...list];
      const { scale, offset } = operation;
      return { className: 'Rescaling', config: { scale: numbers(scale), offset: numbers(offset) } };
    }
    case 'reshape':
      return { className: 'Reshape', config: { target_shape: [...operation.targetShape] } };
    case 'permute':
      return { className: 'Permute', config: { dims: operation.axes.slice(1) } };
    case 'pool': {
      const { reduce, rank, keepDims, dataFormat } = operation;
      return {
        className: `Global${capitalized(reduce)}Pooling${rank}D`,
        config: { data_format: dataFormat, keepdims: keepDims },
      };
    }
    case 'zeroPadding':
      return edgesLayer('ZeroPadding', 'padding', operation.padding, operation.dataFormat);
    case 'cropping':
      return edgesLayer('Cropping', 'cropping', operation.cropping, operation.dataFormat);
    default:
      return undefined;
  }
}

function activationLayer(activation: Activation, dialect: Dialect): StockLayer | undefined {
  const name = functionNameOf(activation);
  if (name !== undefined) return { className: 'Activation', config: { activation: name } };
  if (activation.kind !== 'relu') return undefined;
  const { maxValue = null, negativeSlope, threshold } = activation;
  if (maxValue === null && threshold === 0) {
    const entry = dialect === 'keras3' ? 'negative_slope' : 'alpha';
    return { className: 'LeakyReLU', config: { [entry]: negativeSlope } };
  }
  return {
    className: 'ReLU',
    config: { max_value: maxValue, negative_slope: negativeSlope, threshold },
  };
}

function edgesLayer(
  family: string,
  entry: string,
  sides: readonly (readonly [number, number])[],
  dataFormat: string,
): StockLayer {
  const pairs = sides.map((pair) => [...pair]);
  const [only = []] = pairs;
  // One dimension is written as one pair, without a format.
  const config: JsonObject =
    pairs.length === 1 ? { [entry]: only } : { [entry]: pairs, data_format: dataFormat };
  return { className: `${family}${sides.length}D`, config };
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** The refusal of an operator that no layer stands for. */
export function operatorRefusal(name: string, entry: JsonObject, target: string): UnsupportedModelError {
  return new UnsupportedModelError(
    'operator layers',
    `${name}: ${target} has neither the operator ${operatorName(entry)} nor a layer that computes the same; ` +
      'write the model in the format that it was read from, or use a layer in its place',
  );
}
