import {
  damageReport,
  gridOf,
  htmlReport,
  inspectContent,
  inspectSubject,
  plainModel,
  plainText,
  type ReportContent,
  reportSubject,
  targetContent,
} from 'crosslayer/report';
import type { Equalized } from '../equalize/equalized.ts';
import type { Opened } from '../open/opened.ts';
import type { Progress } from '../progress.ts';

/** The report of what was done, or of the model where nothing was. */
export async function reportPage(
  opened: Opened,
  equalized: Equalized | undefined,
  progress: Progress,
): Promise<Blob> {
  progress('Drawing the report');
  const content = equalized ? equalizedContent(opened, equalized) : await inspectedContent(opened);
  return new Blob([htmlReport(content)], { type: 'text/html' });
}

function equalizedContent({ model }: Opened, { model: after, told }: Equalized): ReportContent {
  const { target, report } = told;
  const labels = { before: plainText(target), after: 'equalized' };
  const before = plainModel(model, target);
  return targetContent(report, reportSubject(model, { before, after, quantizer: gridOf(target), labels }));
}

async function inspectedContent({ model, told }: Opened): Promise<ReportContent> {
  const damage = await damageReport(model);
  return inspectContent({ ...told.inspect, damage }, inspectSubject(model, damage.target));
}
