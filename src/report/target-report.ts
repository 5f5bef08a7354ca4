/**
 * What was done to a model for a target and why, as data.
 *
 * @module
 */

import { describeCap } from '../equalization/caps/relu6-caps.ts';
import type { EqualizationRecord, StageName } from '../equalization/equalization-recipe.ts';
import type { Trial } from '../equalization/judge.ts';
import type { ExpectedRange } from '../equalization/moments/expected-range.ts';
import type { BiasCorrection, Relu6Policy, Target, WeightRounding } from '../equalization/options.ts';
import type { Objective } from '../equalization/scaling/scale-regions.ts';
import { describeSkip, type SkipCode, type SkipReason } from '../model/skip-reason.ts';
import type { ActivationQuantizer } from '../quantization/quantizer.ts';
import type { WeightSqnr } from '../quantization/weight-sqnr.ts';
import type { StepVerification } from './equalize-report.ts';
import type { SidecarReport } from './sidecar-report.ts';

/** One object for programs: what `crosslayer equalize --target … --json` prints. Layers are named by their paths. */
export interface TargetReport {
  readonly schemaVersion: 1;
  readonly target: Target;
  readonly relu6: Relu6Policy;
  readonly objective: Objective;
  readonly rounding: WeightRounding;
  readonly biasCorrection: BiasCorrection;
  /** What activations will be quantized with; null where nothing was stated. */
  readonly activations: ActivationQuantizer | null;
  /** Settings that were tried and what they left of the float model once quantized, with what was taken first. */
  readonly trials: readonly Trial[];
  readonly stages: readonly StageName[];
  /** Layers whose ReLU6 became a ReLU. */
  readonly replacedRelu6: readonly string[];
  /** `[layer, batch norm]`. */
  readonly foldedPairs: readonly (readonly [string, string])[];
  /** Channels that were scaled together, and by how much. */
  readonly regions: readonly {
    readonly sources: readonly string[];
    readonly sinks: readonly string[];
    readonly channels: number;
    readonly smallest: number;
    readonly largest: number;
  }[];
  /** What became of ReLUs with a maximum, and how many layers were added for them. */
  readonly caps: readonly { readonly layer: string; readonly message: string }[];
  readonly addedLayers: number;
  /** Layers whose scales a batch norm carries. */
  readonly carried: readonly { readonly layer: string; readonly batchNorms: readonly string[] }[];
  /**
   * Layers whose bias moved into the next one, in how many channels, and the range that their output is expected to have
   * without and with that. Where a ReLU stands between, the function is the same as long as outputs stay above the mean less
   * three deviations.
   */
  readonly absorbed: readonly {
    readonly from: string;
    readonly into: string;
    readonly throughRelu: boolean;
    readonly channels: number;
    readonly expectedBefore: ExpectedRange;
    readonly expectedAfter: ExpectedRange;
  }[];
  /** Layers whose bias was corrected, with the largest shift of a channel. */
  readonly corrected: readonly { readonly layer: string; readonly largestShift: number }[];
  /** What was left alone, and why. */
  readonly skipped: readonly {
    readonly stage: StageName;
    readonly code: SkipCode;
    readonly layers: readonly string[];
    readonly message: string;
  }[];
  /** What runs of the model before and after each stage showed; null where they were not asked for. */
  readonly verification: StepVerification | null;
  /** Of each kernel on the grid of the target: before anything but folding, and now. */
  readonly weightSqnr: { readonly before: readonly WeightSqnr[]; readonly after: readonly WeightSqnr[] };
  /** What the written file could not keep. */
  readonly dropped: readonly string[];
  /** What a reader of the written file should know. */
  readonly warnings: readonly string[];
  /** What the command did with side-cars. */
  readonly sidecar?: SidecarReport;
}

/** The report of {@link EqualizationRecord}. */
export function targetReport(
  record: EqualizationRecord,
  weightSqnr: TargetReport['weightSqnr'],
  written: { readonly dropped: readonly string[]; readonly warnings: readonly string[] },
  verification: StepVerification | undefined,
): TargetReport {
  const {
    target,
    relu6,
    objective,
    rounding,
    biasCorrection,
    activations,
    trials,
    stages,
    regions,
    caps,
    carried,
    absorption,
    correction,
  } = record;
  return {
    schemaVersion: 1,
    target,
    relu6,
    objective,
    rounding,
    biasCorrection,
    activations: activations ?? null,
    trials,
    stages,
    replacedRelu6: record.replacedRelu6.map(({ path }) => path),
    foldedPairs: record.foldedPairs.map(([layer, bn]) => [layer.path, bn.path] as const),
    regions: regions?.regions ?? [],
    caps: (caps?.caps ?? []).map((cap) => ({ layer: cap.path, message: describeCap(cap) })),
    addedLayers: caps?.addedLayers ?? 0,
    carried: (carried?.carried ?? []).map(({ layer, batchNorms }) => ({
      layer: layer.path,
      batchNorms: batchNorms.map(({ path }) => path),
    })),
    absorbed: (absorption?.absorbed ?? []).map(({ from, into, throughRelu, amounts, expectedRange }) => ({
      from,
      into,
      throughRelu,
      channels: amounts.filter((amount) => amount !== 0).length,
      expectedBefore: expectedRange.before,
      expectedAfter: expectedRange.after,
    })),
    corrected: (correction?.corrected ?? []).map(({ path, shift }) => ({
      layer: path,
      largestShift: shift.reduce((most, one) => Math.max(most, Math.abs(one)), 0),
    })),
    skipped: skippedIn(record),
    verification: verification ?? null,
    weightSqnr,
    dropped: written.dropped,
    warnings: written.warnings,
  };
}

/** What was left alone by all stages. */
export function skippedIn({
  skipped,
  regions,
  carried,
  absorption,
  correction,
}: EqualizationRecord): TargetReport['skipped'] {
  return [
    ...skipped.map((reason) => skippedBy(reason.stage, reason)),
    ...(regions?.unscaled ?? []).map((reason) => skippedBy('scale', reason)),
    ...(carried?.uncarried ?? []).map((reason) => skippedBy('carry', reason)),
    ...(absorption?.skipped ?? []).map((reason) => skippedBy('absorb', reason)),
    ...(correction?.skipped ?? []).map((reason) => skippedBy('correct', reason)),
  ];
}

/** A reason as reports list it. */
export function skippedBy<Stage extends string>(
  stage: Stage,
  reason: SkipReason,
): { stage: Stage; code: SkipCode; layers: readonly string[]; message: string } {
  return { stage, code: reason.code, layers: reason.layers, message: describeSkip(reason) };
}
