import type { Layer, WeightName } from '../model/layer.ts';
import { quantizedTensor } from '../quantization/quantized-tensor.ts';
import { checkWeightQuantizer, type WeightQuantizer } from '../quantization/quantizer.ts';
import { weightGrid } from '../quantization/tensor-grid.ts';
import type { Tensor } from '../tensor/tensor.ts';

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
