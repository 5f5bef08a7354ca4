import type { Model } from '../model/model.ts';
import { inOrder, NOTHING_DONE, runStep, type Step, type StepRecord } from './run-steps.ts';
import type { Stage } from './stage.ts';

/** The steps of the reference as stages of a recipe for `model`, and what they did so far. */
export function stepStages(
  model: Model,
  steps: readonly Step[],
): { readonly stages: readonly Stage<Step>[]; readonly record: () => StepRecord } {
  let record = NOTHING_DONE;
  const stages = inOrder(steps).map((step): Stage<Step> => {
    let before: StepRecord | undefined;
    return {
      name: step,
      run(veto) {
        before ??= record;
        record = runStep(model, step, before, veto);
      },
      edits: () => editsIn(record, step),
    };
  });
  return { stages, record: () => record };
}

/** `[batch norm, layer]` for each fold, the layers of each set; none for steps that may change the function. */
function editsIn(record: StepRecord, step: Step): (readonly string[])[] {
  switch (step) {
    case 'fold':
      return record.foldedPairs.map(([layer, bn]) => [bn.path, layer.path]);
    case 'scale':
      return record.clsSets.map(({ clsPairInfoList: [first, second] }) =>
        [first?.layer1, first?.layer2, second?.layer2].flatMap((layer) => layer?.path ?? []),
      );
    case 'relu6':
    case 'bias':
      return [];
  }
}
