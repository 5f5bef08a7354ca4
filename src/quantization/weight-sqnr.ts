import { addNoisePower, decibelsOf, type NoisePower } from '../kernels/quantize.ts';
import type { Model } from '../model/model.ts';
import { allocate, type FloatValues } from '../tensor/dtype.ts';
import { type LayerWeight, type QuantizedWeightsOptions, quantizedWeights } from './quantized-weights.ts';
import type { WeightQuantizer } from './quantizer.ts';
import { putOnGrid, weightGrid } from './tensor-grid.ts';

/** How much of a weight quantizing leaves. */
export interface WeightSqnr {
  /** `Layer.path`. */
  readonly layer: string;
  /** The name of the weight, such as `kernel`. */
  readonly weight: string;
  /** `10 log10(sum w^2 / sum (Q(w) - w)^2)` in dB; Infinity where the weight is on the grid already. */
  readonly sqnr: number;
}

/**
 * The signal-to-quantization-noise ratio of every weight that {@link fakeQuantize} would quantize, in the model's order.
 *
 * @throws InvalidModelError and RangeError as {@link fakeQuantize} does.
 */
export function weightSqnr(
  model: Model,
  quantizer: WeightQuantizer,
  options: QuantizedWeightsOptions = {},
): WeightSqnr[] {
  return quantizedWeights(model, quantizer, options).map((weight) => ({
    layer: weight.layer.path,
    weight: weight.name,
    sqnr: decibelsOf(noiseOf(weight, quantizer)),
  }));
}

/** So few that what they are rounded to stays in a processor's nearest cache until it is summed. */
const SUMMED_ELEMENTS = 1 << 13;

function noiseOf({ layer, name, tensor }: LayerWeight, quantizer: WeightQuantizer): NoisePower {
  const grid = weightGrid(layer, name, tensor, quantizer);
  const power: NoisePower = { signal: 0, noise: 0 };
  let scratch = allocate(tensor.dtype, 0) as FloatValues;
  for (const { start, values } of tensor.blocks(SUMMED_ELEMENTS)) {
    if (scratch.length < values.length) scratch = allocate(tensor.dtype, values.length) as FloatValues;
    const quantized = scratch.subarray(0, values.length);
    putOnGrid(grid, values as FloatValues, start, quantized);
    addNoisePower(values as FloatValues, quantized, power);
  }
  return power;
}
