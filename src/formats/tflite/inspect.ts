/**
 * What is in a `.tflite` file, as data: operators, grids, and what the scales of kernels leave of their channels.
 *
 * @module
 */

import { operatorNameOf } from './operators.ts';
import { type ReadTensor, type ReadTflite, readTflite } from './read.ts';

/** An operator of a file. */
export interface InspectedOperator {
  /** Such as `CONV_2D`; `operator 150` where nobody here knows it. */
  readonly op: string;
  /** The name of what it writes, which is that of the layer in most files. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Such as `int8`; undefined where it is another type than whole-integer models have. */
  readonly type: string | undefined;
  /** The scale and the zero point of what it writes; null of floats. */
  readonly grid: { readonly scale: number; readonly zeroPoint: number } | null;
  /** Null where it has none in int8. */
  readonly kernel: InspectedKernel | null;
}

/** A kernel of codes. */
export interface InspectedKernel {
  /** How many scales it has: one, or one for each output channel. */
  readonly scales: number;
  readonly channels: number;
  /** Of 127 levels on either side, how many the median channel reaches. */
  readonly medianLevels: number;
  /** Channels that reach hardly any level: their weights are rounded away. */
  readonly ruinedChannels: number;
}

/** A file. */
export interface TfliteInspection {
  readonly bytes: number;
  readonly inputs: readonly InspectedPort[];
  readonly outputs: readonly InspectedPort[];
  readonly operators: readonly InspectedOperator[];
}

/** An input or output. */
export interface InspectedPort {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: string | undefined;
}

/** A channel whose largest code is below this has less than 4 bits. */
const FEW_LEVELS = 8;

/** Where the output channels of a kernel lie. */
const CHANNEL_AXES: ReadonlyMap<string, number> = new Map([
  ['CONV_2D', 0],
  ['DEPTHWISE_CONV_2D', 3],
  ['FULLY_CONNECTED', 0],
  ['TRANSPOSE_CONV', 0],
]);

/** @throws FormatError where the bytes are no `.tflite` file, or damaged. */
export function inspectTflite(name: string, bytes: Uint8Array): TfliteInspection {
  const file = readTflite(name, bytes);
  return {
    bytes: bytes.length,
    inputs: portsOf(file, 'inputs'),
    outputs: portsOf(file, 'outputs'),
    operators: file.operators.map(({ code, inputs, outputs }) => {
      const op = operatorNameOf(code) ?? `operator ${code}`;
      const wrote = file.tensors[outputs[0] ?? -1];
      const { quantization } = wrote ?? {};
      const axis = CHANNEL_AXES.get(op);
      const kernel = file.tensors[inputs[1] ?? -1];
      return {
        ...{ op, name: wrote?.name ?? '', shape: wrote?.shape ?? [], type: wrote?.type },
        grid: quantization ? { scale: quantization.scales[0] ?? 0, zeroPoint: quantization.zeroPoint } : null,
        kernel: axis === undefined || !kernel ? null : inspectKernel(kernel, axis),
      };
    }),
  };
}

function portsOf(file: ReadTflite, side: 'inputs' | 'outputs'): InspectedPort[] {
  return file[side].map(({ name, tensor }) => {
    const { shape = [], type } = file.tensors[tensor] ?? {};
    return { name, shape, type };
  });
}

function inspectKernel(
  { shape, type, quantization, values }: ReadTensor,
  axis: number,
): InspectedKernel | null {
  const codes = type === 'int8' ? values?.() : undefined;
  const channels = shape[axis] ?? 0;
  if (!codes || channels === 0) return null;
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const largest = new Uint8Array(channels);
  for (const [index, code] of codes.entries()) {
    const channel = Math.floor(index / inner) % channels;
    largest[channel] = Math.max(largest[channel] ?? 0, Math.abs(code));
  }
  const sorted = [...largest].sort((one, other) => one - other);
  return {
    scales: quantization?.scales.length ?? 0,
    channels,
    medianLevels: sorted[Math.floor(channels / 2)] ?? 0,
    // Those that are all 0 had no weights to lose.
    ruinedChannels: sorted.filter((level) => level > 0 && level < FEW_LEVELS).length,
  };
}
