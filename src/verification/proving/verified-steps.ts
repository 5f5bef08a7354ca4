import type { Model } from '../../model/model.ts';
import type { Step, StepRecord } from '../../primitives/run-steps.ts';
import { stepStages } from '../../primitives/step-stages.ts';
import { type ProofOptions, proveStages, type RecipeProof } from './prove-stages.ts';

/** What was done, and what the runs showed. */
export interface VerifiedRecord extends RecipeProof<Step> {
  readonly record: StepRecord;
}

/**
 * Runs `steps` as {@link runSteps} does, and the model before and after each; see {@link proveStages}. Edits `model`.
 *
 * `relu6` and `bias` may change the function, `fold` and `scale` do not: what does in them is undone.
 */
export async function runVerifiedSteps(
  model: Model,
  steps: readonly Step[],
  options: ProofOptions<Step>,
): Promise<VerifiedRecord> {
  const { stages, record } = stepStages(model, steps);
  const proof = await proveStages(model, stages, options);
  return { ...proof, record: record() };
}
