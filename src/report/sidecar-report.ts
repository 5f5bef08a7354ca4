/**
 * What recipes leave in side-cars, and what commands found in them.
 *
 * @module
 */

import type { SidecarRecord, SidecarSkip } from '../equalization/sidecar/sidecar.ts';
import { allIn, type PassRecord } from '../primitives/pass.ts';
import type { TargetReport } from './equalize-for-target.ts';
import type { EqualizeReport } from './equalize-report.ts';

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
export function targetSidecar({
  target,
  rounding,
  passes,
}: Pick<TargetReport, 'target' | 'rounding' | 'passes'>): Required<SidecarRecord> {
  const pending = rounding === 'nearest' ? allIn(passes, 'corrected') : [];
  return {
    folded: allIn(passes, 'folded'),
    outputScales: new Map(passes.flatMap((one) => (one.pass === 'scale' ? [...one.outputScales] : []))),
    corrections: pending.map(({ layer, shift, batchNorms }) => ({
      layer,
      quantizer: target,
      shift,
      batchNorms,
    })),
    skipped: skippedIn(passes),
  };
}

/** What a side-car keeps of the steps of the reference; goes to `saveModel` of `crosslayer/node`. */
export function stepsSidecar({ passes }: Pick<EqualizeReport, 'passes'>): Required<SidecarRecord> {
  const outputScales = new Map<string, Float64Array>();
  for (const { layers, scaleFactors } of allIn(passes, 'clsSets')) {
    for (const [index, factors] of scaleFactors.entries()) {
      const before = outputScales.get(layers[index] ?? '');
      const scales = factors.map((factor, channel) => factor * (before?.[channel] ?? 1));
      outputScales.set(layers[index] ?? '', Float64Array.from(scales));
    }
  }
  return { folded: allIn(passes, 'folded'), outputScales, corrections: [], skipped: skippedIn(passes) };
}

function skippedIn(passes: readonly PassRecord[]): SidecarSkip[] {
  return allIn(passes, 'left').map(({ code, layers, message }) => ({ code, layers, message }));
}
