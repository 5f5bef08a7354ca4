/**
 * The rules that int8 kernels take for granted, checked before a file is written: of some they check nothing themselves and
 * compute nonsense.
 *
 * @module
 */

import { InvalidModelError } from '../../errors.ts';
import {
  elementsOf,
  type TfliteGraph,
  type TfliteOperator,
  type TfliteQuantization,
  type TfliteTensor,
} from './graph.ts';
import type { OperatorName } from './operators.ts';

/** Float32 numbers from here on are normal; runtimes refuse smaller scales. */
const SMALLEST_NORMAL = 2 ** -126;

/** XNNPACK refuses kernels that write this many times finer than `s_in s_w`. */
const MOST_TIMES_FINER = 256;

/** The largest dimension, which has 32 bits and a sign. */
const MOST_ELEMENTS = 2 ** 31 - 1;

/** What operators write on the grid of what they read, all or the first of it. */
const SAME_GRID: ReadonlyMap<OperatorName, 'all' | 'first'> = new Map<OperatorName, 'all' | 'first'>([
  ['CONCATENATION', 'all'],
  ['MAXIMUM', 'all'],
  ['MINIMUM', 'all'],
  ['AVERAGE_POOL_2D', 'first'],
  ['MAX_POOL_2D', 'first'],
  ['PAD', 'first'],
  ['RESHAPE', 'first'],
  ['RESIZE_BILINEAR', 'first'],
  ['RESIZE_NEAREST_NEIGHBOR', 'first'],
  ['STRIDED_SLICE', 'first'],
  ['TRANSPOSE', 'first'],
]);

/** The grids that kernels write whatever their output says. */
const FIXED_GRIDS: ReadonlyMap<OperatorName, readonly [scale: number, zeroPoint: number]> = new Map([
  ['SOFTMAX', [1 / 256, -128]],
  ['LOGISTIC', [1 / 256, -128]],
  ['TANH', [1 / 128, 0]],
]);

/** Where the kernel, the bias and the input stand among the inputs. */
const KERNELS: ReadonlyMap<
  OperatorName,
  { readonly input: number; readonly kernel: number; readonly bias: number }
> = new Map([
  ['CONV_2D', { input: 0, kernel: 1, bias: 2 }],
  ['DEPTHWISE_CONV_2D', { input: 0, kernel: 1, bias: 2 }],
  ['FULLY_CONNECTED', { input: 0, kernel: 1, bias: 2 }],
  ['TRANSPOSE_CONV', { input: 2, kernel: 1, bias: 3 }],
]);

/** @throws InvalidModelError, with the layer, for the first rule that is broken. */
export function checkGraph(graph: TfliteGraph): void {
  for (const tensor of graph.tensors) checkTensor(tensor);
  const known = new Set([
    ...graph.inputs.map(({ tensor }) => tensor),
    ...[...graph.tensors.keys()].filter((index) => graph.tensors[index]?.values),
  ]);
  for (const operator of graph.operators) {
    const early = operator.inputs.find((index) => !known.has(index));
    if (early !== undefined) throw broken(operator, `reads the tensor ${early} before it is made`);
    const twice = operator.outputs.find((index) => known.has(index));
    if (twice !== undefined) throw broken(operator, `makes the tensor ${twice}, which is there already`);
    for (const index of operator.outputs) known.add(index);
    checkOperator(operator, graph);
  }
  const missing = graph.outputs.find(({ tensor }) => !known.has(tensor));
  if (missing) throw new InvalidModelError(missing.name, 'nothing computes this output');
}

function checkTensor({ name, shape, type, quantization }: TfliteTensor): void {
  const isShape = shape.every((size) => Number.isInteger(size) && size > 0);
  if (!isShape || elementsOf(shape) > MOST_ELEMENTS) {
    throw new InvalidModelError(
      name,
      `a tensor of the shape [${shape.join(', ')}]; in a .tflite file all sizes are known, above 0, and their product below 2^31`,
    );
  }
  if (!quantization) {
    if (type === 'float32' || type === 'int32') return;
    throw new InvalidModelError(name, `codes of type ${type} have no scale`);
  }
  const { scales, zeroPoint, dimension } = quantization;
  const wrong = Array.from(scales).find((scale) => !(scale >= SMALLEST_NORMAL && Number.isFinite(scale)));
  if (wrong !== undefined) {
    throw new InvalidModelError(name, `has the scale ${wrong}; runtimes take normal float32 numbers above 0`);
  }
  if (dimension >= shape.length || (scales.length !== 1 && scales.length !== shape[dimension])) {
    throw new InvalidModelError(
      name,
      `${scales.length} scales on the axis ${dimension} of [${shape.join(', ')}]; there is one, or one for each index`,
    );
  }
  const [least, most] = type === 'int32' ? [0, 0] : type === 'uint8' ? [0, 255] : [-128, 127];
  if (!(Number.isInteger(zeroPoint) && zeroPoint >= least && zeroPoint <= most)) {
    throw new InvalidModelError(name, `has the zero point ${zeroPoint}, which ${type} does not hold`);
  }
}

