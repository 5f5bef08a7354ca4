/**
 * A model of TensorFlow Lite (LiteRT) as plain data: what its file holds, before it is bytes.
 *
 * @module
 */

import type { OperatorName } from './operators.ts';

/** The element types that whole-integer models need. */
export type TfliteType = 'float32' | 'int32' | 'uint8' | 'int8';

/** The values of a constant. */
export type TfliteValues = Float32Array | Int32Array | Uint8Array | Int8Array;

/** What codes stand for: `scale * (code - zeroPoint)`. */
export interface TfliteQuantization {
  /** Float32 numbers: one, or one for each index of the {@link dimension}. */
  readonly scales: ArrayLike<number>;
  /** The same for all scales. */
  readonly zeroPoint: number;
  /** The axis that several scales belong to; 0 where there is one. */
  readonly dimension: number;
}

/** A tensor of the file. */
export interface TfliteTensor {
  readonly name: string;
  /** With the batch, which is 1. */
  readonly shape: readonly number[];
  readonly type: TfliteType;
  /** Undefined of floats, and of shapes and paddings. */
  readonly quantization: TfliteQuantization | undefined;
  /** Makes the values of a constant, anew each time; undefined for what is computed. */
  readonly values: (() => TfliteValues) | undefined;
}

/** An option of an operator, as a number: of choices and truth values the code that the schema gives them. */
export type OptionValue = number | readonly number[];

/** One operator of the file; tensors are indices into `TfliteGraph.tensors`. */
export interface TfliteOperator {
  readonly op: OperatorName;
  readonly version: number;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** By their names in the schema; what is left out has the value that the schema gives it. */
  readonly options: Readonly<Record<string, OptionValue>>;
  /** The path of the layer that it computes; of an input or output its name. */
  readonly layer: string;
}

/** An input or output by the name that Keras has for it. */
export interface TflitePort {
  readonly name: string;
  readonly tensor: number;
}

/** A model with one subgraph. */
export interface TfliteGraph {
  readonly name: string;
  readonly tensors: readonly TfliteTensor[];
  /** In the order in which they are run. */
  readonly operators: readonly TfliteOperator[];
  readonly inputs: readonly TflitePort[];
  readonly outputs: readonly TflitePort[];
}

/** What stands at byte 4 of a file. */
export const FILE_IDENTIFIER = 'TFL3';

/** `TensorType` of the schema. */
export const TYPE_CODES: Readonly<Record<TfliteType, number>> = { float32: 0, int32: 2, uint8: 3, int8: 9 };

/** Bytes of an element. */
export const BYTES_OF_TYPE: Readonly<Record<TfliteType, number>> = {
  float32: 4,
  int32: 4,
  uint8: 1,
  int8: 1,
};

/** Number of elements of a shape; the one of a scalar is 1. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
