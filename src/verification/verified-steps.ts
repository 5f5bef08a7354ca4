/**
 * The steps of the reference with proof: the model is run before and after each, and an edit that changes the function
 * where it should not is found and undone.
 *
 * @module
 */

import { CannotRunError } from '../errors.ts';
import type { Model } from '../model/model.ts';
import type { ModelRunner } from '../model/model-runner.ts';
import {
  inOrder,
  NOTHING_DONE,
  runStep,
  type Step,
  type StepRecord,
  type StepWatch,
} from '../primitives/run-steps.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { compareRuns, type RunComparison } from './compare-runs.ts';
import { type ModelRun, recordRun } from './model-run.ts';
import {
  defaultTolerances,
  FLOAT32_TOLERANCES,
  type Tolerances,
  type WeightPrecision,
} from './tolerances.ts';
import { Trial, type UndoneEdit } from './trial.ts';

/** With what the steps are verified. */
export interface VerifiedStepsOptions {
  readonly runner: ModelRunner;
  /** One tensor for each input of the model, with the samples as its first dimension. */
  readonly inputs: readonly Tensor[];
  /** What to call the samples. */
  readonly sampleNames?: readonly string[];
  /** Those of float32 where they are left out: half floats are rounded when they are written, and not before. */
  readonly tolerances?: Partial<Tolerances>;
  readonly watch?: StepWatch;
}

/** What a run before and after a step showed. */
export interface StepProof extends RunComparison {
  readonly step: Step;
  /** Edits that changed the function where they should not, and were taken back; the numbers are those without them. */
  readonly undone: readonly UndoneEdit[];
}

/** What was done, and what the runs showed. */
export interface VerifiedRecord {
  readonly record: StepRecord;
  /** For each step that ran. */
  readonly proofs: readonly StepProof[];
  /** The coarsest type that edited weights are stored in; where it is a half float, the proofs are without that rounding. */
  readonly weights: WeightPrecision;
}

/** Edits of one step that are looked for one by one; if that is not enough, all that are left are undone. */
const MOST_SEARCHES = 8;

/**
 * Runs `steps` as {@link runSteps} does, and the model before and after each. Edits `model`.
 *
 * `relu6` and `bias` may change the function, and the proof says by how much. An edit of `fold` or `scale` that changes
 * it is found by bisection over the edits of the step, left out with the reason `changes-function`, and named in the
 * proof. A model that cannot be run goes through all steps, with proofs that say why there is none.
 */
export async function runVerifiedSteps(
  model: Model,
  steps: readonly Step[],
  options: VerifiedStepsOptions,
): Promise<VerifiedRecord> {
  const { watch } = options;
  const check = new StepCheck(model, options);
  const proofs: StepProof[] = [];
  let record = NOTHING_DONE;
  let before = await check.run();
  for (const step of inOrder(steps)) {
    watch?.before?.(step);
    if (typeof before === 'string') {
      record = runStep(model, step, record);
      proofs.push({ step, verdict: 'not-verified', reason: before, outputs: [], notes: [], undone: [] });
    } else {
      const { attempt, undone } = await check.step(new Trial(model, step, record), before);
      record = attempt.record;
      proofs.push({ step, ...attempt.comparison, undone });
      before = attempt.run ?? attempt.comparison.reason ?? 'the edited model cannot be run';
    }
    watch?.after?.(step);
  }
  return { record, proofs, weights: check.weights };
}

/** A step as it was done, perhaps without some of its edits, and what it did to the function. */
interface Attempt {
  readonly record: StepRecord;
  /** What the step edited. */
  readonly edits: readonly (readonly string[])[];
  /** Undefined where the edited model cannot be run. */
  readonly run: ModelRun | undefined;
  readonly comparison: RunComparison;
}

/** Runs a model before and after its steps. */
class StepCheck {
  readonly #model: Model;
  readonly #original: Model;
  readonly #options: VerifiedStepsOptions;

  constructor(model: Model, options: VerifiedStepsOptions) {
    this.#model = model;
    this.#original = model.clone();
    this.#options = options;
  }

  /** The coarsest type of the weights that were edited. */
  get weights(): WeightPrecision {
    return defaultTolerances(this.#original, this.#model).weights;
  }

  /** What the model makes of the inputs, or why it cannot be run. */
  async run(): Promise<ModelRun | string> {
    try {
      return await recordRun(this.#model, this.#options);
    } catch (error) {
      if (error instanceof CannotRunError) return error.message;
      throw error;
    }
  }

  /** Does a step, and again without the edits that change the function where they should not. */
  async step(trial: Trial, before: ModelRun): Promise<{ attempt: Attempt; undone: UndoneEdit[] }> {
    const undone: UndoneEdit[] = [];
    let attempt = await this.#attempt(trial, before, undone);
    while (attempt.comparison.verdict === 'different' && attempt.edits.length > 0) {
      if (undone.length < MOST_SEARCHES) undone.push(await this.#findGuilty(trial, before, attempt, undone));
      else undone.push(...attempt.edits.map((layers) => edit(layers, attempt)));
      attempt = await this.#attempt(trial, before, undone);
    }
    return { attempt, undone };
  }

  async #attempt(trial: Trial, before: ModelRun, leftOut: readonly UndoneEdit[]): Promise<Attempt> {
    const record = trial.run(leftOut);
    const edits = trial.editsIn(record);
    const run = await this.run();
    if (typeof run === 'string') {
      const comparison = { verdict: 'not-verified', reason: run, outputs: [], notes: [] } as const;
      return { record, edits, run: undefined, comparison };
    }
    const tolerances = { ...FLOAT32_TOLERANCES, ...this.#options.tolerances };
    const comparison = compareRuns(before, run, tolerances, this.#options.sampleNames);
    return { record, edits, run, comparison };
  }

  /** The first edit of a step with which the function is not the same any more, found by halving. */
  async #findGuilty(
    trial: Trial,
    before: ModelRun,
    whole: Attempt,
    undone: readonly UndoneEdit[],
  ): Promise<UndoneEdit> {
    const { edits } = whole;
    let same = 0;
    let differs = edits.length;
    let worst = whole;
    while (differs - same > 1) {
      const middle = (same + differs) >> 1;
      const rest = edits.slice(middle).map((layers) => edit(layers, whole));
      const tried = await this.#attempt(trial, before, [...undone, ...rest]);
      if (tried.comparison.verdict === 'different') {
        differs = middle;
        worst = tried;
      } else {
        same = middle;
      }
    }
    return edit(edits[differs - 1] ?? [], worst);
  }
}

function edit(layers: readonly string[], { comparison }: Attempt): UndoneEdit {
  return { layers, maxRelative: Math.max(0, ...comparison.outputs.map(({ maxRelative }) => maxRelative)) };
}
