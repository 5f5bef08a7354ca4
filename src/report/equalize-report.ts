/**
 * What was done to a model and why, as data.
 *
 * @module
 */

import { describeSkip, type SkipCode } from '../model/skip-reason.ts';
import type { ClsSetInfo } from '../primitives/cls-set-info.ts';
import type { Step, StepRecord } from '../primitives/run-steps.ts';
import type { WeightPrecision } from '../verification/comparing/tolerances.ts';
import type { StageProof } from '../verification/proving/prove-stages.ts';
import type { RangeSpread } from './range-spread.ts';
import type { SidecarReport } from './sidecar-report.ts';

/** One object for programs: what `crosslayer equalize --json` prints. Layers are named by their paths. */
export interface EqualizeReport {
  readonly schemaVersion: 1;
  readonly steps: readonly Step[];
  /** Layers whose ReLU6 became a ReLU. */
  readonly replacedRelu6: readonly string[];
  /** `[layer, batch norm]`, in the order of the reference. */
  readonly foldedPairs: readonly (readonly [string, string])[];
  readonly clsSets: readonly {
    /** Two layers, or three with a depthwise in the middle. */
    readonly layers: readonly string[];
    /** A vector for each pair of neighbours. */
    readonly scaleFactors: readonly (readonly number[])[];
    /** Whether a ReLU stands between, for each pair of neighbours. */
    readonly reluBetween: readonly boolean[];
  }[];
  /** Pairs of layers whose bias was absorbed. */
  readonly absorbedBiases: number;
  /** What was left alone, and why. */
  readonly skipped: readonly {
    readonly step: Step;
    readonly code: SkipCode;
    readonly layers: readonly string[];
    readonly message: string;
  }[];
  /** What runs of the model before and after each step showed; null where they were not asked for. */
  readonly verification: StepVerification | null;
  /** What the written file could not keep. */
  readonly dropped: readonly string[];
  /** What a reader of the written file should know. */
  readonly warnings: readonly string[];
  /** max / median of the channel ranges, convolution by convolution: before (batch norms folded, if asked for), after. */
  readonly rangeSpread: { readonly before: readonly RangeSpread[]; readonly after: readonly RangeSpread[] };
  /** What the command did with side-cars. */
  readonly sidecar?: SidecarReport;
}

/** What the model was run on before and after each step, and what came of it. */
export interface StepVerification {
  /** In words; null where it could not be run. */
  readonly inputs: string | null;
  /** What computed; null where nothing did. */
  readonly backend: string | null;
  readonly proofs: readonly StageProof[];
  /** What edited weights are stored in; rounding to half floats is not in the numbers of the proofs. */
  readonly weights: WeightPrecision;
}

/** The report of a run of steps. */
export function equalizeReport(
  record: StepRecord,
  rangeSpread: EqualizeReport['rangeSpread'],
  written: { readonly dropped: readonly string[]; readonly warnings: readonly string[] },
  verification: StepVerification | undefined,
): EqualizeReport {
  return {
    schemaVersion: 1,
    steps: record.steps,
    replacedRelu6: record.replacedRelu6.map(({ path }) => path),
    foldedPairs: record.foldedPairs.map(([layer, bn]) => [layer.path, bn.path] as const),
    clsSets: record.clsSets.map(clsSetEntry),
    absorbedBiases: record.absorbedBiases,
    skipped: record.skipped.map((reason) => ({
      step: reason.step,
      code: reason.code,
      layers: reason.layers,
      message: describeSkip(reason),
    })),
    verification: verification ?? null,
    dropped: written.dropped,
    warnings: written.warnings,
    rangeSpread,
  };
}

function clsSetEntry({ clsPairInfoList }: ClsSetInfo): EqualizeReport['clsSets'][number] {
  const [first] = clsPairInfoList;
  return {
    layers: [...(first ? [first.layer1.path] : []), ...clsPairInfoList.map(({ layer2 }) => layer2.path)],
    scaleFactors: clsPairInfoList.map(({ scaleFactor }) => [...scaleFactor]),
    reluBetween: clsPairInfoList.map(({ reluActivationBetweenLayers }) => reluActivationBetweenLayers),
  };
}