function checkOperator(operator: TfliteOperator, graph: TfliteGraph): void {
  const { op, inputs, outputs } = operator;
  const gridOf = (index: number | undefined): TfliteQuantization | undefined =>
    index === undefined ? undefined : graph.tensors[index]?.quantization;
  const output = gridOf(outputs[0]);
  const same = SAME_GRID.get(op);
  const equal = same === 'all' ? inputs : inputs.slice(0, same === 'first' ? 1 : 0);
  const other = equal.map(gridOf).find((grid) => !isSameGrid(grid, output));
  if (other) {
    throw broken(
      operator,
      `${op} reads codes on the grid ${gridText(other)} and writes them on ${gridText(output)}; its kernel takes the two for one`,
    );
  }
  if (op !== 'QUANTIZE' && op !== 'DEQUANTIZE') checkTypes(operator, graph);
  const fixed = output && FIXED_GRIDS.get(op);
  if (fixed && !isSameGrid(output, { scales: [fixed[0]], zeroPoint: fixed[1], dimension: 0 })) {
    throw broken(
      operator,
      `${op} writes on the grid ${fixed.join(', ')}, and its output is on ${gridText(output)}`,
    );
  }
  checkKernel(operator, graph);
}

/** Kernels are of floats or of codes; whole numbers are shapes and indices of both. */
function checkTypes(operator: TfliteOperator, { tensors }: TfliteGraph): void {
  const types = [...operator.inputs, ...operator.outputs].map((index) => tensors[index]?.type);
  if (types.includes('float32') && (types.includes('int8') || types.includes('uint8'))) {
    throw broken(operator, `${operator.op} has floats and codes, and its kernel one of them`);
  }
}

function checkKernel(operator: TfliteOperator, { tensors }: TfliteGraph): void {
  const places = KERNELS.get(operator.op);
  if (!places) return;
  const tensorAt = (place: number): TfliteTensor | undefined => tensors[operator.inputs[place] ?? -1];
  const input = tensorAt(places.input)?.quantization?.scales[0];
  const kernel = tensorAt(places.kernel)?.quantization;
  const output = tensors[operator.outputs[0] ?? -1]?.quantization?.scales[0];
  if (!tensorAt(places.bias)) throw broken(operator, 'has no bias, and runtimes refuse that');
  if (tensors[operator.outputs[0] ?? -1]?.type === 'float32') return;
  if (input === undefined || output === undefined || !kernel)
    throw broken(operator, 'reads or writes no codes');
  if (kernel.zeroPoint !== 0)
    throw broken(operator, 'its kernel has a zero point, which kernels of int8 refuse');
  const largest = Array.from(kernel.scales).reduce((most, scale) => Math.max(most, scale), 0);
  if (!((input * largest) / output < MOST_TIMES_FINER)) {
    throw broken(
      operator,
      `what it reads and its weights have steps ${Math.round((input * largest) / output)} times as coarse as what it writes; ` +
        `XNNPACK takes less than ${MOST_TIMES_FINER}, so equalize the model`,
    );
  }
}

function isSameGrid(one: TfliteQuantization | undefined, other: TfliteQuantization | undefined): boolean {
  return (
    one?.scales.length === other?.scales.length &&
    one?.scales[0] === other?.scales[0] &&
    one?.zeroPoint === other?.zeroPoint
  );
}

function gridText(grid: TfliteQuantization | undefined): string {
  return grid ? `${grid.scales[0]}, ${grid.zeroPoint}` : 'of no codes';
}

function broken({ layer }: TfliteOperator, reason: string): InvalidModelError {
  return new InvalidModelError(layer, reason);
}
