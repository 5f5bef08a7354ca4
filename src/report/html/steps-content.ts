import { count, short } from '../../text/numbers.ts';
import type { EqualizeReport } from '../equalize-report.ts';
import { kernelFacts } from './kernel-facts.ts';
import { foldLists, noteSection, proofFact, proofSection, skippedSection } from './proof-blocks.ts';
import { list, type ReportContent } from './report-content.ts';
import type { ReportSubject } from './report-subject.ts';

/** What a run of the steps of the reference says to people. */
export function stepsContent(report: EqualizeReport, subject: ReportSubject): ReportContent {
  const { steps, verification, foldedPairs, clsSets, absorbedBiases, skipped } = report;
  return {
    subject,
    purpose: `Equalized with the steps ${steps.join(', ')} of the reference`,
    facts: [
      ...proofFact(verification),
      ...kernelFacts(subject),
      ['Batch norms folded', String(foldedPairs.length)],
      ['Sets of layers scaled', String(clsSets.length)],
      ['Pairs with biases absorbed', String(absorbedBiases)],
    ],
    sections: [
      proofSection(verification),
      {
        title: 'What was done',
        blocks: [...foldLists(report), ...list('Sets of layers scaled', clsSets.map(setText))],
      },
      skippedSection(skipped),
      noteSection(report),
    ],
    damage: new Map(),
    report,
  };
}

function setText({ layers, scaleFactors }: EqualizeReport['clsSets'][number]): string {
  const factors = scaleFactors.flat();
  const channels = factors.length === 0 ? 0 : (scaleFactors[0]?.length ?? 0);
  const least = factors.reduce((one, other) => Math.min(one, other), Infinity);
  const most = factors.reduce((one, other) => Math.max(one, other), 0);
  return `${layers.join(' → ')}: ${count(channels, 'channel')}, factors ${short(least)} to ${short(most)}`;
}
