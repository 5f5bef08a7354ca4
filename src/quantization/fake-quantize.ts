import type { Model } from '../model/model.ts';
import { quantizedTensor } from './quantized-tensor.ts';
import { type QuantizedWeightsOptions, quantizedWeights } from './quantized-weights.ts';
import type { WeightQuantizer } from './quantizer.ts';
import { weightGrid } from './tensor-grid.ts';

/**
 * A copy of `model` whose weights are what is left of them after quantizing and dequantizing.
 *
 * Weights are read once for their ranges; their new values are computed while they are read, so that memory does not
 * grow with the model. Half floats lie in memory as float32, so they are rounded to their own type only when they are
 * written. Weights that are left alone are the same Tensors.
 *
 * @throws InvalidModelError, with the layer, where a weight is NaN or infinite or a kernel is of whole numbers; RangeError
 * where the quantizer contradicts itself.
 */
export function fakeQuantize(
  model: Model,
  quantizer: WeightQuantizer,
  options: QuantizedWeightsOptions = {},
): Model {
  const copy = model.clone();
  for (const { layer, name, tensor } of quantizedWeights(copy, quantizer, options)) {
    layer.weights.set(name, quantizedTensor(tensor, weightGrid(layer, name, tensor, quantizer)));
  }
  return copy;
}
