import { subtractInPlace } from '../../kernels/quantize.ts';
import type { KernelPiece, KernelPieces } from '../../kernels/response-moments.ts';
import { CACHED_ELEMENTS } from '../../kernels/tap-response.ts';
import type { Layer } from '../../model/layer.ts';
import type { WeightName } from '../../model/layer-weights.ts';
import { quantizedTensor } from '../../quantization/quantized-tensor.ts';
import { checkWeightQuantizer, type WeightQuantizer } from '../../quantization/quantizer.ts';
import { putOnGrid, weightGrid } from '../../quantization/tensor-grid.ts';
import { allocate, type FloatValues } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';

/** What a kernel of a layer becomes when it is quantized and dequantized. */
export type KernelQuantizer = (layer: Layer, name: WeightName) => Tensor;

/** The kernels as `fakeQuantize` makes them, or as a function of the caller's own does. */
export function kernelQuantizer(quantizer: WeightQuantizer | KernelQuantizer): KernelQuantizer {
  if (typeof quantizer === 'function') return quantizer;
  checkWeightQuantizer(quantizer);
  return (layer, name) => {
    const tensor = layer.requireWeight(name);
    return quantizedTensor(tensor, weightGrid(layer, name, tensor, quantizer));
  };
}

/** A kernel up to this size is read, and multiplied with its factors, once for both passes: at most 32 MB. */
const MOST_HELD = 1 << 22;

/** `Q(W) - W` of a kernel of a layer, piece by piece; each holds until the next is asked for. */
export type KernelErrors = (layer: Layer, name: WeightName) => KernelPieces;

/**
 * The errors of a quantizer. One with grids reads a kernel twice: for its grid, and for the errors on it.
 */
export function kernelErrors(quantizer: WeightQuantizer | KernelQuantizer): KernelErrors {
  if (typeof quantizer === 'function')
    return (layer, name) => errorsOf(layer.requireWeight(name), quantizer(layer, name));
  checkWeightQuantizer(quantizer);
  return (layer, name) => errorsOnGrid(layer, name, quantizer);
}

function* errorsOnGrid(layer: Layer, name: WeightName, quantizer: WeightQuantizer): Generator<KernelPiece> {
  const lazy = layer.requireWeight(name);
  const kernel = lazy.size <= MOST_HELD ? Tensor.of(lazy.dtype, lazy.shape, lazy.values()) : lazy;
  const grid = weightGrid(layer, name, kernel, quantizer);
  const scratch = allocate(kernel.dtype, Math.min(CACHED_ELEMENTS, kernel.size)) as FloatValues;
  for (const { start, values } of kernel.blocks(CACHED_ELEMENTS)) {
    const errors = scratch.subarray(0, values.length);
    putOnGrid(grid, values as FloatValues, start, errors);
    subtractInPlace(errors, values as FloatValues);
    yield { start, values: errors };
  }
}

/** Both tensors are in memory, or the one is read while the other is. */
function* errorsOf(kernel: Tensor, quantized: Tensor): Generator<KernelPiece> {
  const before = kernel.blocks(CACHED_ELEMENTS);
  for (const { start, values } of quantized.blocks(CACHED_ELEMENTS)) {
    const errors = Float64Array.from(values as FloatValues);
    subtractInPlace(errors, before.next().value?.values as FloatValues);
    yield { start, values: errors };
  }
}
