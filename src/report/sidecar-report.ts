/**
 * What recipes leave in side-cars, and what commands found in them.
 *
 * @module
 */

import type { EqualizationRecord } from '../equalization/equalization-recipe.ts';
import type { SidecarRecord } from '../equalization/sidecar/sidecar.ts';
import type { Layer } from '../model/layer.ts';
import { describeSkip } from '../model/skip-reason.ts';
import type { StepRecord } from '../primitives/run-steps.ts';
import { skippedIn } from './target-report.ts';

/** What a command did with side-cars. */
export interface SidecarReport {
  /** The file that was written; null where none was asked for. */
  readonly written: string | null;
  /** The file beside the input; null where there is none, or none was to be read. */
  readonly read: {
    readonly file: string;
    readonly state: 'restored' | 'stale' | 'unreadable';
    /** What was done with it, in a sentence. */
    readonly message: string;
    /** Number of layers that have their statistics back. */
    readonly layers: number;
    /** Layers whose bias was corrected for a quantizer, which was taken back. */
    readonly takenBack: readonly string[];
  } | null;
  /** Layers whose statistics were measured on the given inputs, because nothing else told them. */
  readonly measured: readonly string[];
}

/**
 * What a side-car keeps of an equalization for a target; goes to `saveModel` of `crosslayer/node`.
 *
 * Where weights are rounded already, what biases make up for is there to stay, and no correction is kept.
 */
export function targetSidecar(record: EqualizationRecord): Required<SidecarRecord> {
  const { target, rounding, foldedPairs, regions, correction } = record;
  const pending = rounding === 'nearest' ? (correction?.corrected ?? []) : [];
  return {
    foldedPairs,
    outputScales: regions?.outputScales ?? new Map(),
    corrections: pending.map(({ path, shift }) => ({ layer: path, quantizer: target, shift })),
    skipped: skippedIn(record).map(({ code, layers, message }) => ({ code, layers, message })),
  };
}

/** What a side-car keeps of the steps of the reference; goes to `saveModel` of `crosslayer/node`. */
export function stepsSidecar({ foldedPairs, clsSets, skipped }: StepRecord): Required<SidecarRecord> {
  const outputScales = new Map<Layer, Float64Array>();
  for (const { layer1, scaleFactor } of clsSets.flatMap((set) => set.clsPairInfoList)) {
    const before = outputScales.get(layer1);
    outputScales.set(
      layer1,
      scaleFactor.map((factor, channel) => factor * (before?.[channel] ?? 1)),
    );
  }
  return {
    foldedPairs,
    outputScales,
    corrections: [],
    skipped: skipped.map((reason) => ({
      code: reason.code,
      layers: reason.layers,
      message: describeSkip(reason),
    })),
  };
}
