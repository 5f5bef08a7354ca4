/**
 * A recipe with proof: the model is run before and after each stage, and an edit that changes the function where it should
 * not is found and undone.
 *
 * @module
 */

import { CannotRunError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import type { ModelRunner } from '../../model/model-runner.ts';
import { takeSnapshot } from '../../model/snapshot.ts';
import type { Stage, StageWatch, Veto } from '../../primitives/stage.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { aboveFloor, compareRuns, type RunComparison } from '../comparing/compare-runs.ts';
import { type ModelRun, recordRun } from '../comparing/model-run.ts';
import { noiseFloor } from '../comparing/noise-floor.ts';
import {
  defaultTolerances,
  FLOAT32_TOLERANCES,
  type Tolerances,
  type WeightPrecision,
} from '../comparing/tolerances.ts';

/** With what a recipe is proven. */
export interface ProofOptions<Name extends string = string> {
  readonly runner: ModelRunner;
  /** One tensor for each input of the model, with the samples as its first dimension. */
  readonly inputs: readonly Tensor[];
  /** What to call the samples. */
  readonly sampleNames?: readonly string[];
  /** Those of float32 where they are left out: half floats are rounded when they are written, and not before. */
  readonly tolerances?: Partial<Tolerances>;
  /** Called around each stage. */
  readonly watch?: StageWatch<Name>;
}

/** What a run before and after a stage showed. */
export interface StageProof<Name extends string = string> extends RunComparison {
  readonly step: Name;
  /** Edits that changed the function where they should not, and were taken back; the numbers are those without them. */
  readonly undone: readonly UndoneEdit[];
}

/** An edit that changed the function and was taken back. */
export interface UndoneEdit {
  /** Its layers by their paths: the batch norm and the layer that took it, or the layers of a set. */
  readonly layers: readonly string[];
  /** The largest difference that it made to an output, as a part of the largest value of that output. */
  readonly maxRelative: number;
}

/** What the runs showed. */
export interface RecipeProof<Name extends string = string> {
  /** For each stage. */
  readonly proofs: readonly StageProof<Name>[];
  /** The coarsest type that edited weights are stored in; where it is a half float, the proofs are without that rounding. */
  readonly weights: WeightPrecision;
}

/** Edits of one stage that are looked for one by one; if that is not enough, all that are left are undone. */
const MOST_SEARCHES = 8;

/**
 * Runs the stages of a recipe, and the model before and after each. Edits `model`.
 *
 * Where a stage changes the function, the edit at fault is found by halving among those that should keep it, left out with
 * the reason `changes-function`, and named in the proof. A stage without such edits may change the function, and the proof
 * says by how much. A model that cannot be run goes through all stages, with proofs that say why there is none.
 *
 * @param stages of a recipe for `model`
 */
export async function proveStages<Name extends string>(
  model: Model,
  stages: readonly Stage<Name>[],
  options: ProofOptions<Name>,
): Promise<RecipeProof<Name>> {
  const { watch } = options;
  const prover = new Prover(model, options);
  const proofs: StageProof<Name>[] = [];
  let before = await prover.run();
  for (const stage of stages) {
    const step = stage.name;
    watch?.before?.(step);
    if (typeof before === 'string') {
      await stage.run();
      proofs.push({ step, verdict: 'not-verified', reason: before, outputs: [], notes: [], undone: [] });
    } else {
      const { attempt, undone } = await prover.prove(stage, before);
      proofs.push({ step, ...attempt.comparison, undone });
      before = attempt.run ?? attempt.comparison.reason ?? 'the edited model cannot be run';
    }
    watch?.after?.(step);
  }
  return { proofs, weights: prover.weights };
}

/** A stage as it was run, perhaps without some of its edits, and what it did to the function. */
interface Attempt {
  readonly edits: readonly (readonly string[])[];
  /** Undefined where the edited model cannot be run. */
  readonly run: ModelRun | undefined;
  readonly comparison: RunComparison;
}

/** Runs a stage again and again, with whatever edits left out. */
type Try = (leftOut: readonly UndoneEdit[]) => Promise<Attempt>;

type RunOptions = Omit<ProofOptions, 'watch'>;

/** Runs a model before and after stages. */
class Prover {
  readonly #model: Model;
  readonly #original: Model;
  readonly #options: RunOptions;

  constructor(model: Model, options: RunOptions) {
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

  /** Runs a stage, and again without the edits that change the function where they should not. */
  async prove(stage: Stage, before: ModelRun): Promise<{ attempt: Attempt; undone: UndoneEdit[] }> {
    const restore = takeSnapshot(this.#model);
    const state = this.#model.clone();
    const tryWithout: Try = async (leftOut) => {
      restore();
      await stage.run(vetoOf(leftOut));
      const edits = stage.edits();
      if (isUnedited(state, this.#model))
        return { edits, run: before, comparison: this.#compare(before, before) };
      const run = await this.run();
      return typeof run === 'string'
        ? {
            edits,
            run: undefined,
            comparison: { verdict: 'not-verified', reason: run, outputs: [], notes: [] },
          }
        : { edits, run, comparison: this.#compare(before, run) };
    };
    const undone: UndoneEdit[] = [];
    let attempt = await tryWithout(undone);
    if (attempt.comparison.verdict === 'different' && attempt.edits.length > 0) {
      const floor = await noiseFloor(state, before, this.#options);
      const comparison = aboveFloor(attempt.comparison, floor);
      if (comparison.verdict !== 'different') return { attempt: { ...attempt, comparison }, undone };
    }
    while (attempt.comparison.verdict === 'different' && attempt.edits.length > 0) {
      if (undone.length < MOST_SEARCHES) undone.push(await findGuilty(attempt, undone, tryWithout));
      else undone.push(...attempt.edits.map((layers) => undoneEdit(layers, attempt)));
      attempt = await tryWithout(undone);
    }
    return { attempt, undone };
  }

  #compare(before: ModelRun, after: ModelRun): RunComparison {
    const tolerances = { ...FLOAT32_TOLERANCES, ...this.#options.tolerances };
    return compareRuns(before, after, tolerances, this.#options.sampleNames);
  }
}

/** Whether a model still computes with the same weights in the same layers as its copy. */
function isUnedited(copy: Model, model: Model): boolean {
  const layers = [...model.allLayers()];
  const before = [...copy.allLayers()];
  return (
    layers.length === before.length &&
    layers.every(({ path, layer }, index) => {
      const other = before[index];
      if (other?.path !== path || other.layer.operation !== layer.operation) return false;
      return [...layer.weights].every(([name, tensor]) => other.layer.weights.get(name) === tensor);
    })
  );
}

/** The first edit of a stage with which the function is not the same any more, found by halving. */
async function findGuilty(
  whole: Attempt,
  undone: readonly UndoneEdit[],
  tryWithout: Try,
): Promise<UndoneEdit> {
  const { edits } = whole;
  let same = 0;
  let differs = edits.length;
  let worst = whole;
  while (differs - same > 1) {
    const middle = (same + differs) >> 1;
    const rest = edits.slice(middle).map((layers) => undoneEdit(layers, whole));
    const tried = await tryWithout([...undone, ...rest]);
    if (tried.comparison.verdict === 'different') {
      differs = middle;
      worst = tried;
    } else {
      same = middle;
    }
  }
  return undoneEdit(edits[differs - 1] ?? [], worst);
}

function undoneEdit(layers: readonly string[], { comparison }: Attempt): UndoneEdit {
  return { layers, maxRelative: Math.max(0, ...comparison.outputs.map(({ maxRelative }) => maxRelative)) };
}

function vetoOf(leftOut: readonly UndoneEdit[]): Veto {
  const edits = new Map(leftOut.map((edit) => [edit.layers.join('\n'), edit]));
  return (layers) => {
    const edit = edits.get(layers.join('\n'));
    return edit && { code: 'changes-function', layers, maxRelative: edit.maxRelative };
  };
}
