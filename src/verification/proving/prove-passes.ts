/**
 * A recipe with proof: the model is run before and after each pass, and an edit that changes the function where it should
 * not is found and undone.
 *
 * @module
 */

import { unlessCannotRun } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import { checkpoint, watchOf } from '../../model/progress.ts';
import { takeSnapshot } from '../../model/snapshot.ts';
import {
  contextOf,
  layersByPath,
  type Pass,
  type PassRecord,
  type PassWatch,
  type RecordOf,
  runPass,
  type Veto,
} from '../../primitives/pass.ts';
import { worstRelative } from '../comparing/compare-outputs.ts';
import { aboveFloor, compareRuns, type RunComparison, withoutOutputs } from '../comparing/compare-runs.ts';
import { type ModelRun, type RecordOptions, recordRun } from '../comparing/model-run.ts';
import { noiseFloor } from '../comparing/noise-floor.ts';
import {
  defaultTolerances,
  FLOAT32_TOLERANCES,
  type Tolerances,
  type WeightPrecision,
} from '../comparing/tolerances.ts';

/** With what a recipe is proven. */
export interface ProofOptions<Name extends string = string> extends Omit<RecordOptions, 'batchSize'> {
  /** What to call the samples. */
  readonly sampleNames?: readonly string[];
  /** Those of float32 where they are left out: half floats are rounded when they are written, and not before. */
  readonly tolerances?: Partial<Tolerances>;
  /** What the model makes of the inputs, where that is known; it is run for it otherwise. */
  readonly before?: ModelRun;
  /** Called around each pass and within, and told of runs, which are stages of the name `run`. */
  readonly watch?: PassWatch<Name>;
}

/** What a run before and after a pass showed. */
export interface PassProof<Name extends string = string> extends RunComparison {
  readonly pass: Name;
  /** Whether the pass is one that must. */
  readonly keepsFunction: boolean;
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
  /** For each pass. */
  readonly proofs: readonly PassProof<Name>[];
  /** The coarsest type that edited weights are stored in; where it is a half float, the proofs are without that rounding. */
  readonly weights: WeightPrecision;
}

/** Edits of one pass that are looked for one by one; if that is not enough, all that are left are undone. */
const MOST_SEARCHES = 8;

/**
 * Runs the passes of a recipe as `runPasses` does, and the model before and after each. Edits `model`.
 *
 * Where a pass changes the function, the edit at fault is found by halving among those that should keep it, left out with
 * the reason `changes-function`, and named in the proof. A pass without such edits may change the function, and the proof
 * says by how much. A model that cannot be run goes through all passes, with proofs that say why there is none.
 *
 * @returns what each pass did, and what the runs showed.
 */
export async function provePasses<One extends Pass>(
  model: Model,
  passes: readonly One[],
  options: ProofOptions<One['name']>,
): Promise<{ readonly records: RecordOf<One>[]; readonly proof: RecipeProof<One['name']> }> {
  const { watch = {} } = options;
  const watcher = watchOf(watch, options);
  const prover = new Prover(model, { ...options, ...watcher });
  const layers = layersByPath(model);
  const proofs: PassProof<One['name']>[] = [];
  const records: RecordOf<One>[] = [];
  let before = options.before ?? (await prover.run());
  for (const pass of passes) {
    const { name, keepsFunction } = pass;
    await checkpoint(watcher);
    watch.before?.(name);
    const context = { earlier: records, layers, ...contextOf(pass, watcher) };
    const run = (veto?: Veto): Promise<RecordOf<One>> =>
      runPass(model, pass, { ...context, ...(veto ? { veto } : {}) });
    if (typeof before === 'string') {
      records.push(await run());
      proofs.push(notVerified(pass, before));
    } else {
      const { attempt, undone } = await prover.prove(run, before);
      records.push(attempt.record);
      proofs.push({ pass: name, keepsFunction, ...attempt.comparison, undone });
      before = attempt.run ?? attempt.comparison.reason ?? 'the edited model cannot be run';
    }
    watch.after?.(name);
  }
  return { records, proof: { proofs, weights: prover.weights } };
}

/** What is said of a pass whose model was not run. */
export function notVerified<Name extends string>(
  { name, keepsFunction }: Pass<Name>,
  reason: string,
): PassProof<Name> {
  return { pass: name, keepsFunction, ...withoutOutputs('not-verified', reason), undone: [] };
}

/** A pass as it was run, perhaps without some of its edits, and what it did to the function. */
interface Attempt<Done extends PassRecord = PassRecord> {
  readonly record: Done;
  /** Undefined where the edited model cannot be run. */
  readonly run: ModelRun | undefined;
  readonly comparison: RunComparison;
}

/** Runs a pass again and again, with whatever edits left out. */
type Try<Done extends PassRecord> = (leftOut: readonly UndoneEdit[]) => Promise<Attempt<Done>>;

type RunOptions = Omit<ProofOptions, 'watch'>;

/** Runs a model before and after passes. */
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
  run(): Promise<ModelRun | string> {
    return unlessCannotRun(
      () => recordRun(this.#model, this.#options),
      (reason) => reason,
    );
  }

  /** Runs a pass, and again without the edits that change the function where they should not. */
  async prove<Done extends PassRecord>(
    runPassOnce: (veto: Veto) => Promise<Done>,
    before: ModelRun,
  ): Promise<{ attempt: Attempt<Done>; undone: UndoneEdit[] }> {
    const restore = takeSnapshot(this.#model);
    const state = this.#model.clone();
    const tryWithout: Try<Done> = async (leftOut) => {
      restore();
      const record = await runPassOnce(vetoOf(leftOut));
      if (isUnedited(state, this.#model))
        return { record, run: before, comparison: this.#compare(before, before) };
      const run = await this.run();
      return typeof run === 'string'
        ? { record, run: undefined, comparison: withoutOutputs('not-verified', run) }
        : { record, run, comparison: this.#compare(before, run) };
    };
    const undone: UndoneEdit[] = [];
    let attempt = await tryWithout(undone);
    const isAtFault = (): boolean =>
      attempt.comparison.verdict === 'different' && attempt.record.edits.length > 0;
    if (isAtFault()) {
      const floor = await noiseFloor(state, before, this.#options);
      const comparison = aboveFloor(attempt.comparison, floor);
      if (comparison.verdict !== 'different') return { attempt: { ...attempt, comparison }, undone };
    }
    while (isAtFault()) {
      if (undone.length < MOST_SEARCHES) undone.push(await findGuilty(attempt, undone, tryWithout));
      else for (const layers of attempt.record.edits) undone.push(undoneEdit(layers, attempt));
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

/** The first edit of a pass with which the function is not the same any more, found by halving. */
async function findGuilty<Done extends PassRecord>(
  whole: Attempt<Done>,
  undone: readonly UndoneEdit[],
  tryWithout: Try<Done>,
): Promise<UndoneEdit> {
  const { edits } = whole.record;
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
  return {
    layers,
    maxRelative: worstRelative(comparison.outputs),
  };
}

function vetoOf(leftOut: readonly UndoneEdit[]): Veto {
  const edits = new Map(leftOut.map((edit) => [edit.layers.join('\n'), edit]));
  return (layers) => {
    const edit = edits.get(layers.join('\n'));
    return edit && { code: 'changes-function', layers, maxRelative: edit.maxRelative };
  };
}
