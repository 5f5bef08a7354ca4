/**
 * What became of a model whose weights were packed, as data.
 *
 * @module
 */

import type { Trial } from '../equalization/judge.ts';
import type { QuantizationRecord, QuantizationStage } from '../equalization/quantization-recipe.ts';
import type { Model } from '../model/model.ts';
import type { SkipCode } from '../model/skip-reason.ts';
import { PACKED_BYTES, type PackedDType } from '../quantization/packing/packed-dtypes.ts';
import { weightBytes } from '../quantization/packing/weight-bytes.ts';
import type { StepVerification } from './equalize-report.ts';
import { type PlanReport, planReport } from './plan-report.ts';
import type { SidecarReport } from './sidecar-report.ts';
import { skippedBy } from './target-report.ts';

/** What running the written files showed, against the model that was read. */
export interface WrittenCheck {
  /** What it was run on, in words. */
  readonly inputs: string;
  readonly backend: string;
  readonly samples: number;
  /** For each output. */
  readonly outputs: readonly {
    readonly name: string;
    /** What the numbers were measured on: the output, or what stands before its softmax. */
    readonly scores: 'output' | 'logits' | 'log-probabilities';
    /** `10 log10(sum a^2 / sum (a - b)^2)` with a of the original, in dB. */
    readonly sqnrDb: number;
    /** The share of samples with the same largest class as the original; null where the output is no classes. */
    readonly top1Agreement: number | null;
  }[];
  /** Why outputs were not compared; left out where they were. */
  readonly notCompared?: string;
  /** Shares of samples whose class is right, before and after; null without labels or classes. */
  readonly accuracy: { readonly before: number; readonly after: number } | null;
  /**
   * How far the outputs of `tf.loadLayersModel` are from those of the layer-by-layer run that the numbers above are of, as a
   * part of the largest; or why TF.js does not load the files.
   */
  readonly tfjs: { readonly maxRelative: number } | { readonly reason: string };
}

/** Float32 sums in another order are 1e-5 apart at most; what TF.js computes otherwise than Keras is apart by percents. */
const SAME_BY_TFJS = 1e-3;

/** Whether TF.js itself loads the files and makes of them what the layer-by-layer run made. */
export function isSameByTfjs(tfjs: WrittenCheck['tfjs']): boolean {
  return 'maxRelative' in tfjs && tfjs.maxRelative <= SAME_BY_TFJS;
}

/** Bytes of a model. */
export interface ModelBytes {
  /** Of all weights as TF.js would have them in float32. */
  readonly float32: number;
  /** Of all weights as the input has them in TF.js. */
  readonly before: number;
  /** Of all weights as they were written. */
  readonly after: number;
  /** Of the files that were read, and of those that were written. */
  readonly filesBefore: number;
  readonly filesAfter: number;
}

/** One object for programs: what `crosslayer quantize --json` prints. Layers are named by their paths. */
export interface QuantizeReport {
  readonly schemaVersion: 1;
  readonly stages: readonly QuantizationStage[];
  /** Settings that were tried, with what was taken first. */
  readonly trials: readonly Trial[];
  /** Every weight that may be packed; `float32` where it was not, `kept` where it came packed and has the same bytes. */
  readonly weights: readonly {
    readonly layer: string;
    readonly weight: string;
    readonly dtype: PackedDType | 'float32';
    readonly values: number;
    readonly bytes: number;
    readonly kept: boolean;
  }[];
  /** The dtypes that were chosen for a budget; null where none was given. */
  readonly plan: PlanReport | null;
  /** Layers whose kernels lay on a grid of 8 bits before. */
  readonly quantizedBefore: readonly string[];
  /** Other weights that the input has in 8 or 16 bits, such as variances of batch norms: what they lost is gone. */
  readonly storedCoarsely: readonly {
    readonly layer: string;
    readonly weight: string;
    readonly dtype: PackedDType;
  }[];
  /** Layers whose scales a batch norm carries. */
  readonly carried: readonly { readonly layer: string; readonly batchNorms: readonly string[] }[];
  /** Layers whose bias was corrected, with the largest shift of a channel. */
  readonly corrected: readonly { readonly layer: string; readonly largestShift: number }[];
  readonly skipped: readonly {
    readonly stage: QuantizationStage;
    readonly code: SkipCode;
    readonly layers: readonly string[];
    readonly message: string;
  }[];
  readonly bytes: ModelBytes;
  /** What runs before and after a stage that should keep the function showed; null where they were not asked for. */
  readonly verification: StepVerification | null;
  /** What the written files do; null where it was not asked for or could not be found out. */
  readonly check: WrittenCheck | null;
  readonly dropped: readonly string[];
  readonly warnings: readonly string[];
  readonly sidecar?: SidecarReport;
}

/** Bytes of all weights in float32. */
export function float32Bytes(model: Model): number {
  return 4 * [...model.allLayers()].reduce((sum, { layer }) => sum + layer.parameterCount, 0);
}

/** The report of a quantization; `model` is what it made. */
export function quantizeReport(
  model: Model,
  record: QuantizationRecord & { readonly trials: readonly Trial[] },
  rest: Pick<QuantizeReport, 'check' | 'verification' | 'dropped' | 'warnings'> & {
    readonly bytes: Omit<ModelBytes, 'after' | 'float32'>;
  },
): QuantizeReport {
  const { stages, trials, quantizedBefore, carried, correction, packed, plan } = record;
  const { bytes, ...told } = rest;
  return {
    schemaVersion: 1,
    stages,
    trials,
    weights: packed.map(({ layer, name, dtype, isKept }) => {
      const values = layer.weights.get(name)?.size ?? 0;
      const bytes = values * PACKED_BYTES[dtype];
      return { layer: layer.path, weight: name, dtype, values, bytes, kept: isKept };
    }),
    plan: plan ? planReport(plan) : null,
    quantizedBefore: quantizedBefore.map(({ path }) => path),
    storedCoarsely: record.storedCoarsely.map(({ layer, name, dtype }) => ({
      layer: layer.path,
      weight: name,
      dtype,
    })),
    carried: (carried?.carried ?? []).map(({ layer, batchNorms }) => ({
      layer: layer.path,
      batchNorms: batchNorms.map(({ path }) => path),
    })),
    corrected: (correction?.corrected ?? []).map(({ path, shift }) => ({
      layer: path,
      largestShift: shift.reduce((most, one) => Math.max(most, Math.abs(one)), 0),
    })),
    skipped: skippedIn(record),
    bytes: { ...bytes, float32: float32Bytes(model), after: weightBytes(model) },
    ...told,
  };
}

function skippedIn({ skipped, carried, correction }: QuantizationRecord): QuantizeReport['skipped'] {
  return [
    ...skipped.map((reason) => skippedBy(reason.stage, reason)),
    ...(carried?.uncarried ?? []).map((reason) => skippedBy('carry', reason)),
    ...(correction?.skipped ?? []).map((reason) => skippedBy('correct', reason)),
  ];
}
