/**
 * The grid of a weight: found in one pass over it, applied in others.
 *
 * @module
 */

import { InvalidModelError } from '../errors.ts';
import type { ChannelExtremes, ChannelLayout } from '../kernels/channel-layout.ts';
import {
  fakeQuantizeInteger,
  fakeQuantizeTfjs,
  type IntegerGrids,
  type TfjsGrid,
} from '../kernels/quantize.ts';
import type { Rounding } from '../kernels/rounding.ts';
import type { Layer } from '../model/layer.ts';
import type { FloatValues } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { integerEncoding, integerGrids, type QuantizationEncoding, tfjsGrid } from './encoding.ts';
import { extremesOf, isKernel, outputLayout, wholeLayout } from './kernel-layout.ts';
import type { WeightQuantizer } from './quantizer.ts';

/** What a weight is put on. */
export type TensorGrid =
  | {
      readonly scheme: 'integer';
      readonly layout: ChannelLayout;
      /** One for each channel of the layout. */
      readonly encodings: readonly QuantizationEncoding[];
      readonly grids: IntegerGrids;
      readonly rounding: Rounding;
    }
  | { readonly scheme: 'tfjs'; readonly grid: TfjsGrid };

/**
 * The grid of a float weight of a layer, which is read for it once, in pieces. Only kernels have one for each channel.
 *
 * @throws InvalidModelError where the weight has a NaN or an infinite value.
 */
export function weightGrid(
  layer: Layer,
  name: string,
  tensor: Tensor,
  quantizer: WeightQuantizer,
): TensorGrid {
  const isWhole = quantizer.densePerTensor === true && layer.operation.kind === 'dense';
  const isPerChannel = quantizer.perChannel && !isWhole && isKernel(layer, name);
  const layout = isPerChannel ? outputLayout(layer, name, tensor) : wholeLayout(tensor);
  const extremes = extremesOf(tensor, layout);
  checkFinite(extremes, layer, name, isPerChannel);
  if (quantizer.scheme === 'tfjs') {
    const { min, max } = extremes;
    return { scheme: 'tfjs', grid: tfjsGrid(min[0] ?? 0, max[0] ?? 0, quantizer.bits) };
  }
  const encodings = Array.from(extremes.min, (min, channel) =>
    integerEncoding(min, extremes.max[channel] ?? 0, quantizer),
  );
  return {
    scheme: 'integer',
    layout,
    encodings,
    grids: integerGrids(encodings),
    rounding: quantizer.rounding,
  };
}

/** Puts `values`, which start at flat index `start` of the weight, on its grid; `target` may be `values`. */
export function putOnGrid(grid: TensorGrid, values: FloatValues, start: number, target: FloatValues): void {
  switch (grid.scheme) {
    case 'integer':
      fakeQuantizeInteger(values, start, grid.layout, grid.grids, grid.rounding, target);
      break;
    case 'tfjs':
      fakeQuantizeTfjs(values, grid.grid, target);
      break;
  }
}

function checkFinite({ min, max }: ChannelExtremes, layer: Layer, name: string, isPerChannel: boolean): void {
  // The range of two finite doubles can be infinite.
  const channel = min.findIndex((low, index) => !Number.isFinite((max[index] ?? NaN) - low));
  if (channel < 0) return;
  const where = isPerChannel ? `${name}, output channel ${channel}` : name;
  throw new InvalidModelError(
    layer.path,
    `${where}: the weights range from ${min[channel]} to ${max[channel]}; only a finite range can be quantized; ` +
      'train the layer again or leave it out of the model',
  );
}
