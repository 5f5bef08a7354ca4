import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { UnsupportedModelError } from '../../../errors.ts';

/** An argument of an operator, with its tensors in place. */
export type OperatorValue =
  | Tensor
  | number
  | string
  | boolean
  | null
  | undefined
  | readonly OperatorValue[]
  | { readonly [key: string]: OperatorValue };

/** The arguments of an operator that are passed by name, in camelCase. */
export type OperatorOptions = Readonly<Record<string, OperatorValue>>;

/** Computes an operator of the arguments that are passed by place and by name. */
export type OperatorFunction = (
  args: readonly OperatorValue[],
  options: OperatorOptions,
) => Tensor | Tensor[];

/** What is said of an operator that nobody here computes. */
export function cannotRun(what: string): UnsupportedModelError {
  return new UnsupportedModelError('operator', `${what} cannot be run`);
}

/** A tensor, or numbers as one. */
export function tensorOf(value: OperatorValue): Tensor {
  if (value instanceof tf.Tensor) return value;
  if (typeof value === 'number') return tf.scalar(value);
  if (Array.isArray(value) && value.some((one) => one instanceof tf.Tensor))
    return tf.stack(value.map(tensorOf));
  if (Array.isArray(value)) return tf.tensor(value as number[]);
  throw cannotRun(`an operator with the argument ${JSON.stringify(value)}`);
}

/** Numbers, some of which may be tensors that hold them. */
export function numbersOf(value: OperatorValue): number[] {
  if (typeof value === 'number') return [value];
  if (value instanceof tf.Tensor) return Array.from(value.dataSync());
  if (Array.isArray(value)) return value.flatMap(numbersOf);
  throw cannotRun(`an operator with the argument ${JSON.stringify(value)}`);
}

/** Numbers, where any are given. */
export function optionalNumbers(value: OperatorValue): number[] | undefined {
  return value === null || value === undefined ? undefined : numbersOf(value);
}

export function numberOf(value: OperatorValue): number {
  return numbersOf(value)[0] ?? Number.NaN;
}

export function listOf(value: OperatorValue): readonly OperatorValue[] {
  return Array.isArray(value) ? value : [value];
}
