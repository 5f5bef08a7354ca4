/**
 * Which operators of a file the runtimes and chips that people use do not take, so that something slower computes them.
 *
 * @module
 */

import { ownEntry } from '../../json/value.ts';
import type { TfliteGraph, TfliteOperator, TfliteTensor } from './graph.ts';
import type { OperatorName } from './operators.ts';

/** Who would take the operators: XNNPACK, of phones and browsers; TensorFlow Lite for microcontrollers; NPUs by the compiler Vela. */
export type TfliteHardware = 'XNNPACK' | 'TFLite Micro' | 'Ethos-U';

/** Operators of one kind that are not taken, for one reason. */
export interface NotTaken {
  readonly hardware: TfliteHardware;
  readonly op: OperatorName;
  readonly reason: string;
  /** The paths of the layers, one for each operator. */
  readonly layers: readonly string[];
}

/** An operator with its tensors. */
interface Site extends TfliteOperator {
  readonly read: readonly TfliteTensor[];
  readonly wrote: TfliteTensor;
}

/** Why an operator is not taken; undefined where it is. */
type Refusal = (site: Site) => string | undefined;

/** What is not taken, in the order of the hardware and of the file; nothing is lost, but computed otherwise. */
export function operatorsNotTaken(graph: TfliteGraph): NotTaken[] {
  const found = new Map<string, NotTaken & { readonly layers: string[] }>();
  for (const [hardware, refusal] of HARDWARE) {
    for (const operator of graph.operators) {
      const read = operator.inputs.flatMap((index) => graph.tensors[index] ?? []);
      const wrote = graph.tensors[operator.outputs[0] ?? -1];
      const reason = wrote && refusal({ ...operator, read, wrote });
      if (reason === undefined) continue;
      const { op, layer } = operator;
      const key = `${hardware} ${op} ${reason}`;
      const known = found.get(key) ?? { hardware, op, reason, layers: [] };
      known.layers.push(layer);
      found.set(key, known);
    }
  }
  return [...found.values()];
}

const HARDWARE: readonly (readonly [TfliteHardware, Refusal])[] = [
  ['XNNPACK', xnnpackRefusal],
  ['TFLite Micro', microRefusal],
  ['Ethos-U', ethosRefusal],
];

/** Operators that the delegate takes in float alone. */
const FLOAT_OF_XNNPACK: ReadonlySet<OperatorName> = new Set([
  'AVERAGE_POOL_2D',
  'HARD_SWISH',
  'MAXIMUM',
  'MINIMUM',
  'PRELU',
  'RELU',
  'RELU6',
  'RESIZE_NEAREST_NEIGHBOR',
  'SOFTMAX',
]);

const UNKNOWN_TO_XNNPACK: ReadonlySet<OperatorName> = new Set(['CONV_3D', 'GATHER', 'LOG_SOFTMAX']);

const UNKNOWN_TO_MICRO: ReadonlySet<OperatorName> = new Set(['CONV_3D', 'GELU']);

/** The ratios of scales that the delegate takes, from the first and below the second. */
const RATIOS: Partial<Record<OperatorName, readonly [number, number]>> = {
  ADD: [2 ** -10, 2 ** 8],
  SUB: [2 ** -10, 2 ** 8],
  MUL: [2 ** -16, 2 ** 8],
  LEAKY_RELU: [2 ** -8, 128],
  QUANTIZE: [2 ** -8, 128],
};

function xnnpackRefusal({ op, read, wrote, inputs }: Site): string | undefined {
  if (UNKNOWN_TO_XNNPACK.has(op)) return 'it has no kernel for this operator';
  if (isFloat(wrote)) return undefined;
  if (FLOAT_OF_XNNPACK.has(op)) return 'it takes this operator in float alone';
  if (op === 'CONCATENATION' && inputs.length > 5) return 'it takes up to 5 tensors';
  if (op === 'QUANTIZE' && wrote.type === 'uint8') return 'it does not turn int8 into uint8';
  const [least, most] = RATIOS[op] ?? [0, Infinity];
  const output = scaleOf(wrote);
  const scales = read.flatMap((tensor) => (tensor.type === 'int8' ? scaleOf(tensor) : []));
  const ratios =
    op === 'MUL'
      ? [scales.reduce((product, scale) => product * scale, 1) / output]
      : scales.map((scale) => scale / output);
  if (ratios.every((ratio) => ratio >= least && ratio < most)) return undefined;
  return 'the steps of what it reads and writes are too far apart';
}

function microRefusal({ op, read }: Site): string | undefined {
  if (UNKNOWN_TO_MICRO.has(op)) return 'it has no kernel for this operator';
  return op === 'FULLY_CONNECTED' && isPerChannel(read[1])
    ? 'older releases compute it wrongly or refuse it with a scale for each channel; --dense per-tensor has one'
    : undefined;
}

