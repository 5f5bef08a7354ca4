/**
 * What a whole-integer model makes of inputs, to be compared with what the float model makes of them.
 *
 * @module
 */

import {
  type TensorRangeOptions,
  type TensorRanges,
  tensorRanges,
} from '../../equalization/ranges/tensor-ranges.ts';
import type { Model } from '../../model/model.ts';
import { type FloatPlan, floatPlan, portNames } from '../../quantization/integer/float-plan.ts';
import { type IntegerPlan, integerPlan } from '../../quantization/integer/integer-plan.ts';
import { type PlanParts, runPlan } from '../../quantization/integer/simulate-plan.ts';
import type { WeightQuantizer } from '../../quantization/quantizer.ts';
import { freeNames } from '../../text/names.ts';
import { withLogits } from './logits.ts';
import { type ModelRun, modelRun, type RecordOptions } from './model-run.ts';

/** How a whole-integer model is made of a model. */
export interface IntegerModelOptions extends TensorRangeOptions {
  /** `int8-per-tensor-symmetric` or `int8-per-channel`, see `integerPlan`. */
  readonly weights: WeightQuantizer;
}

/** A whole-integer model with the logits of its float original. */
export interface IntegerModel {
  readonly plan: IntegerPlan;
  readonly ranges: TensorRanges;
  /**
   * Runs it, or parts of it, for `compareRuns`.
   *
   * @throws what {@link runPlan} throws.
   */
  record(
    options: Pick<RecordOptions, 'runner' | 'inputs' | 'batchSize'>,
    parts?: PlanParts,
  ): Promise<ModelRun>;
}

/**
 * The whole-integer model of `model`, whose ranges are those that are expected, or that it has on samples.
 *
 * @throws InvalidModelError and RangeError as `tensorRanges` and `integerPlan` do.
 */
export async function integerModel(model: Model, options: IntegerModelOptions): Promise<IntegerModel> {
  const { model: extended, sources } = withLogits(model);
  const ranges = await tensorRanges(extended, options);
  const plan = namedAs(model, integerPlan(extended, { weights: options.weights, ranges }));
  return {
    plan,
    ranges,
    record: async ({ runner, inputs, batchSize }, parts = {}) => {
      const options = batchSize === undefined ? parts : { ...parts, batchSize };
      return modelRun(model, sources, await runPlan(plan, runner, inputs, options));
    },
  };
}

/** The plan of the float file of `model`, with its logits. */
export function floatModel(model: Model): FloatPlan {
  return namedAs(model, floatPlan(withLogits(model).model));
}

/** The outputs as the model has them, whose softmax was split off into a layer of another name, and names for its logits. */
function namedAs<Plan extends FloatPlan>(model: Model, plan: Plan): Plan {
  const own = portNames(model, 'outputs');
  const outputs = freeNames(plan.names.outputs.map((made, index) => own[index] ?? `${made}_logits`));
  return { ...plan, names: { ...plan.names, outputs } };
}
