import type { ScaledSet } from '../../primitives/cross-layer-scaling.ts';
import { allIn } from '../../primitives/pass.ts';
import { count, short } from '../../text/numbers.ts';
import type { EqualizeReport } from '../equalize-report.ts';
import { kernelFacts } from './kernel-facts.ts';
import { foldLists, noteSection, proofFact, proofSection, skippedSection } from './proof-blocks.ts';
import { list, type ReportContent } from './report-content.ts';
import type { ReportSubject } from './report-subject.ts';

/** What a run of the steps of the reference says to people. */
export function stepsContent(report: EqualizeReport, subject: ReportSubject): ReportContent {
  const { passes, verification } = report;
  const [folded, clsSets] = [allIn(passes, 'folded'), allIn(passes, 'clsSets')];
  return {
    subject,
    purpose: `Equalized with the steps ${passes.map(({ pass }) => pass).join(', ')} of the reference`,
    facts: [
      ...proofFact(verification),
      ...kernelFacts(subject),
      ['Batch norms folded', String(folded.length)],
      ['Sets of layers scaled', String(clsSets.length)],
      ['Pairs with biases absorbed', String(allIn(passes, 'absorbed').length)],
    ],
    sections: [
      proofSection(verification),
      {
        title: 'What was done',
        blocks: [
          ...foldLists(allIn(passes, 'replacedRelu6'), folded),
          ...list('Sets of layers scaled', clsSets.map(setText)),
        ],
      },
      skippedSection(allIn(passes, 'left')),
      noteSection(report),
    ],
    damage: new Map(),
    report,
  };
}

function setText({ layers, scaleFactors }: ScaledSet): string {
  const factors = scaleFactors.flat();
  const channels = factors.length === 0 ? 0 : (scaleFactors[0]?.length ?? 0);
  const least = factors.reduce((one, other) => Math.min(one, other), Infinity);
  const most = factors.reduce((one, other) => Math.max(one, other), 0);
  return `${layers.join(' → ')}: ${count(channels, 'channel')}, factors ${short(least)} to ${short(most)}`;
}
