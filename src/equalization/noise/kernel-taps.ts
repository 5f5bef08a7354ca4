/**
 * What a layer with a kernel reads, and how much of it each position of the kernel meets, borders included.
 *
 * @module
 */

import type { GraphCall, GraphTensor } from '../../model/graph.ts';
import { type ConvolutionOperation, isConvolution, type Padding } from '../../model/operation.ts';
import { spatialSizes } from '../../model/shapes.ts';
import { changesNothing } from '../../model/training.ts';

/** What the positions of a kernel meet in a call. */
export interface KernelTaps {
  /** What the kernel lies on, past the padding and the layers that do nothing in front of it. */
  readonly source: GraphTensor;
  /**
   * For each kernel position the share of output positions at which it lies on the source. Of unknown sizes: those of an
   * image without borders.
   */
  readonly shares: Float64Array;
  /** Whether the shares are those of the borders, or there is none. */
  readonly isExact: boolean;
}

/** The taps of a call of a layer with a kernel. */
export function kernelTaps(call: GraphCall): KernelTaps {
  const { operation } = call.layer;
  const { source, padding } = unpadded(call);
  if (!isConvolution(operation)) return { source, shares: Float64Array.of(1), isExact: true };
  const shares = borderShares(call, operation, source, padding);
  return shares ? { source, shares, isExact: true } : { source, ...borderless(operation, padding) };
}

/** Zeros around a tensor, `[before, after]` for each spatial dimension; empty where there is no padding layer. */
type ZeroPadding = readonly (readonly [number, number])[];

function unpadded(call: GraphCall): { source: GraphTensor; padding: ZeroPadding } {
  let source = call.inputs[0] as GraphTensor;
  let padding: ZeroPadding = [];
  const { operation } = call.layer;
  const format = isConvolution(operation) ? operation.dataFormat : undefined;
  for (let producer = source.producer; producer; producer = source.producer) {
    const before = producer.layer.operation;
    const { input } = producer;
    if (!input) break;
    if (before.kind === 'zeroPadding' && before.dataFormat === format) {
      const inner = padding;
      padding = before.padding.map(([first, last], axis) => {
        const [more, further] = inner[axis] ?? [0, 0];
        return [first + more, last + further];
      });
    } else if (!changesNothing(producer)) break;
    source = input;
  }
  return { source, padding };
}

/** The products of the shares along each dimension; undefined where a size is not known. */
function borderShares(
  call: GraphCall,
  operation: ConvolutionOperation,
  source: GraphTensor,
  padding: ZeroPadding,
): Float64Array | undefined {
  const sizes = spatialSizes(source.shape, operation);
  const outputs = spatialSizes(call.output().shape, operation);
  let shares = [1];
  for (const axis of operation.kernelSize.keys()) {
    const [size, output] = [sizes?.[axis], outputs?.[axis]];
    if (typeof size !== 'number' || typeof output !== 'number' || output <= 0) return undefined;
    const counts = tapCounts(operation, axis, { size, output, zeros: padding[axis] ?? [0, 0] });
    shares = shares.flatMap((share) => counts.map((count) => (share * count) / output));
  }
  return Float64Array.from(shares);
}

/** As if the image had no borders. */
function borderless(
  { kind, kernelSize, strides, padding: own }: ConvolutionOperation,
  padding: ZeroPadding,
): { shares: Float64Array; isExact: boolean } {
  const positions = product(kernelSize);
  const isTransposed = kind === 'convTranspose';
  const isPadded = padding.some((sides) => sides.some((zeros) => zeros > 0));
  return {
    shares: new Float64Array(positions).fill(isTransposed ? 1 / product(strides) : 1),
    isExact: !isTransposed && !isPadded && (own === 'valid' || positions === 1),
  };
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}

/**
 * For each tap along one dimension at how many of the outputs it lies on the input.
 *
 * @param zeros before and after the input
 */
function tapCounts(
  operation: ConvolutionOperation,
  axis: number,
  { size, output, zeros }: { size: number; output: number; zeros: readonly [number, number] },
): number[] {
  const [kernel, stride] = [operation.kernelSize[axis] ?? 1, operation.strides[axis] ?? 1];
  const dilation = operation.dilationRate[axis] ?? 1;
  const [before, after] = zeros;
  const reach = (kernel - 1) * dilation + 1;
  const padded = before + size + after;
  const isTransposed = operation.kind === 'convTranspose';
  // A transposed convolution is the gradient of a convolution of its output.
  const [steps, length] = isTransposed ? [padded, output] : [output, padded];
  const own = ownPadding(operation.padding, reach, (steps - 1) * stride + reach - length);
  return Array.from({ length: kernel }, (_, tap) => {
    const first = tap * dilation - own;
    return isTransposed
      ? countWithin(size, stride, first + before * stride, output)
      : countWithin(output, stride, first - before, size);
  });
}

/** Zeros that a layer adds in front by itself. */
function ownPadding(padding: Padding, reach: number, missing: number): number {
  switch (padding) {
    case 'valid':
      return 0;
    case 'causal':
      return reach - 1;
    case 'same':
      return Math.floor(Math.max(missing, 0) / 2);
  }
}

/** For how many of `0 <= index < count` the place `index * stride + first` lies in `[0, size)`. */
function countWithin(count: number, stride: number, first: number, size: number): number {
  const from = Math.max(0, Math.ceil(-first / stride));
  const to = Math.min(count, Math.ceil((size - first) / stride));
  return Math.max(0, to - from);
}
