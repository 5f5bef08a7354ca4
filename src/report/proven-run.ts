import type { Model } from '../model/model.ts';
import type { Stage, StageWatch } from '../primitives/stage.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { proveStages, type StageProof } from '../verification/proving/prove-stages.ts';
import type { TfjsRunner } from '../verification/run/runner.ts';
import type { StepVerification } from './equalize-report.ts';

/** What a model is run with and on. */
export interface RunnableOn {
  readonly runner: TfjsRunner;
  /** One for each input of the model, with the samples first. */
  readonly tensors: readonly Tensor[];
  readonly sampleNames: readonly string[];
  /** Where the samples come from, in a line. */
  readonly description: string;
}

/**
 * Runs the stages of a recipe and, where there is something to run it on, the model before and after each. Edits `model`.
 *
 * Where it cannot be run (no TF.js, an unknown layer, an input that nobody can make up) the stages are run all the same, and
 * the proof has the reason.
 *
 * @param options.ready undefined where no proof is asked for
 * @returns undefined where no proof was asked for.
 */
export async function runWithProof<Name extends string>(
  model: Model,
  stages: readonly Stage<Name>[],
  options: {
    readonly ready: RunnableOn | { readonly reason: string } | undefined;
    readonly watch: StageWatch<Name>;
  },
): Promise<StepVerification | undefined> {
  const { ready, watch } = options;
  if (ready && 'runner' in ready) {
    const { runner, tensors, sampleNames, description } = ready;
    const proof = await proveStages(model, stages, { runner, inputs: tensors, sampleNames, watch });
    return { inputs: description, backend: runner.backend, ...proof };
  }
  for (const stage of stages) {
    watch.before?.(stage.name);
    await stage.run();
    watch.after?.(stage.name);
  }
  if (!ready) return undefined;
  const proofs = stages.map(({ name }) => notVerified(name, ready.reason));
  return { inputs: null, backend: null, proofs, weights: 'float32' };
}

function notVerified(step: string, reason: string): StageProof {
  return { step, verdict: 'not-verified', reason, outputs: [], notes: [], undone: [] };
}