/** The most that Vela 5.2 puts on Ethos-U55 and U65, as `vela --supported-ops-report` lists it; U85 takes more. */
const VELA = {
  stride: 3,
  paddedWindow: 8,
  windowHeight: 256,
  windowArea: 2 ** 16,
  meanLength: 4096,
  softmaxPositions: 2 ** 16,
  transposedLength: 2 ** 16,
  denseInputs: 2 ** 16,
} as const;

/** Padding as TensorFlow's SAME, in the schema. */
const SAME = 0;

function ethosRefusal(site: Site): string | undefined {
  const { op, read, wrote, options } = site;
  if ([...read, wrote].some(isFloat)) return 'it computes in whole numbers alone';
  const shape = read[0]?.shape ?? [];
  const [, height = 1, width = 1] = shape;
  const number = (name: string): number => Number(ownEntry(options, name) ?? 1);
  const [strideHeight, strideWidth] = [number('stride_h'), number('stride_w')];
  const isFar = Math.max(strideHeight, strideWidth) > VELA.stride;
  const isPadded = options['padding'] === SAME;
  switch (op) {
    case 'FULLY_CONNECTED':
      return (read[1]?.shape[1] ?? 1) > VELA.denseInputs ? 'it reads up to 65,536 values' : undefined;
    case 'CONV_2D':
      return isFar && isPadded ? 'strides above 3 are without padding' : undefined;
    case 'DEPTHWISE_CONV_2D':
      return isFar ? 'strides are up to 3' : undefined;
    case 'TRANSPOSE_CONV':
      return transposedRefusal(site, [strideHeight, strideWidth]);
    case 'AVERAGE_POOL_2D':
    case 'MAX_POOL_2D': {
      const [high, wide] = [number('filter_height'), number('filter_width')];
      if (isFar && isPadded) return 'strides above 3 are without padding';
      if (op === 'AVERAGE_POOL_2D' && isPadded)
        return Math.max(high, wide) > VELA.paddedWindow ? 'padded windows are up to 8 x 8' : undefined;
      return high > VELA.windowHeight || high * wide > VELA.windowArea
        ? 'the window is too large'
        : undefined;
    }
    case 'MEAN': {
      const axes = Array.from(read[1]?.values?.() ?? []);
      if (axes.some((axis) => (shape[axis] ?? 1) > VELA.meanLength))
        return 'means are over up to 4,096 positions of an axis';
      const isOverChannels = shape.length === 4 && axes.includes(3);
      return isOverChannels && shape.slice(1).every((size) => size > 1)
        ? 'means over channels take a height or a width of 1'
        : undefined;
    }
    case 'SOFTMAX':
      return shape.slice(1, -1).reduce((product, size) => product * size, 1) > VELA.softmaxPositions
        ? 'it has up to 65,536 positions'
        : undefined;
    case 'TRANSPOSE':
      return Math.max(...shape) > VELA.transposedLength ? 'axes have up to 65,536 positions' : undefined;
    case 'RESIZE_BILINEAR':
    case 'RESIZE_NEAREST_NEIGHBOR': {
      const [, newHeight = 1, newWidth = 1] = wrote.shape;
      return height === 1 && width === 1
        ? undefined
        : resizeRefusal(op, [newHeight / height, newWidth / width], newHeight === 1 || newWidth === 1);
    }
    default:
      return undefined;
  }
}

function transposedRefusal({ read, wrote, options }: Site, strides: readonly number[]): string | undefined {
  const [given, kernel] = [read[2]?.shape ?? [], read[1]?.shape ?? []];
  const axes = [1, 2].map((axis) => {
    const [size = 1, reach = 1, stride = 1] = [given[axis], kernel[axis], strides[axis - 1]];
    const overhang = options['padding'] === SAME ? 0 : Math.max(reach - stride, 0);
    return {
      stride,
      isLine: size === 1 && reach === 1,
      isUsual: wrote.shape[axis] === size * stride + overhang,
    };
  });
  // Of a sequence the other axis has one position.
  const counted = axes.filter(({ isLine }) => !isLine).map(({ stride }) => stride);
  if (counted.some((stride) => stride > 2 || stride !== counted[0])) return 'strides are 1 x 1 or 2 x 2';
  return axes.every(({ isUsual, isLine }) => isUsual || isLine) ? undefined : 'there is no output padding';
}

function resizeRefusal(op: OperatorName, factors: readonly number[], isLine: boolean): string | undefined {
  const taken = op === 'RESIZE_BILINEAR' ? [2] : [2, 4, 8];
  const reason = `factors are ${taken.join(', ')}, the same for height and width`;
  const [factor = 1, other = 1] = factors;
  if (factor === other) return factor === 1 || taken.includes(factor) ? undefined : reason;
  return isLine && op !== 'RESIZE_BILINEAR' && Math.min(factor, other) === 1 && taken.includes(factor * other)
    ? undefined
    : reason;
}

function isPerChannel(tensor: TfliteTensor | undefined): boolean {
  return (tensor?.quantization?.scales.length ?? 0) > 1;
}

function isFloat({ type }: TfliteTensor): boolean {
  return type === 'float32';
}

function scaleOf({ quantization }: TfliteTensor): number {
  return quantization?.scales[0] ?? 1;
}
