import { InvalidModelError } from '../errors.ts';
import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import { isFloat } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { isKernel } from './kernel-layout.ts';
import { quantizedTensor } from './packing/quantized-tensor.ts';
import { checkWeightQuantizer, type WeightQuantizer } from './quantizer.ts';
import { weightGrid } from './tensor-grid.ts';

/** Which weights {@link fakeQuantize} and {@link weightSqnr} take. */
export interface QuantizedWeightsOptions {
  /**
   * `kernels`, which is what is meant where it is left out: the kernels of convolutions and Dense, as most runtimes do,
   * and as `tensorflowjs_converter --quantize_uint8 '*kernel'` does. `all`: all float weights of all layers, biases and
   * statistics of batch norms among them, as the converter does without a pattern; only kernels go by channel.
   */
  readonly weights?: 'kernels' | 'all';
}

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

/** A weight of a layer. */
export interface LayerWeight {
  readonly layer: Layer;
  readonly name: string;
  readonly tensor: Tensor;
}

/** The weights of `model` that are quantized, in its order. */
export function quantizedWeights(
  model: Model,
  quantizer: WeightQuantizer,
  options: QuantizedWeightsOptions,
): LayerWeight[] {
  checkWeightQuantizer(quantizer);
  const { weights = 'kernels' } = options;
  if (weights !== 'kernels' && weights !== 'all') {
    throw new RangeError(`weights: kernels or all can be quantized, not ${String(weights)}`);
  }
  return [...model.allLayers()].flatMap(({ layer }) =>
    [...layer.weights]
      .filter(([name, { dtype }]) => isKernel(layer, name) || (weights === 'all' && isFloat(dtype)))
      .map(([name, tensor]) => ({ layer, name, tensor: requireFloat(layer, name, tensor) })),
  );
}

/** @throws InvalidModelError where the weight is of whole numbers. */
export function requireFloat(layer: Layer, name: string, tensor: Tensor): Tensor {
  if (isFloat(tensor.dtype)) return tensor;
  throw new InvalidModelError(
    layer.path,
    `${name}: the weights are ${tensor.dtype}; only a float kernel can be quantized`,
  );
}
