/**
 * Recipes run with proof, where there is something to run the model on.
 *
 * @module
 */

import type { Model } from '../model/model.ts';
import { type Pass, type PassWatch, type RecordOf, runPasses } from '../primitives/pass.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ModelRun } from '../verification/comparing/model-run.ts';
import { notVerified, provePasses, type RecipeProof } from '../verification/proving/prove-passes.ts';
import type { TfjsRunner } from '../verification/run/runner.ts';

/** What the model was run on before and after each pass, and what came of it. */
export interface ProofReport extends RecipeProof {
  /** In words; null where it could not be run. */
  readonly inputs: string | null;
  /** What computed; null where nothing did. */
  readonly backend: string | null;
}

/** What a model is run with and on. */
export interface RunnableOn {
  readonly runner: TfjsRunner;
  /** One for each input of the model, with the samples first. */
  readonly tensors: readonly Tensor[];
  readonly sampleNames: readonly string[];
  /** Where the samples come from, in a line. */
  readonly description: string;
  /** What the model makes of them, where that is known; it is run for it otherwise. */
  readonly before?: ModelRun;
}

/** How a recipe is run. */
export interface ProvenRunOptions<Name extends string = string> {
  /** What the model is run on before and after each pass, or why it cannot be; where it is left out no proof is asked for. */
  readonly ready?: RunnableOn | { readonly reason: string } | undefined;
  /** Called around each pass. */
  readonly watch?: PassWatch<Name>;
}

/**
 * Runs the passes of a recipe and, where there is something to run it on, the model before and after each. Edits `model`.
 *
 * Where it cannot be run (no TF.js, an unknown layer, an input that nobody can make up) the passes are run all the same, and
 * the proof has the reason.
 *
 * @returns what each pass did, and the proof; null where none was asked for.
 */
export async function runWithProof<One extends Pass>(
  model: Model,
  passes: readonly One[],
  { ready, watch = {} }: ProvenRunOptions<One['name']>,
): Promise<{ readonly records: readonly RecordOf<One>[]; readonly proof: ProofReport | null }> {
  if (ready && 'runner' in ready) {
    const { runner, tensors, sampleNames, description, before } = ready;
    const options = { runner, inputs: tensors, sampleNames, watch, ...(before ? { before } : {}) };
    const { records, proof } = await provePasses(model, passes, options);
    return { records, proof: { inputs: description, backend: runner.backend, ...proof } };
  }
  const records = await runPasses(model, passes, watch);
  const proofs = passes.map((pass) => notVerified(pass, ready?.reason ?? ''));
  return { records, proof: ready ? { inputs: null, backend: null, proofs, weights: 'float32' } : null };
}

/** Whether the proof is complete: every pass that should keep the function was seen to, and nothing had to be undone. */
export function isProven({ proofs }: Pick<ProofReport, 'proofs'>): boolean {
  return proofs.every(
    ({ verdict, undone, keepsFunction }) =>
      undone.length === 0 && (verdict === 'same' || (verdict === 'different' && !keepsFunction)),
  );
}
