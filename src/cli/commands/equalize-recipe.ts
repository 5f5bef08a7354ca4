import type { SidecarRecord } from '../../equalization/sidecar/sidecar.ts';
import type { WriteReport } from '../../node.ts';
import type { Stage, StageWatch } from '../../primitives/stage.ts';
import type { StepVerification } from '../../report/equalize-report.ts';
import type { ReportContent } from '../../report/html/report-content.ts';
import type { SidecarReport } from '../../report/sidecar-report.ts';

/** A recipe as the command runs it. */
export interface CommandRecipe<Name extends string> {
  readonly stages: readonly Stage<Name>[];
  readonly watch: StageWatch<Name>;
  /** What the side-car keeps of what was done. */
  sidecar(): SidecarRecord;
  /** The report, the summary of it for people, and what a page of it says. */
  finish(
    written: WriteReport,
    verification: StepVerification | undefined,
  ): {
    readonly report: object;
    readonly summary: string;
    readonly content: (sidecar: SidecarReport) => ReportContent;
  };
}
