import { allIn } from '../../primitives/pass.ts';
import { accuracyText, byteText, count, decibels, percent, small, sqnrText } from '../../text/numbers.ts';
import {
  isSameByTfjs,
  planRows,
  type QuantizeReport,
  type RunCheck,
  type WrittenCheck,
} from '../quantize-report.ts';
import { worstOutput } from '../worst-output.ts';
import { kernelFacts } from './kernel-facts.ts';
import { agreementText, noteSection, proofSection, skippedSection, trialSection } from './proof-blocks.ts';
import {
  type Fact,
  list,
  type ReportBlock,
  type ReportContent,
  type ReportSection,
  table,
  text,
} from './report-content.ts';
import type { ReportSubject } from './report-subject.ts';
import { carriedText, correctedText } from './target-content.ts';

/** What a quantization says to people. */
export function quantizeContent(report: QuantizeReport, subject: ReportSubject): ReportContent {
  const { bytes, check, verification, passes, trials } = report;
  return {
    subject,
    purpose: `Quantized for TF.js: ${kindsOf(report)}`,
    facts: [
      ['Weights', `${byteText(bytes.before)} → ${byteText(bytes.after)}`],
      ['All files', `${byteText(bytes.filesBefore)} → ${byteText(bytes.filesAfter)}`],
      ...checkFacts(check),
      ...kernelFacts(subject),
    ],
    sections: [
      ...(check ? [checkSection(check)] : []),
      proofSection(verification),
      sizeSection(report),
      planSection(report),
      trialSection(trials, 'tfjs-uint8'),
      doneSection(report),
      skippedSection(allIn(passes, 'left')),
      noteSection(report),
    ],
    damage: new Map(),
    report,
  };
}

function kindsOf({ passes }: QuantizeReport): string {
  const kinds = new Map<string, number>();
  for (const { dtype } of allIn(passes, 'packed')) kinds.set(dtype, (kinds.get(dtype) ?? 0) + 1);
  return (
    [...kinds].map(([dtype, number]) => `${count(number, 'kernel')} in ${dtype}`).join(', ') || 'no kernel'
  );
}

/** What running a written model showed, in facts. */
export function checkFacts(check: RunCheck | null): Fact[] {
  if (!check) return [];
  const { outputs, accuracy } = check;
  const { sqnrDb, top1Agreement } = worstOutput(outputs);
  const facts: Fact[] = [
    ['SQNR of the outputs', outputs.length === 0 ? '' : sqnrText(sqnrDb)],
    ['Same top-1 as the original', agreementText(top1Agreement)],
    ['Accuracy', accuracy ? `${accuracyText(accuracy.before)} → ${accuracyText(accuracy.after)}` : ''],
  ];
  return facts.filter(([, value]) => value !== '');
}

function loadedText({ tfjs, backend }: WrittenCheck): string {
  if (!('maxRelative' in tfjs)) return `They were not run by tf.loadLayersModel: ${tfjs.reason}.`;
  const apart = small(tfjs.maxRelative);
  return isSameByTfjs(tfjs)
    ? `tf.loadLayersModel opens the files and computes the same, within ${apart} of the output.`
    : `tf.loadLayersModel opens the files, but TF.js (${backend}) does not compute what Keras does: it is ${apart} of the ` +
        'largest value away.';
}

function checkSection(check: WrittenCheck): ReportSection {
  const { inputs, backend } = check;
  const run = `Read again and run (${backend}) beside the original, on ${inputs}.`;
  return {
    title: 'The written files',
    blocks: [text(`${run}${notComparedText(check)} ${loadedText(check)}`), outputTable(check)],
  };
}

/** Why outputs were not compared, as a sentence behind others. */
export function notComparedText({ notCompared }: RunCheck): string {
  return notCompared === undefined ? '' : ` The outputs were not compared: ${notCompared}.`;
}

/** The outputs of a written model beside those of the original. */
export function outputTable({ outputs }: RunCheck): ReportBlock {
  const rows = outputs.map(({ name, scores, sqnrDb, top1Agreement }) => [
    name,
    scores === 'output' ? 'the output' : `its ${scores}`,
    sqnrText(sqnrDb),
    agreementText(top1Agreement),
  ]);
  return table(['Output', 'Measured on', 'SQNR', 'Same top-1'], rows, [2, 3]);
}

function sizeSection({ bytes, quantizedBefore, storedCoarsely }: QuantizeReport): ReportSection {
  const row = (name: string, before: number, after: number): string[] => [
    name,
    byteText(before),
    byteText(after),
    before === 0 ? '' : percent(after / before),
  ];
  const rows = [
    row('Weights', bytes.before, bytes.after),
    row('Weights, against float32', bytes.float32, bytes.after),
    row('All files', bytes.filesBefore, bytes.filesAfter),
  ];
  return {
    title: 'Size',
    blocks: [
      table(['Bytes', 'Before', 'After', 'Of before'], rows, [1, 2, 3]),
      text('The download shrinks; speed and memory stay, because TF.js loads all weights as float32.'),
      ...list('Kernels that lay on a grid of 8 bits before', quantizedBefore),
      ...list(
        'Other weights that came in few bits: what they lost cannot be restored',
        storedCoarsely.map(({ layer, weight, dtype }) => `${layer}/${weight}: ${dtype}`),
      ),
    ],
  };
}

function planSection({ passes }: QuantizeReport): ReportSection {
  const plan = passes.find((one) => one.pass === 'pack')?.plan;
  if (!plan) return { title: 'Plan', blocks: [] };
  const gain =
    plan.gainDb === null
      ? ''
      : ` ${decibels(plan.gainDb)} less error of the outputs is expected than with the smallest.`;
  return {
    title: 'Plan',
    blocks: [
      text(`Types chosen so that all weights fit in ${byteText(plan.budget)}.${gain}`),
      table(['Layer', 'Weight', 'Type', 'Bytes', 'Of the error left'], planRows(plan), [3, 4]),
    ],
  };
}

function doneSection({ passes }: QuantizeReport): ReportSection {
  return {
    title: 'What was done',
    blocks: [
      ...list(
        'Weights',
        allIn(passes, 'packed').map(
          ({ layer, weight, dtype, bytes, kept }) =>
            `${layer}/${weight}: ${dtype}${kept ? ', kept as it came' : ''}, ${byteText(bytes)}`,
        ),
      ),
      ...list('Scales carried by batch norms', allIn(passes, 'carried').map(carriedText)),
      ...list('Biases corrected', allIn(passes, 'corrected').map(correctedText)),
    ],
  };
}
