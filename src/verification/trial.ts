import type { Model } from '../model/model.ts';
import { takeSnapshot } from '../model/snapshot.ts';
import { runStep, type Step, type StepRecord } from '../primitives/run-steps.ts';

/** A fold or a set that changed the function and was taken back. */
export interface UndoneEdit {
  /** The batch norm and the layer that took it, or the layers of the set, by their paths. */
  readonly layers: readonly string[];
  /** The largest difference that it made to an output, as a part of the largest value of that output. */
  readonly maxRelative: number;
}

/** A step on a model that can be done again with some of its edits left out. */
export class Trial {
  readonly step: Step;
  readonly #model: Model;
  readonly #before: StepRecord;
  readonly #restore: () => void;

  /** @param before what was done to the model before the step */
  constructor(model: Model, step: Step, before: StepRecord) {
    this.step = step;
    this.#model = model;
    this.#before = before;
    this.#restore = takeSnapshot(model);
  }

  /** Does the step on the model as it was before, without the edits in `leftOut`. */
  run(leftOut: readonly UndoneEdit[] = []): StepRecord {
    this.#restore();
    const edits = new Map(leftOut.map((edit) => [keyOf(edit.layers), edit]));
    return runStep(this.#model, this.step, this.#before, (layers) => {
      const edit = edits.get(keyOf(layers));
      return edit && { code: 'changes-function', layers, maxRelative: edit.maxRelative };
    });
  }

  /** The edits that the step made, by their layers, in order; none for a step that may change the function. */
  editsIn(record: StepRecord): (readonly string[])[] {
    switch (this.step) {
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
}

/** The same edit in every run: without an earlier one a batch norm may go into another layer. */
function keyOf(layers: readonly string[]): string {
  return layers.join('\n');
}
