import type { ChannelIndex } from '../kernels/pair-ranges.ts';
import { outerTaps, type TapMeans, tapResponse } from '../kernels/tap-response.ts';
import { kernelNames, outputIndex } from '../model/channels.ts';
import type { Layer, WeightName } from '../model/layer.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Which kernels are summed over, and how. */
export interface KernelResponseOptions {
  /** Their square where it is 2; 1 where it is left out. */
  readonly power?: 1 | 2;
  /** What stands in for a kernel of the layer; the kernel itself where it is left out. */
  readonly kernelOf?: (layer: Layer, name: WeightName) => Tensor;
}

/**
 * `sum over k, i of W[k, i, o]^power taps[k, i]`, `[output channels]`; through both kernels of a SeparableConv.
 *
 * Reads each kernel once.
 */
export function kernelResponse(
  layer: Layer,
  taps: TapMeans,
  options: KernelResponseOptions = {},
): Float64Array {
  const { power = 1, kernelOf = (owner, name) => owner.requireWeight(name) } = options;
  const single = Float64Array.of(1);
  return kernelNames(layer).reduce<{ taps: TapMeans; response: Float64Array }>(
    (before, name) => {
      const indices = { input: inputIndex(layer), output: outputIndex(layer, name) };
      const response = tapResponse(kernelOf(layer, name), indices, before.taps, power);
      return { taps: outerTaps(single, response), response };
    },
    { taps, response: new Float64Array(0) },
  ).response;
}

const ROWS: ChannelIndex = { kind: 'rows' };

/** Where the channels that a kernel of the layer reads lie in it; in both kernels of a SeparableConv they are rows. */
function inputIndex({ operation }: Layer): ChannelIndex {
  switch (operation.kind) {
    case 'convTranspose':
      return { kind: 'columns' };
    case 'conv':
      return operation.groups > 1 ? { kind: 'groups', groups: operation.groups } : ROWS;
    default:
      return ROWS;
  }
}
