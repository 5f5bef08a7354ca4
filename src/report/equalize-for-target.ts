/**
 * `equalize` with proof and report.
 *
 * @module
 */

import { type EqualizationRecord, type EqualizePass, prepareEqualization } from '../equalization/equalize.ts';
import type { EqualizeOptions } from '../equalization/options.ts';
import type { Model } from '../model/model.ts';
import { watchOf } from '../model/progress.ts';
import { type ActivationQuantizer, parseQuantizer } from '../quantization/quantizer.ts';
import { type WeightSqnr, weightSqnr } from '../quantization/weight-sqnr.ts';
import type { WrittenNotes } from './equalize-report.ts';
import { gridOf, plainModel } from './plain-model.ts';
import { type ProofReport, type ProvenRunOptions, runWithProof } from './proof-report.ts';

/** One object for programs: what `crosslayer equalize --target … --json` prints. Layers are named by their paths. */
export interface TargetReport extends Omit<EqualizationRecord, 'activations'>, WrittenNotes {
  readonly schemaVersion: 2;
  /** What activations will be quantized with; null where nothing was stated. */
  readonly activations: ActivationQuantizer | null;
  /** What runs of the model before and after each pass showed; null where they were not asked for. */
  readonly verification: ProofReport | null;
  /** Of each kernel on the grid of the target: of the plain model, and now. */
  readonly weightSqnr: { readonly before: readonly WeightSqnr[]; readonly after: readonly WeightSqnr[] };
}

/** How a model is equalized with proof. */
export type EqualizeForTargetOptions = EqualizeOptions & ProvenRunOptions<EqualizePass['name']>;

/**
 * Equalizes a copy of `model` as `equalize` does, and runs it before and after each pass where there is something to run it on:
 * an edit that changes the function where it should not is found, undone and named.
 *
 * @returns the equalized model, the plain one that it is held against, and what was done, with what it brought.
 * @throws RangeError where an option is none; CannotRunError where samples are given and the model cannot be run.
 */
export async function equalizeForTarget(
  model: Model,
  options: EqualizeForTargetOptions = {},
): Promise<{ readonly model: Model; readonly plain: Model; readonly report: TargetReport }> {
  const { copy, passes, settings } = await prepareEqualization(model, options);
  const plain = plainModel(model, settings.target);
  const quantizer = parseQuantizer(gridOf(settings.target));
  const before = weightSqnr(plain, quantizer);
  const { records, proof } = await runWithProof(copy, passes, {
    ready: options.ready,
    watch: { ...options.watch, ...watchOf(options.watch ?? {}, options) },
  });
  const report: TargetReport = {
    schemaVersion: 2,
    ...settings,
    activations: settings.activations ?? null,
    passes: records,
    verification: proof,
    weightSqnr: { before, after: weightSqnr(copy, quantizer) },
    dropped: [],
    warnings: [],
  };
  return { model: copy, plain, report };
}
