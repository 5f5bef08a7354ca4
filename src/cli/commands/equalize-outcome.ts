import type { SidecarRecord } from '../../equalization/sidecar/sidecar.ts';
import type { Model } from '../../model/model.ts';
import type { WrittenNotes } from '../../report/equalize-report.ts';
import type { ReportContent } from '../../report/html/report-content.ts';
import type { Line } from '../terminal.ts';

/** What an equalization comes to: the model, what the side-car keeps, and what is told once the model was written. */
export interface EqualizeOutcome<Report> {
  readonly model: Model;
  readonly sidecar: SidecarRecord;
  tell(written: Required<WrittenNotes>): {
    readonly report: Report;
    readonly summary: () => Line[];
    readonly content: () => ReportContent;
  };
}
