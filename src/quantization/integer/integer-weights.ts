/**
 * The codes of kernels and biases.
 *
 * @module
 */

import { InvalidModelError } from '../../errors.ts';
import type { ChannelLayout } from '../../kernels/channel-layout.ts';
import { roundHalfAway } from '../../kernels/rounding.ts';
import { affineOf } from '../../model/batch-norm.ts';
import { biasOf } from '../../model/bias.ts';
import { kernelNames } from '../../model/channels.ts';
import type { Layer } from '../../model/layer.ts';
import { isWeighted } from '../../model/operation.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { integerEncoding, integerGrids } from '../encoding.ts';
import { extremesOf, outputLayout, wholeLayout } from '../kernel-layout.ts';
import { quantizedTensor } from '../quantized-tensor.ts';
import { requireFloat } from '../quantized-weights.ts';
import type { WeightQuantizer } from '../quantizer.ts';
import { type TensorGrid, weightGrid } from '../tensor-grid.ts';
import { LARGEST_SCALE, SMALLEST_SCALE } from './range-grid.ts';

/** A kernel, the factors of a batch norm, or the slopes of a PReLU, in int8. */
export interface IntegerKernel {
  readonly layer: Layer;
  /** The name of the weight, such as `kernel`; `gamma` of a batch norm, whose factors are `gamma / sqrt(variance + epsilon)`. */
  readonly weight: string;
  /** Float32 numbers: one, or one for each output channel. */
  readonly scales: Float32Array;
  /** Which of the scales belongs to each element, in the order of the float weight. */
  readonly layout: ChannelLayout;
  /** The codes, -127 to 127, in the order of the float weight; read anew each time. */
  codes(): Int8Array;
  /** The scales times the codes, computed while it is read. */
  readonly dequantized: Tensor;
}

/** A bias in int32. */
export interface IntegerBias {
  /** As many as the kernel has: the float32 products of its scales and the one of what the layer reads. */
  readonly scales: Float32Array;
  /** A code for each output channel. */
  readonly codes: Int32Array;
}

/** What the codes of a bias stand for. */
export function dequantizedBias({ codes, scales }: IntegerBias): Float64Array {
  return Float64Array.from(codes, (code, channel) => code * (scales[channel % scales.length] ?? 1));
}

/** Whether int8 kernels compute a layer from weights and a bias: those with a kernel, and batch norms, which have one of factors. */
export function hasIntegerKernel({ operation }: Layer): boolean {
  return isWeighted(operation) || operation.kind === 'batchNorm';
}

/** The key of a weight in `IntegerPlan.kernels`: the path of its layer and its name. */
export function kernelKey({ path }: Layer, weight: string): string {
  return `${path}/${weight}`;
}

/** What of the 32 bits a bias may take. */
const MOST_BIAS = 2 ** 30;
const MOST_SUM = 2 ** 31;
/** The largest sizes of a code of a kernel, and of one of a tensor less its zero point. */
const MOST_CODE = 127;
const MOST_INPUT = 255;

/** The scales of a kernel, which depend on that of what it reads where the bias would not fit. */
export class KernelGrid {
  readonly layer: Layer;
  /** The name of the weight. */
  readonly name: string;
  readonly #tensor: Tensor;
  readonly #grid: IntegerGrid;
  readonly #bias: Float64Array;
  /** For each scale the largest size of a bias. */
  readonly #largestBias: Float64Array;

  /** @throws InvalidModelError where a weight is NaN or infinite or too large, or of whole numbers. */
  constructor(layer: Layer, quantizer: WeightQuantizer) {
    this.layer = layer;
    const { name, tensor, grid, bias } = kernelParts(layer, quantizer);
    this.name = name;
    this.#tensor = tensor;
    this.#grid = grid;
    this.#bias = bias;
    this.#largestBias = new Float64Array(grid.encodings.length);
    for (const [channel, bias] of this.#bias.entries()) {
      const index = channel % this.#largestBias.length;
      this.#largestBias[index] = Math.max(this.#largestBias[index] ?? 0, Math.abs(bias));
    }
    const large = grid.grids.scale.findIndex((scale) => scale > LARGEST_SCALE);
    if (large >= 0)
      throw new InvalidModelError(layer.path, `${this.name}: the weights are too large for int8 grids`);
  }

