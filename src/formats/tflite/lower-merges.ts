/**
 * Which operators put tensors together.
 *
 * @module
 */

import type { GraphCall } from '../../model/graph.ts';
import type { MergeKind } from '../../model/operation.ts';
import type { TensorScale } from '../../quantization/integer/grid-groups.ts';
import { UNFUSED } from './lower-kernels.ts';
import type { Lowering } from './lowering.ts';
import { LEAVE_OUT, refusal } from './no-kernel.ts';
import type { OperatorName } from './operators.ts';

/** The operators of merges; the ones on a grid of their own can clamp. */
const MERGES: Readonly<Record<MergeKind, OperatorName>> = {
  add: 'ADD',
  subtract: 'SUB',
  multiply: 'MUL',
  average: 'ADD',
  maximum: 'MAXIMUM',
  minimum: 'MINIMUM',
};

export function lowerMerge(lowering: Lowering, call: GraphCall, merge: MergeKind): void {
  const { maker } = lowering;
  const op = MERGES[merge];
  const layer = call.path;
  const isComparison = merge === 'maximum' || merge === 'minimum';
  let operands = mergeOperands(lowering, call, merge);
  const [first] = operands;
  if (operands.length === 1 && first !== undefined) {
    lowering.alias(call, first);
    return;
  }
  if (operands.length > 2 && !isComparison) {
    throw refusal(
      call,
      `${op} reads two tensors, and there are ${operands.length}; make it of several layers of two`,
    );
  }
  if (merge === 'average') operands = operands.map((operand) => halved(lowering, operand, layer));
  if (isComparison) {
    // Nothing is rounded on the way.
    while (operands.length > 2) {
      const [one = 0, other = 0, ...rest] = operands;
      const shape = broadcast(maker.tensor(one).shape, maker.tensor(other).shape);
      const output = maker.like(one, lowering.name(`${layer};${operands.length}`), shape);
      operands = [maker.operator(op, { layer, inputs: [one, other], output, version: 2 }), ...rest];
    }
  }
  lowering.emit(call, { fuses: !isComparison }, (output, fused) => {
    const options = isComparison ? {} : { fused_activation_function: fused };
    maker.operator(op, { layer, inputs: operands, output, version: 2, options });
  });
}

/** What a merge reads, all with the same number of dimensions: Keras puts those of 1 behind the batch. */
function mergeOperands(lowering: Lowering, call: GraphCall, merge: MergeKind): number[] {
  const { maker } = lowering;
  const tensors = call.inputs.map((input) => lowering.valueOf(input));
  const rank = Math.max(...tensors.map((index) => maker.tensor(index).shape.length));
  const operands = tensors.map((index) => {
    const { shape } = maker.tensor(index);
    const ones = Array<number>(rank - shape.length).fill(1);
    return maker.reshaped(index, call.path, [1, ...ones, ...shape.slice(1)]);
  });
  const { constants } = call;
  if (constants.length === 0) return operands;
  const [number] = constants;
  if (constants.length > 1 || typeof number !== 'number' || merge === 'subtract' || merge === 'average') {
    throw refusal(call, `merges a tensor with constants that no kernel takes as they are; ${LEAVE_OUT}`);
  }
  return [...operands, constantOperand(lowering, call, number, merge)];
}

/** A number that is merged; sums and products have it exactly, on a grid of its own. */
function constantOperand(lowering: Lowering, call: GraphCall, number: number, merge: MergeKind): number {
  const name = lowering.name(`${call.path};${number}`);
  const isCompared = merge === 'maximum' || merge === 'minimum';
  const grid = isCompared ? lowering.gridOf(call.output()) : exactGrid(lowering, number);
  return lowering.maker.constant(name, [1], grid, [number]);
}

/** The grid on which a number is 127 steps from 0; none in float. */
function exactGrid({ isFloat }: Lowering, number: number): TensorScale | undefined {
  if (isFloat) return undefined;
  return { scale: Math.fround((Math.abs(number) || 1) / 127), zeroPoint: 0 };
}

/** Half of a tensor: the same codes on a grid of half the steps, which no operator writes but a product with 1/2. */
function halved(lowering: Lowering, index: number, layer: string): number {
  return lowering.shared(`half ${index}`, () => {
    const { maker } = lowering;
    const { name, shape, quantization } = maker.tensor(index);
    const half = maker.constant(lowering.name(`${layer};half`), [1], exactGrid(lowering, 0.5), [0.5]);
    const grid = quantization && {
      scale: (quantization.scales[0] ?? 1) / 2,
      zeroPoint: quantization.zeroPoint,
    };
    const output = maker.computed(lowering.name(`${name};half`), shape, grid);
    return maker.operator('MUL', { layer, inputs: [index, half], output, version: 2 });
  });
}

function broadcast(one: readonly number[], other: readonly number[]): number[] {
  return one.map((size, axis) => Math.max(size, other[axis] ?? 1));
}

export function lowerConcatenation(lowering: Lowering, call: GraphCall, axis: number): void {
  if (call.constants.length > 0) throw refusal(call, `concatenates constants; ${LEAVE_OUT}`);
  const inputs = call.inputs.map((input) => lowering.valueOf(input));
  const rank = lowering.shapeOf(call.output()).length;
  const along = axis < 0 ? axis + rank : axis;
  if (along === 0) throw refusal(call, 'joins samples, and a .tflite file has a batch of 1');
  const [only] = inputs;
  if (inputs.length === 1 && only !== undefined) {
    lowering.alias(call, only);
    return;
  }
  lowering.emit(call, {}, (output) => {
    const options = { axis: along, ...UNFUSED };
    lowering.maker.operator('CONCATENATION', { layer: call.path, inputs, output, version: 2, options });
  });
}
