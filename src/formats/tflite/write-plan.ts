import type { FloatPlan } from '../../quantization/integer/float-plan.ts';
import type { IntegerPlan } from '../../quantization/integer/integer-plan.ts';
import { type LowerOptions, lowerPlan } from './lower.ts';
import { tfliteBytes } from './write.ts';

/**
 * The bytes of the `.tflite` file of a model in whole numbers, or in float, such as `quantize` makes with the format `tflite`.
 *
 * @throws UnsupportedModelError, with the layer and the way out, where a layer has no kernel or a size is not known;
 * InvalidModelError where a rule of the kernels is broken; LimitError where the file would be past 2 GB.
 */
export function writeTflite(plan: FloatPlan | IntegerPlan, options: LowerOptions = {}): Uint8Array {
  return tfliteBytes(lowerPlan(plan, options));
}