  /** The scales for an input on a grid of `inputScale`. */
  scales(inputScale: number): Float32Array {
    return Float32Array.from(this.#grid.grids.scale, (scale, index) =>
      Math.max(scale, (this.#largestBias[index] ?? 0) / (inputScale * MOST_BIAS), SMALLEST_SCALE),
    );
  }

  /** The largest of {@link scales}. */
  largestScale(inputScale: number): number {
    return this.scales(inputScale).reduce((most, scale) => Math.max(most, scale), 0);
  }

  /** The kernel for an input on that grid. */
  kernel(inputScale: number): IntegerKernel {
    const { layer, name, layout } = { layer: this.layer, name: this.name, layout: this.#grid.layout };
    const scales = this.scales(inputScale);
    const encodings = Array.from(scales, (scale) => ({
      ...{ min: -MOST_CODE * scale, max: MOST_CODE * scale, scale, offset: -MOST_CODE },
      ...{ bitwidth: 8, isSymmetric: true },
    }));
    const grid = { ...this.#grid, encodings, grids: integerGrids(encodings) };
    const dequantized = quantizedTensor(this.#tensor, grid);
    return {
      layer,
      weight: name,
      scales,
      layout,
      dequantized,
      codes: () => codesOf(dequantized, scales, layout),
    };
  }

  /**
   * The bias for an input on that grid.
   *
   * @throws InvalidModelError where it could overflow 32 bits together with the largest sum of products.
   */
  bias(inputScale: number): IntegerBias {
    const kernel = this.kernel(inputScale);
    const scales = kernel.scales.map((scale) => scale * inputScale);
    const codes = Int32Array.from(this.#bias, (bias, channel) =>
      roundHalfAway(bias / (scales[channel % scales.length] ?? 1)),
    );
    this.#checkSums(kernel, codes);
    return { scales, codes };
  }

  #checkSums(kernel: IntegerKernel, bias: Int32Array): void {
    const largest = bias.reduce((most, code) => Math.max(most, Math.abs(code)), 0);
    if (!isWeighted(this.layer.operation)) return;
    // No channel has more weights than are in the kernel for each of them.
    const weights = this.#tensor.size / Math.max(1, bias.length);
    if (largest + MOST_INPUT * MOST_CODE * weights < MOST_SUM) return;
    const { channels, inner } = outputLayout(this.layer, this.name, this.#tensor);
    const sums = new Float64Array(channels);
    for (const [index, code] of kernel.codes().entries()) {
      const channel = Math.floor(index / inner) % channels;
      sums[channel] = (sums[channel] ?? 0) + Math.abs(code);
    }
    const channel = sums.findIndex((sum, index) => Math.abs(bias[index] ?? 0) + MOST_INPUT * sum >= MOST_SUM);
    if (channel < 0) return;
    throw new InvalidModelError(
      this.layer.path,
      `${this.name}, output channel ${channel}: the sum of its ${weights} products can exceed 32 bits; split ` +
        'the layer in two or leave it in float',
    );
  }
}

type IntegerGrid = TensorGrid & { readonly scheme: 'integer' };

interface KernelParts {
  readonly name: string;
  readonly tensor: Tensor;
  readonly grid: IntegerGrid;
  readonly bias: Float64Array;
}

function kernelParts(layer: Layer, quantizer: WeightQuantizer): KernelParts {
  const { operation } = layer;
  if (operation.kind === 'batchNorm') return affineParts(layer, quantizer);
  const isKernel = isWeighted(operation);
  const name = isKernel ? (kernelNames(layer)[0] ?? '') : 'alpha';
  const tensor = requireFloat(layer, name, layer.weights.get(name) as Tensor);
  const grid = weightGrid(layer, name, tensor, quantizer);
  if (grid.scheme !== 'integer') throw new RangeError('a tfjs quantizer has no int8 codes');
  return { name, tensor, grid, bias: isKernel ? checkedBias(layer, biasOf(layer)) : new Float64Array() };
}

/** A batch norm is a depthwise kernel of one weight a channel, which has its own scale where kernels have one for each channel. */
function affineParts(layer: Layer, quantizer: WeightQuantizer): KernelParts {
  const { a, d } = affineOf(layer);
  const channel = a.findIndex((factor) => !Number.isFinite(factor));
  if (channel >= 0) {
    throw new InvalidModelError(
      layer.path,
      `channel ${channel}: is multiplied by ${a[channel]}; only a finite factor has a code, so train the layer again`,
    );
  }
  const tensor = Tensor.fromNumbers('float32', [a.length], a);
  const layout = quantizer.perChannel ? { channels: a.length, inner: 1 } : wholeLayout(tensor);
  const { min, max } = extremesOf(tensor, layout);
  const encodings = Array.from(min, (least, index) => integerEncoding(least, max[index] ?? 0, quantizer));
  const { rounding } = quantizer;
  const grid = { scheme: 'integer', layout, encodings, grids: integerGrids(encodings), rounding } as const;
  return { name: 'gamma', tensor, grid, bias: checkedBias(layer, d) };
}

function checkedBias(layer: Layer, bias: Float64Array): Float64Array {
  const channel = bias.findIndex((value) => !Number.isFinite(value));
  if (channel < 0) return bias;
  throw new InvalidModelError(
    layer.path,
    `bias, channel ${channel}: is ${bias[channel]}; only a finite one has a code, so train the layer again`,
  );
}

function codesOf(dequantized: Tensor, scales: Float32Array, { channels, inner }: ChannelLayout): Int8Array {
  const codes = new Int8Array(dequantized.size);
  for (const { start, values } of dequantized.blocks()) {
    let channel = Math.floor(start / inner) % channels;
    let left = inner - (start % inner);
    for (let index = 0; index < values.length; index++) {
      codes[start + index] = Math.round(Number(values[index]) / (scales[channel] ?? 1));
      if (--left > 0) continue;
      left = inner;
      channel = channel + 1 === channels ? 0 : channel + 1;
    }
  }
  return codes;
}
