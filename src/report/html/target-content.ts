import { count, percent, short } from '../../text/numbers.ts';
import type { TargetReport } from '../target-report.ts';
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
      ['Batch norms folded', String(report.foldedPairs.length)],
      ['Settings', settingsOf(report)],
    ],
    sections: [
      proofSection(report.verification),
      trialSection(report.trials, report.target),
      regionSection(report),
      skippedSection(report.skipped),
      noteSection(report),
    ],
    damage: new Map(),
    report,
  };
}

function settingsOf({
  relu6,
  objective,
  rounding,
  biasCorrection,
  activations,
  stages,
}: TargetReport): string {
  const scales = stages.includes('scale');
  return [
    ...(scales ? [`objective ${objective}`, `ReLU6 ${relu6}`] : []),
    `rounding ${rounding}`,
    `bias correction ${biasCorrection}`,
    ...(activations === null ? [] : [`activations of ${activations.bits} bits`]),
  ].join(', ');
}

/** What was done to which layers. */
function regionSection(report: TargetReport): ReportSection {
  const { regions, caps, carried, absorbed, corrected } = report;
  return {
    title: 'What was done',
    blocks: [
      ...foldLists(report),
      ...list('Regions of channels scaled together', regions.map(regionText)),
      ...list(
        'ReLUs with a maximum',
        caps.map(({ message }) => message),
      ),
      ...list('Scales carried by batch norms', carried.map(carriedText)),
      ...list('Biases that moved into the next layer', absorbed.map(absorbedText)),
      ...list('Biases corrected', corrected.map(correctedText)),
    ],
  };
}

function regionText({
  sources,
  sinks,
  channels,
  smallest,
  largest,
}: TargetReport['regions'][number]): string {
  return (
    `${sources.join(', ')} → ${sinks.join(', ')}: ${count(channels, 'channel')}, ` +
    `factors ${short(smallest)} to ${short(largest)}`
  );
}

/** A layer whose scales are carried. */
export function carriedText({ layer, batchNorms }: TargetReport['carried'][number]): string {
  return `${layer}, by ${batchNorms.join(', ')}`;
}

/** A corrected bias. */
export function correctedText({ layer, largestShift }: TargetReport['corrected'][number]): string {
  return `${layer}: by ${short(largestShift)} at most`;
}

function absorbedText({
  from,
  into,
  throughRelu,
  channels,
  expectedBefore: [low, high],
  expectedAfter: [min, max],
}: TargetReport['absorbed'][number]): string {
  const proviso = throughRelu ? ', through a ReLU: exact where activations stay above mean - 3 sigma' : '';
  const gain = percent(1 - (max - min) / (high - low));
  return `${from} → ${into}: ${count(channels, 'channel')}, expected range ${gain} smaller${proviso}`;
}
