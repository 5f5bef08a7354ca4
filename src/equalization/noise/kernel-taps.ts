/**
 * Which inputs each position of a kernel meets, borders included.
 *
 * @module
 */

import type { GraphCall, GraphTensor } from '../../model/graph.ts';
import { type DataFormat, isConvolution, type Padding } from '../../model/operation.ts';

/** What a layer with a kernel reads, past the padding and the layers that do nothing in front of it. */
export interface KernelSource {
  readonly tensor: GraphTensor;
  /** Zeros around it, `[before, after]` for each spatial dimension; empty where there is no padding layer. */
  readonly padding: readonly (readonly [number, number])[];
}

/** One spatial dimension: for each tap of the kernel the positions of the input that it meets. */
export interface DimensionTaps {
  readonly reads: readonly Int32Array[];
  /** Length of the input, and of the output. */
  readonly inputs: number;
  readonly outputs: number;
}

/** The taps of a call. */
export interface KernelTaps {
  /** In the order of the kernel's spatial dimensions; undefined where a size is not known. */
  readonly dimensions: readonly DimensionTaps[] | undefined;
  /**
   * For each kernel position the share of output positions at which it lies on the input. Of unknown sizes: those of an
   * image without borders.
   */
  readonly shares: Float64Array;
  /** Whether the shares are those of the borders, or there is none. */
  readonly isExact: boolean;
}

/** What the call reads, past zero padding and what does nothing. */
export function kernelSource(call: GraphCall): KernelSource {
  let tensor = call.inputs[0] as GraphTensor;
  let padding: readonly (readonly [number, number])[] = [];
  const { operation } = call.layer;
  const format = isConvolution(operation) ? operation.dataFormat : undefined;
  for (let producer = tensor.producer; producer; producer = tensor.producer) {
    const before = producer.layer.operation;
    const [input] = producer.inputs;
    if (!input || producer.inputs.length !== 1) break;
    if (before.kind === 'zeroPadding' && before.dataFormat === format) {
      const inner = padding;
      padding = before.padding.map(([first, last], axis) => {
        const [more, further] = inner[axis] ?? [0, 0];
        return [first + more, last + further];
      });
    } else if (before.kind !== 'identity') break;
    tensor = input;
  }
  return { tensor, padding };
}

/** The taps of a call of a layer with a kernel, whose shapes were inferred. */
export function kernelTaps(call: GraphCall, { tensor, padding }: KernelSource): KernelTaps {
  const { operation } = call.layer;
  if (!isConvolution(operation)) return { dimensions: [], shares: Float64Array.of(1), isExact: true };
  const { kernelSize, strides, dilationRate } = operation;
  const transposed = operation.kind === 'convTranspose';
  const sizes = spatialSizes(tensor, operation);
  const outputs = spatialSizes(call.output(), operation);
  const dimensions: DimensionTaps[] = [];
  for (const [axis, kernel] of kernelSize.entries()) {
    const [size, output] = [sizes?.[axis], outputs?.[axis]];
    if (typeof size !== 'number' || (transposed && typeof output !== 'number')) break;
    const slide: Slide = {
      size,
      pads: padding[axis] ?? [0, 0],
      kernel,
      stride: strides[axis] ?? 1,
      dilation: dilationRate[axis] ?? 1,
      padding: operation.padding,
    };
    dimensions.push(transposed ? scatteredTaps(slide, output ?? 0) : slidingTaps(slide));
  }
  if (dimensions.length === kernelSize.length && dimensions.every(({ outputs: count }) => count > 0)) {
    return { dimensions, shares: productShares(dimensions), isExact: true };
  }
  const positions = kernelSize.reduce((product, size) => product * size, 1);
  const share = transposed ? 1 / strides.reduce((product, stride) => product * stride, 1) : 1;
  const padded = padding.some((sides) => sides.some((zeros) => zeros > 0));
  const isPointwise = positions === 1;
  return {
    dimensions: undefined,
    shares: new Float64Array(positions).fill(share),
    isExact: !transposed && !padded && (operation.padding === 'valid' || isPointwise),
  };
}

interface Slide {
  readonly size: number;
  readonly pads: readonly [number, number];
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padding: Padding;
}

function slidingTaps({
  size,
  pads: [before, after],
  kernel,
  stride,
  dilation,
  padding,
}: Slide): DimensionTaps {
  const padded = before + size + after;
  const reach = (kernel - 1) * dilation + 1;
  const outputs =
    padding === 'valid' ? Math.floor((padded - reach) / stride) + 1 : Math.ceil(padded / stride);
  const own =
    padding === 'valid'
      ? 0
      : padding === 'causal'
        ? reach - 1
        : Math.floor(Math.max((outputs - 1) * stride + reach - padded, 0) / 2);
  const reads = Array.from({ length: kernel }, (_, tap) => {
    const first = tap * dilation - own - before;
    return inRange(
      outputs,
      (output) => output * stride + first,
      size,
      (_output, at) => at,
    );
  });
  return { reads, inputs: size, outputs: Math.max(outputs, 0) };
}

/** A transposed convolution is the gradient of a convolution of its output. */
function scatteredTaps({ size, kernel, stride, dilation, padding }: Slide, outputs: number): DimensionTaps {
  const reach = (kernel - 1) * dilation + 1;
  const own = padding === 'valid' ? 0 : Math.floor(Math.max((size - 1) * stride + reach - outputs, 0) / 2);
  const reads = Array.from({ length: kernel }, (_, tap) =>
    inRange(
      size,
      (input) => input * stride + tap * dilation - own,
      outputs,
      (input) => input,
    ),
  );
  return { reads, inputs: size, outputs };
}

/** `kept(index, place(index))` for the indices whose place lies in `[0, size)`. */
function inRange(
  count: number,
  place: (index: number) => number,
  size: number,
  kept: (index: number, at: number) => number,
): Int32Array {
  const found: number[] = [];
  for (let index = 0; index < count; index++) {
    const at = place(index);
    if (at >= 0 && at < size) found.push(kept(index, at));
  }
  return Int32Array.from(found);
}

function productShares(dimensions: readonly DimensionTaps[]): Float64Array {
  let shares = [1];
  for (const { reads, outputs } of dimensions) {
    shares = shares.flatMap((share) => reads.map(({ length }) => (share * length) / outputs));
  }
  return Float64Array.from(shares);
}

/** The sizes of a tensor's spatial dimensions; undefined where its rank is not known. */
export function spatialSizes(
  { shape }: GraphTensor,
  { dataFormat, rank }: { readonly dataFormat: DataFormat; readonly rank: number },
): readonly (number | null)[] | undefined {
  return dataFormat === 'channels_first' ? shape?.slice(-rank) : shape?.slice(-1 - rank, -1);
}
