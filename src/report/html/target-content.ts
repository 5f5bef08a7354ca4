import type { CorrectedBias } from '../../equalization/biases/bias-correction.ts';
import type { CarriedLayer } from '../../equalization/carriers/scale-carriers.ts';
import type { EqualizationRecord } from '../../equalization/equalize.ts';
import type { ScaledRegion } from '../../equalization/scaling/scale-regions.ts';
import { allIn } from '../../primitives/pass.ts';
import { count, short } from '../../text/numbers.ts';
import type { TargetReport } from '../equalize-for-target.ts';
import { kernelFacts } from './kernel-facts.ts';
import {
  foldLists,
  noteSection,
  proofFact,
  proofSection,
  skippedSection,
  trialSection,
} from './proof-blocks.ts';
import { list, type ReportContent, type ReportSection } from './report-content.ts';
import type { ReportSubject } from './report-subject.ts';

/** What an equalization for a target says to people. */
export function targetContent(report: TargetReport, subject: ReportSubject): ReportContent {
  return {
    subject,
    purpose: `Equalized for ${report.target}`,
    facts: [
      ...proofFact(report.verification),
      ...kernelFacts(subject),
      ['Batch norms folded', String(allIn(report.passes, 'folded').length)],
      ['Settings', settingsOf(report)],
    ],
    sections: [
      proofSection(report.verification),
      trialSection(report.trials, report.target),
      doneSection(report),
      skippedSection(allIn(report.passes, 'left')),
      noteSection(report),
    ],
    damage: new Map(),
    report,
  };
}

function settingsOf(report: TargetReport): string {
  const { relu6, objective, rounding, biasCorrection, activations, passes } = report;
  const scales = passes.some(({ pass }) => pass === 'scale');
  return [
    ...(scales ? [`objective ${objective}`, `ReLU6 ${relu6}`] : []),
    `rounding ${rounding}`,
    `bias correction ${biasCorrection}`,
    ...(activations === null ? [] : [`activations of ${activations.bits} bits`]),
  ].join(', ');
}

/** What was done to which layers. */
export function doneSection({ passes }: Pick<EqualizationRecord, 'passes'>): ReportSection {
  return {
    title: 'What was done',
    blocks: [
      ...foldLists(allIn(passes, 'replacedRelu6'), allIn(passes, 'folded')),
      ...list('Regions of channels scaled together', allIn(passes, 'regions').map(regionText)),
      ...list(
        'ReLUs with a maximum',
        allIn(passes, 'caps').map(({ message }) => message),
      ),
      ...list('Scales carried by batch norms', allIn(passes, 'carried').map(carriedText)),
      ...list('Biases corrected', allIn(passes, 'corrected').map(correctedText)),
    ],
  };
}

function regionText({ sources, sinks, channels, smallest, largest }: ScaledRegion): string {
  return (
    `${sources.join(', ')} → ${sinks.join(', ')}: ${count(channels, 'channel')}, ` +
    `factors ${short(smallest)} to ${short(largest)}`
  );
}

/** A layer whose scales are carried. */
export function carriedText({ layer, batchNorms }: CarriedLayer): string {
  return `${layer}, by ${batchNorms.join(', ')}`;
}

/** A corrected bias. */
export function correctedText({ layer, largestShift }: CorrectedBias): string {
  return `${layer}: by ${short(largestShift)} at most`;
}
