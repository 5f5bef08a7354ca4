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

type Meaning = { readonly activation: string } | { readonly merge: string };

const MEANINGS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  // TensorFlow's names
  ['nn.relu', { activation: 'relu' }],
  ['nn.relu6', { activation: 'relu6' }],
  ['nn.selu', { activation: 'selu' }],
  ['nn.elu', { activation: 'elu' }],
  ['nn.softplus', { activation: 'softplus' }],
  ['math.softplus', { activation: 'softplus' }],
  ['nn.softsign', { activation: 'softsign' }],
  ['nn.sigmoid', { activation: 'sigmoid' }],
  ['math.sigmoid', { activation: 'sigmoid' }],
  ['nn.tanh', { activation: 'tanh' }],
  ['math.tanh', { activation: 'tanh' }],
  ['nn.silu', { activation: 'swish' }],
  ['__operators__.add', { merge: 'Add' }],
  ['math.add', { merge: 'Add' }],
  ['math.subtract', { merge: 'Subtract' }],
  ['math.multiply', { merge: 'Multiply' }],
  ['math.truediv', { merge: 'Divide' }],
  ['math.divide', { merge: 'Divide' }],
  ['math.maximum', { merge: 'Maximum' }],
  ['math.minimum', { merge: 'Minimum' }],
  // classes of Keras 3
  ['Relu', { activation: 'relu' }],
  ['Relu6', { activation: 'relu6' }],
  ['Selu', { activation: 'selu' }],
  ['Softplus', { activation: 'softplus' }],
  ['Softsign', { activation: 'softsign' }],
  ['Sigmoid', { activation: 'sigmoid' }],
  ['Tanh', { activation: 'tanh' }],
  ['Silu', { activation: 'swish' }],
  ['Add', { merge: 'Add' }],
  ['Subtract', { merge: 'Subtract' }],
  ['Multiply', { merge: 'Multiply' }],
  ['TrueDivide', { merge: 'Divide' }],
  ['Divide', { merge: 'Divide' }],
  ['Maximum', { merge: 'Maximum' }],
  ['Minimum', { merge: 'Minimum' }],
]);

/** Whether an entry is an operator and not a layer. */
export function isOperator(entry: JsonObject): boolean {
  const { module, class_name: className } = entry;
  if (typeof module === 'string' && /(^|\.)ops(\.|$)/.test(module)) return true;
  return typeof className === 'string' && /^(TFOpLambda|SlicingOpLambda|TensorFlowOpLayer)$/.test(className);
}

/** The layer that a call of the operator is; undefined where there is none that computes the same values. */
export function operatorLayer(entry: JsonObject, call: Call): OperatorLayer | undefined {
  const meaning = MEANINGS.get(operatorName(entry));
  const [first, second, ...others] = operands(call);
  if (!meaning || !first || others.length > 0) return undefined;
  if ('activation' in meaning) {
    if (second || !('tensor' in first)) return undefined;
    return { className: 'Activation', config: { activation: meaning.activation }, inputs: [first.tensor] };
  }
  if (!second) return undefined;
  if ('tensor' in first && 'tensor' in second)
    return mergeLayer(meaning.merge, first.tensor, second.tensor, call);
  if ('tensor' in first && 'value' in second)
    return rescaling(meaning.merge, first.tensor, second.value, false);
  if ('value' in first && 'tensor' in second)
    return rescaling(meaning.merge, second.tensor, first.value, true);
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
