/**
 * What the steps of the reference did to a model, as data.
 *
 * @module
 */

import type { StepRecord } from '../primitives/equalize-model.ts';
import type { ProofReport } from './proof-report.ts';
import type { RangeSpread } from './range-spread.ts';
import type { SidecarReport } from './sidecar-report.ts';

/** What else there is to say of a model that was written. */
export interface WrittenNotes {
  /** What the written file could not keep. */
  readonly dropped: readonly string[];
  /** What a reader of the written file should know. */
  readonly warnings: readonly string[];
  /** What the command did with side-cars. */
  readonly sidecar?: SidecarReport;
}

/** One object for programs: what `crosslayer equalize --json` prints. Layers are named by their paths. */
export interface EqualizeReport extends WrittenNotes {
  readonly schemaVersion: 2;
  /** What each step did, in the order in which they ran. */
  readonly passes: readonly StepRecord[];
  /** What runs of the model before and after each step showed; null where they were not asked for. */
  readonly verification: ProofReport | null;
  /** max / median of the channel ranges, convolution by convolution: before (batch norms folded, if asked for), after. */
  readonly rangeSpread: { readonly before: readonly RangeSpread[]; readonly after: readonly RangeSpread[] };
}
