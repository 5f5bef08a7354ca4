/**
 * Which weights of a model are quantized.
 *
 * @module
 */

import { InvalidModelError } from '../errors.ts';
import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import { isFloat } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { isKernel } from './kernel-layout.ts';
import { checkWeightQuantizer, type WeightQuantizer } from './quantizer.ts';

/** Which weights `fakeQuantize` and `weightSqnr` take. */
export interface QuantizedWeightsOptions {
  /**
   * `kernels`, which is what is meant where it is left out: the kernels of convolutions and Dense, as most runtimes do,
   * and as `tensorflowjs_converter --quantize_uint8 "*kernel"` does. `all`: all float weights of all layers, biases and
   * statistics of batch norms among them, as the converter does without a pattern; only kernels go by channel.
   */
  readonly weights?: 'kernels' | 'all';
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
  const layers = Array.from(model.allLayers(), ({ layer }) => layer);
  return floatWeights(layers, (layer, name, { dtype }) => {
    return isKernel(layer, name) || (weights === 'all' && isFloat(dtype));
  });
}

/**
 * The weights of layers that are taken, in their order.
 *
 * @throws InvalidModelError where one of them is of whole numbers.
 */
export function floatWeights(
  layers: readonly Layer[],
  takes: (layer: Layer, name: string, tensor: Tensor) => boolean,
): LayerWeight[] {
  return layers.flatMap((layer) =>
    [...layer.weights]
      .filter(([name, tensor]) => takes(layer, name, tensor))
      .map(([name, tensor]) => ({ layer, name, tensor: requireFloat(layer, name, tensor) })),
  );
}

/**
 * The weight.
 *
 * @throws InvalidModelError where it is of whole numbers.
 */
export function requireFloat(layer: Layer, name: string, tensor: Tensor): Tensor {
  if (isFloat(tensor.dtype)) return tensor;
  throw new InvalidModelError(
    layer.path,
    `${name}: the weights are ${tensor.dtype}; only a float kernel can be quantized`,
  );
}

/**
 * The layers whose float weights all stay as they are where kernels are quantized, in the model's order: LSTM, Embedding,
 * layers that nobody here knows. Batch norms are left out, which runtimes fold or keep in float.
 */
export function unquantizedLayers(model: Model): Layer[] {
  return [...model.allLayers()]
    .map(({ layer }) => layer)
    .filter((layer) => {
      if (layer.operation.kind === 'batchNorm') return false;
      const weights = [...layer.weights];
      return (
        weights.some(([, { dtype }]) => isFloat(dtype)) && !weights.some(([name]) => isKernel(layer, name))
      );
    });
}
