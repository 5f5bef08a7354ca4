import { UnsupportedModelError } from '../../errors.ts';
import { buildGraph, tensorKey } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import { floatPlan } from '../../quantization/integer/float-plan.ts';
import { gridGroups } from '../../quantization/integer/grid-groups.ts';
import { integerForm } from '../../quantization/integer/integer-form.ts';
import { integerPlan } from '../../quantization/integer/integer-plan.ts';
import { QUANTIZER_PRESETS } from '../../quantization/quantizer.ts';
import { type LowerOptions, lowerPlan } from './lower.ts';

/** Any range: which operators there are depends on none. */
const ANY_RANGE = { min: -1, max: 1 } as const;

/**
 * Whether a model can be a file, in whole numbers or in float, to be asked before anything is run.
 *
 * @throws UnsupportedModelError as `lowerPlan` does.
 */
export function checkForTflite(
  model: Model,
  {
    float = false,
    ...options
  }: { readonly float?: boolean } & Pick<LowerOptions, 'allowFloat' | 'onNote'> = {},
): void {
  if (float) {
    lowerPlan(floatPlan(model), options);
    return;
  }
  const form = integerForm(model);
  const deciding = gridGroups(buildGraph(form)).flatMap((group) => group.deciding);
  const ranges = new Map(deciding.map((tensor) => [tensorKey(tensor), ANY_RANGE]));
  try {
    lowerPlan(integerPlan(form, { weights: QUANTIZER_PRESETS['int8-per-channel'], ranges }), options);
  } catch (error) {
    // What else is wrong with weights and ranges is found on the right ones.
    if (error instanceof UnsupportedModelError) throw error;
  }
}
