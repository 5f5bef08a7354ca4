/**
 * What operators used as layers compute (`x + y`, `tf.nn.relu(x)`, `keras.ops.mean(x, [1, 2])`), where that is what layers
 * compute, or a slice.
 *
 * @module
 */

import type { JsonObject, JsonValue } from '../../../json/value.ts';
import type { GraphCall } from '../../../model/graph.ts';
import {
  type Activation,
  type MergeKind,
  type Operation,
  PLAIN_RELU,
  type Shape,
} from '../../../model/operation.ts';
import { capOperation } from './cap-operator.ts';
import { canonicalName, OperatorArguments } from './operator-arguments.ts';
import { expanded, padded, permuted, pooledOver, reshaped, slicedBy, squeezed } from './operator-shapes.ts';

/** A call of an operator that reads one tensor. */
interface UnaryCall {
  readonly args: OperatorArguments;
  /** Of what it reads. */
  readonly shape: Shape | undefined;
}

type Reader = (call: UnaryCall) => Operation | undefined;

const IDENTITY: Operation = { kind: 'identity', isRandom: false };

const FUNCTIONS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ...named([
    ['relu6', 'relu6'],
    ['selu', 'selu'],
    ['softplus', 'softplus'],
    ['softsign', 'softsign'],
    ['sigmoid', 'sigmoid'],
    ['tanh', 'tanh'],
    ['hardsigmoid', 'hard_sigmoid'],
    ['hardsilu', 'hard_silu'],
    ['hardswish', 'hard_silu'],
    ['mish', 'mish'],
    ['exp', 'exponential'],
  ]),
  ['relu', () => activation(PLAIN_RELU)],
  ['elu', ({ args }) => (isOr(args.value(1, 'alpha'), 1) ? other('elu') : undefined)],
  ['silu', silu],
  ['swish', silu],
  ['gelu', ({ args }) => (args.value(1, 'approximate') === true ? undefined : other('gelu'))],
  ['leakyrelu', leakyRelu],
  ['clip', clip],
  ['clipbyvalue', clip],
  ['softmax', (call) => (isOnLastAxis(call) ? other('softmax') : undefined)],
  ['logsoftmax', (call) => (isOnLastAxis(call) ? other('log_softmax') : undefined)],
  ['negative', () => ({ kind: 'rescaling', scale: [-1], offset: [0] })],
  ['identity', () => IDENTITY],
  ['stopgradient', () => IDENTITY],
  ['cast', cast],
  ['mean', (call) => pooled(call, 'average')],
  ['max', (call) => pooled(call, 'max')],
  ['reshape', ({ args, shape }) => reshaped(shape, args.value(1, 'shape', 'newshape'))],
  ['squeeze', ({ args, shape }) => squeezed(shape, args.value(1, 'axis') ?? undefined)],
  ['expanddims', ({ args, shape }) => expanded(shape, args.value(1, 'axis'))],
  ['transpose', ({ args, shape }) => permuted(shape, args.value(1, 'perm', 'axes'))],
  ['pad', pad],
  ['getitem', ({ args, shape }) => slicedBy(shape, args.value(1, 'slice_spec', 'key'))],
]);

function named(rows: readonly (readonly [name: string, activation: string])[]): [string, Reader][] {
  return rows.map(([name, meaning]) => [name, () => other(meaning)]);
}

const MERGES: ReadonlyMap<string, MergeKind | 'divide'> = new Map<string, MergeKind | 'divide'>([
  ['add', 'add'],
  ['subtract', 'subtract'],
  ['multiply', 'multiply'],
  ['maximum', 'maximum'],
  ['minimum', 'minimum'],
  ['truediv', 'divide'],
  ['truedivide', 'divide'],
  ['divide', 'divide'],
]);

/** What a call of an operator computes, given the shapes of what it reads; undefined where no layer does. */
export function operatorOperation(entry: JsonObject, { call, inputs }: GraphCall): Operation | undefined {
  if (!/float/.test(call.outputs[0]?.dtype ?? 'float32')) return undefined;
  const name = canonicalName(entry);
  const args = new OperatorArguments(entry, call);
  const shapes = inputs.map(({ shape }) => shape);
  const merge = MERGES.get(name);
  if (merge) return capOperation(entry, call) ?? merged(merge, args, shapes);
  if (name === 'addn')
    return joinsAll(args.argument(0, 'inputs'), shapes) ? { kind: 'merge', merge: 'add' } : undefined;
  if (name === 'concat' || name === 'concatenate') return concatenated(args, shapes);
  return args.isUnary ? FUNCTIONS.get(name)?.({ args, shape: shapes[0] }) : undefined;
}

function activation(of: Activation): Operation {
  return { kind: 'activation', activation: of };
}

function other(name: string): Operation {
  return name === 'relu6' ? activation({ ...PLAIN_RELU, maxValue: 6 }) : activation({ kind: 'other', name });
}

function isOr(value: JsonValue | undefined, fallback: number): boolean {
  return (value ?? fallback) === fallback;
}

function silu({ args }: UnaryCall): Operation | undefined {
  return isOr(args.value(1, 'beta'), 1) ? other('swish') : undefined;
}

function leakyRelu({ args }: UnaryCall): Operation | undefined {
  const slope = args.value(1, 'alpha', 'negative_slope') ?? 0.2;
  return typeof slope === 'number' ? activation({ ...PLAIN_RELU, negativeSlope: slope }) : undefined;
}

