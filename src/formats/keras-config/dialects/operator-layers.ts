/**
 * Operators used as layers (`x + y`, `tf.nn.relu(x)`, `keras.ops.relu(x)`) that are exactly what a layer is.
 *
 * @module
 */

import { UnsupportedModelError } from '../../../errors.ts';
import type { JsonObject } from '../../../json/value.ts';
import type { Call, CallArgument } from '../../../model/model.ts';
import { configOf } from '../serialized-objects.ts';

/** A layer that computes what a call of an operator does, and the tensors of the call that it takes, in order. */
export interface OperatorLayer {
  readonly className: string;
  /** Its own entries, beside `name`, `trainable` and `dtype`. */
  readonly config: JsonObject;
  /** Indices into the call's inputs. */
  readonly inputs: readonly number[];
}

/** Activations, with the names that TensorFlow has for them and the classes of Keras 3. */
const ACTIVATIONS = byName([
  ['relu', 'nn.relu Relu'],
  ['relu6', 'nn.relu6 Relu6'],
  ['selu', 'nn.selu Selu'],
  ['elu', 'nn.elu'],
  ['softplus', 'nn.softplus math.softplus Softplus'],
  ['softsign', 'nn.softsign Softsign'],
  ['sigmoid', 'nn.sigmoid math.sigmoid Sigmoid'],
  ['tanh', 'nn.tanh math.tanh Tanh'],
  ['swish', 'nn.silu Silu'],
]);

/** Merging layers likewise, and division, for which there is none. */
export const MERGES: ReadonlyMap<string, string> = byName([
  ['Add', '__operators__.add math.add Add'],
  ['Subtract', 'math.subtract Subtract'],
  ['Multiply', 'math.multiply Multiply'],
  ['Divide', 'math.truediv math.divide TrueDivide Divide'],
  ['Maximum', 'math.maximum Maximum'],
  ['Minimum', 'math.minimum minimum Minimum'],
]);

function byName(rows: readonly (readonly [meaning: string, names: string])[]): ReadonlyMap<string, string> {
  return new Map(rows.flatMap(([meaning, names]) => names.split(' ').map((name) => [name, meaning])));
}

/** Whether an entry is an operator and not a layer. */
export function isOperator(entry: JsonObject): boolean {
  const { module, class_name: className } = entry;
  if (typeof module === 'string' && /(^|\.)ops(\.|$)/.test(module)) return true;
  return typeof className === 'string' && /^(TFOpLambda|SlicingOpLambda|TensorFlowOpLayer)$/.test(className);
}

/** The layer that a call of the operator is; undefined where there is none that computes the same values. */
export function operatorLayer(entry: JsonObject, call: Call): OperatorLayer | undefined {
  const name = operatorName(entry);
  const [first, second, ...others] = operands(call);
  if (!first || others.length > 0) return undefined;
  const activation = ACTIVATIONS.get(name);
  if (activation !== undefined && !second && 'tensor' in first) {
    return { className: 'Activation', config: { activation }, inputs: [first.tensor] };
  }
  const merge = MERGES.get(name);
  if (merge === undefined || !second) return undefined;
  if ('tensor' in first && 'tensor' in second) return mergeLayer(merge, first.tensor, second.tensor, call);
  if ('tensor' in first && 'value' in second) return rescaling(merge, first.tensor, second.value, false);
  if ('value' in first && 'tensor' in second) return rescaling(merge, second.tensor, first.value, true);
  return undefined;
}

/** The function or class that an operator stands for: `math.truediv`, `TrueDivide`. */
export function operatorName(entry: JsonObject): string {
  return String(entry['class_name'] === 'TFOpLambda' ? configOf(entry)['function'] : entry['class_name']);
}

/** The arguments of a call that are not left at null, in order. */
export function operands(call: Call): CallArgument[] {
  return [...call.args, ...Object.values(call.kwargs)].filter(
    (argument) => !('value' in argument) || argument.value !== null,
  );
}

function mergeLayer(merge: string, one: number, other: number, call: Call): OperatorLayer | undefined {
  if (merge === 'Divide') return undefined;
  const ranks = [one, other].map((index) => call.inputs[index]?.shape?.length);
  // Tensors of different rank are aligned at the other end by a merging layer.
  if (ranks[0] !== ranks[1] && !ranks.includes(undefined)) return undefined;
  return { className: merge, config: {}, inputs: [one, other] };
}

/** `scale x + offset` for an operator with a number, where that is the same in floating point. */
function rescaling(
  merge: string,
  input: number,
  value: unknown,
  isFirst: boolean,
): OperatorLayer | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  const layer = (scale: number, offset: number): OperatorLayer => ({
    className: 'Rescaling',
    config: { scale, offset },
    inputs: [input],
  });
  switch (merge) {
    case 'Add':
      return layer(1, value);
    case 'Subtract':
      return isFirst ? layer(-1, value) : layer(1, -value);
    case 'Multiply':
      return layer(value, 0);
    case 'Divide':
      // Only the reciprocals of powers of two are exact.
      return !isFirst && value !== 0 && Number.isInteger(Math.log2(Math.abs(value)))
        ? layer(1 / value, 0)
        : undefined;
    default:
      return undefined;
  }
}

/** The refusal of an operator that no layer stands for. */
export function operatorRefusal(name: string, entry: JsonObject, target: string): UnsupportedModelError {
  return new UnsupportedModelError(
    'operator layers',
    `${name}: no layer computes what the operator ${operatorName(entry)} does here, and ${target} does not know it; ` +
      'write the model in the format that it was read from, or use a layer in its place',
  );
}
