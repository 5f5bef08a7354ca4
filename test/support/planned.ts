/**
 * Plans of test models, with the ranges that their tensors have on some inputs.
 *
 * @module
 */

import { tensorKey } from '../../src/model/graph.ts';
import type { Model } from '../../src/model/model.ts';
import type { ModelRunner } from '../../src/model/model-runner.ts';
import { integerForm } from '../../src/quantization/integer/integer-form.ts';
import { type IntegerPlan, integerPlan } from '../../src/quantization/integer/integer-plan.ts';
import type { TensorRange } from '../../src/quantization/integer/range-grid.ts';
import { parseQuantizer, type QuantizerName } from '../../src/quantization/quantizer.ts';
import { isFloat } from '../../src/tensor/dtype.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** The ranges of all tensors of the integer form of a model on these inputs, by key. */
export async function rangesOn(
  model: Model,
  runner: ModelRunner,
  inputs: readonly Tensor[],
): Promise<Map<string, TensorRange>> {
  const ranges = new Map<string, TensorRange>();
  await runner.run(integerForm(model), inputs, {
    onTensor: (tensor, values) => {
      if (!isFloat(values.dtype)) return undefined;
      let { min, max } = ranges.get(tensorKey(tensor)) ?? { min: Infinity, max: -Infinity };
      for (const value of values.toFloat64()) [min, max] = [Math.min(min, value), Math.max(max, value)];
      ranges.set(tensorKey(tensor), { min, max });
      return undefined;
    },
  });
  return ranges;
}

/** The plan of a model with its ranges on these inputs. */
export async function plannedOn(
  model: Model,
  runner: ModelRunner,
  inputs: readonly Tensor[],
  quantizer: QuantizerName = 'int8-per-channel',
): Promise<IntegerPlan> {
  const ranges = await rangesOn(model, runner, inputs);
  return integerPlan(model, { weights: parseQuantizer(quantizer), ranges });
}
