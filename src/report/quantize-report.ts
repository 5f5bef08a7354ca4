/**
 * What became of a model whose weights were packed, as data.
 *
 * @module
 */

import type { WeightPlan } from '../equalization/packing/weight-plan.ts';
import type { QuantizationRecord } from '../equalization/quantize.ts';
import type { Model } from '../model/model.ts';
import { grouped, tinyPercent } from '../text/numbers.ts';
import type { MeasuredOutput } from '../verification/comparing/compare-runs.ts';
import type { WrittenNotes } from './equalize-report.ts';
import type { ProofReport } from './proof-report.ts';

/** What running a written model showed, against the one that was read. */
export interface RunCheck {
  /** What it was run on, in words. */
  readonly inputs: string;
  readonly samples: number;
  /** For each output. */
  readonly outputs: readonly MeasuredOutput[];
  /** Why outputs were not compared; left out where they were. */
  readonly notCompared?: string;
  /** Shares of samples whose class is right, before and after; null without labels or classes. */
  readonly accuracy: { readonly before: number; readonly after: number } | null;
}

/** The same of the files of a TF.js model. */
export interface WrittenCheck extends RunCheck {
  readonly backend: string;
  /**
   * How far the outputs of `tf.loadLayersModel` are from those of the layer-by-layer run that the numbers above are of, as a
   * part of the largest, and the script that TF.js had to have; or why TF.js does
   * not open the files, or run what it opened.
   */
  readonly tfjs:
    | { readonly maxRelative: number; readonly script?: string }
    | { readonly reason: string; readonly opens: boolean };
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
  /** NaN where they could not be read again. */
  readonly filesAfter: number;
}

/** One object for programs: what `crosslayer quantize --json` prints. Layers are named by their paths. */
export interface QuantizeReport extends QuantizationRecord, WrittenNotes {
  readonly schemaVersion: 2;
  readonly bytes: ModelBytes;
  /** What runs before and after a pass that should keep the function showed; null where they were not asked for. */
  readonly verification: ProofReport | null;
  /** What the written files do; null where it was not asked for or could not be found out. */
  readonly check: WrittenCheck | null;
}

/** Bytes of all weights in float32. */
export function float32Bytes(model: Model): number {
  return 4 * [...model.allLayers()].reduce((sum, { layer }) => sum + layer.parameterCount, 0);
}

/** A plan as rows: layer, weight, dtype, bytes, and the part of the error that is left. */
export function planRows({ weights }: WeightPlan): string[][] {
  return weights.map(({ layer, weight, dtype, bytes, share }) => [
    layer,
    weight,
    dtype,
    grouped(bytes),
    tinyPercent(share),
  ]);
}