function clip({ args }: UnaryCall): Operation | undefined {
  const low = args.value(1, 'clip_value_min', 'x_min');
  const high = args.value(2, 'clip_value_max', 'x_max');
  if (low !== 0 || typeof high !== 'number' || !(high > 0)) return undefined;
  return activation({ ...PLAIN_RELU, maxValue: high });
}

function isOnLastAxis({ args, shape }: UnaryCall): boolean {
  // Keras 3 takes none for all of them.
  const axis = args.value(1, 'axis');
  return axis === undefined || axis === -1 || (shape !== undefined && axis === shape.length - 1);
}

function cast({ args }: UnaryCall): Operation | undefined {
  const dtype = args.value(1, 'dtype');
  return dtype !== undefined && dtype === args.call.inputs[0]?.dtype ? IDENTITY : undefined;
}

function pooled({ args, shape }: UnaryCall, reduce: 'average' | 'max'): Operation | undefined {
  const keepDims = args.value(2, 'keepdims') === true;
  return pooledOver(shape, args.value(1, 'axis'), { reduce, keepDims });
}

function pad({ args, shape }: UnaryCall): Operation | undefined {
  const mode = String(args.value(2, 'mode') ?? 'constant').toLowerCase();
  const filled = args.value(3, 'constant_values');
  return mode === 'constant' && isOr(filled, 0)
    ? padded(shape, args.value(1, 'paddings', 'pad_width'))
    : undefined;
}

function merged(
  merge: MergeKind | 'divide',
  args: OperatorArguments,
  shapes: readonly (Shape | undefined)[],
): Operation | undefined {
  const first = args.argument(0, 'x', 'x1');
  const second = args.argument(1, 'y', 'x2');
  if (!first || !second) return undefined;
  if ('tensor' in first && 'tensor' in second) {
    const isInOrder = first.tensor === 0 && second.tensor === 1;
    return merge !== 'divide' && isInOrder && areOfOneRank(shapes) ? { kind: 'merge', merge } : undefined;
  }
  if (shapes.length !== 1) return undefined;
  if ('tensor' in first) return withNumbers(merge, args.value(1, 'y', 'x2'), shapes[0], false);
  return 'tensor' in second ? withNumbers(merge, args.value(0, 'x', 'x1'), shapes[0], true) : undefined;
}

/** Merging layers align tensors of different rank at the other end. */
function areOfOneRank(shapes: readonly (Shape | undefined)[]): boolean {
  return new Set(shapes.flatMap((shape) => shape?.length ?? [])).size <= 1;
}

function joinsAll(
  argument: ReturnType<OperatorArguments['argument']>,
  shapes: readonly (Shape | undefined)[],
): boolean {
  const list = argument && 'list' in argument ? argument.list : [];
  const isInOrder = list.every((one, index) => 'tensor' in one && one.tensor === index);
  return list.length > 0 && list.length === shapes.length && isInOrder && areOfOneRank(shapes);
}

function concatenated(
  args: OperatorArguments,
  shapes: readonly (Shape | undefined)[],
): Operation | undefined {
  const axis = args.value(1, 'axis');
  const rank = shapes[0]?.length;
  const isBatch = axis === 0 || (rank !== undefined && axis === -rank);
  if (typeof axis !== 'number' || isBatch || !joinsAll(args.argument(0, 'values', 'xs', 'arrays'), shapes)) {
    return undefined;
  }
  return { kind: 'concatenate', axis };
}

/** An operator with a number, or with one for each place of the last axis. */
function withNumbers(
  merge: MergeKind | 'divide',
  value: JsonValue | undefined,
  shape: Shape | undefined,
  isFirst: boolean,
): Operation | undefined {
  const numbers = numbersAlong(value, shape);
  if (!numbers) return undefined;
  const rescaling = (scale: readonly number[], offset: readonly number[]): Operation => ({
    kind: 'rescaling',
    scale,
    offset,
  });
  const negated = numbers.map((number) => -number);
  switch (merge) {
    case 'add':
      return rescaling([1], numbers);
    case 'subtract':
      return isFirst ? rescaling([-1], numbers) : rescaling([1], negated);
    case 'multiply':
      return rescaling(numbers, [0]);
    case 'divide': {
      const scale = numbers.map((number) => 1 / number);
      return !isFirst && scale.every(Number.isFinite) ? rescaling(scale, [0]) : undefined;
    }
    case 'maximum':
    case 'minimum': {
      if (typeof value !== 'number') return undefined;
      return merge === 'maximum' && value === 0 ? activation(PLAIN_RELU) : { kind: 'merge', merge };
    }
    case 'average':
      return undefined;
  }
}

/** One number, or as many as the last axis has places, in arrays of one row. */
function numbersAlong(value: JsonValue | undefined, shape: Shape | undefined): number[] | undefined {
  let rank = 1;
  let row = value;
  for (; Array.isArray(row) && row.length === 1 && Array.isArray(row[0]); rank++) [row] = row;
  const list = Array.isArray(row) ? row : [row];
  const numbers = list.filter((one): one is number => typeof one === 'number' && Number.isFinite(one));
  const isAlong =
    !Array.isArray(row) || (shape !== undefined && rank <= shape.length && list.length === shape.at(-1));
  return isAlong && numbers.length === list.length && list.length > 0 ? numbers : undefined;
}
