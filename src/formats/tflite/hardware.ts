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

/** Of one axis, or of both. */
const VELA = {
  stride: 3,
  dilation: 2,
  kernelHeight: 64,
  kernelArea: 4096,
  dimension: 65535,
  meanArea: 256,
} as const;

function ethosRefusal(site: Site): string | undefined {
  const { op, read, wrote, options } = site;
  if (isFloat(wrote) && op !== 'DEQUANTIZE') return 'it computes in whole numbers alone';
  const number = (name: string, otherwise = 1): number => Number(ownEntry(options, name) ?? otherwise);
  if ([...read, wrote].some(({ shape }) => shape.length > 4 || shape.some((size) => size > VELA.dimension)))
    return 'tensors have up to 4 dimensions of up to 65,535';
  switch (op) {
    case 'FULLY_CONNECTED':
      return isPerChannel(read[1])
        ? 'it takes one scale for the kernel; --dense per-tensor has one'
        : undefined;
    case 'CONV_2D':
    case 'DEPTHWISE_CONV_2D': {
      if (Math.max(number('stride_w'), number('stride_h')) > VELA.stride) return 'strides are up to 3';
      if (Math.max(number('dilation_w_factor'), number('dilation_h_factor')) > VELA.dilation) {
        return 'dilations are up to 2';
      }
      const [, height = 1, width = 1] = read[1]?.shape ?? [];
      const reach = (height - 1) * number('dilation_h_factor') + 1;
      if (reach > VELA.kernelHeight || height * width > VELA.kernelArea) return 'the kernel is too large';
      const isMultiplied = op === 'DEPTHWISE_CONV_2D' && number('depth_multiplier') > 1;
      return isMultiplied && read[0]?.shape[3] !== 1
        ? 'a depth multiplier above 1 takes a single input channel'
        : undefined;
    }
    case 'TRANSPOSE_CONV':
      return number('stride_w') === 2 && number('stride_h') === 2 ? undefined : 'strides are 2 x 2';
    case 'AVERAGE_POOL_2D':
      return options['padding'] === 0 && Math.max(number('filter_width'), number('filter_height')) > 8
        ? 'padded windows are up to 8 x 8'
        : undefined;
    case 'MEAN': {
      const [, height = 1, width = 1] = read[0]?.shape ?? [];
      return number('keep_dims', 0) === 1 && height * width > VELA.meanArea
        ? 'means with their dimensions kept are over up to 256 positions'
        : undefined;
    }
    case 'PAD':
      return read[0]?.shape.length === 4 || read[0]?.shape.length === 3
        ? undefined
        : 'padding is in height and width';
    case 'RESIZE_BILINEAR':
    case 'RESIZE_NEAREST_NEIGHBOR':
      return resizeRefusal(site);
    default:
      return undefined;
  }
}

function resizeRefusal({ op, read, wrote }: Site): string | undefined {
  const [factor, other] = [1, 2].map((axis) => (wrote.shape[axis] ?? 1) / (read[0]?.shape[axis] ?? 1));
  const factors = op === 'RESIZE_BILINEAR' ? [2] : [2, 4, 8];
  return factor === other && factors.includes(factor ?? 0) ? undefined : `factors are ${factors.join(', ')}`;
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
