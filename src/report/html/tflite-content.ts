import { allIn } from '../../primitives/pass.ts';
import { byteText, count, short } from '../../text/numbers.ts';
import type { TfliteReport } from '../tflite-report.ts';
import { kernelFacts } from './kernel-facts.ts';
import { skippedSection } from './proof-blocks.ts';
import { checkFacts, notComparedText, outputTable } from './quantize-content.ts';
import { list, type ReportContent, type ReportSection, table, text } from './report-content.ts';
import type { ReportSubject } from './report-subject.ts';
import { doneSection } from './target-content.ts';

/** What a `.tflite` file says to people. */
export function tfliteContent(report: TfliteReport, subject: ReportSubject): ReportContent {
  const { bytes, float, weights, dense, io, equalization, check } = report;
  const scales = dense === weights ? weights : `${weights}, of Dense layers ${dense}`;
  return {
    subject,
    purpose: float
      ? `A .tflite file in float, for weights ${scales} behind it`
      : `A .tflite file in whole numbers: weights ${scales}, ${io} inputs and outputs`,
    facts: [
      ['File', `${byteText(bytes.before)} → ${byteText(bytes.after)}`],
      ...checkFacts(check),
      ...kernelFacts(subject),
    ],
    sections: [
      checkSection(report),
      operatorSection(report),
      rangeSection(report),
      doneSection(equalization),
      skippedSection(allIn(equalization.passes, 'left')),
    ],
    damage: new Map(),
    report,
  };
}

function checkSection({ check, notVerified }: TfliteReport): ReportSection {
  const title = 'The written file';
  if (!check) {
    return { title, blocks: [text(`It was not run${notVerified === null ? '' : `: ${notVerified}`}.`)] };
  }
  const run = `Read again and run by LiteRT beside the float model, on ${check.inputs}.${notComparedText(check)}`;
  return { title, blocks: [text(run), outputTable(check)] };
}

function operatorSection({ operators, notTaken, inFloat }: TfliteReport): ReportSection {
  return {
    title: 'Operators',
    blocks: [
      table(
        ['Operator', 'How many'],
        operators.map(({ op, count: some }) => [op, String(some)]),
        [1],
      ),
      ...list('Layers that stay in float', inFloat),
      ...list(
        'What hardware leaves to slower kernels',
        notTaken.map(({ hardware, op, reason, layers }) => `${hardware}: ${layers.length} ${op} (${reason})`),
      ),
    ],
  };
}

function rangeSection({ ranges }: TfliteReport): ReportSection {
  if (ranges.length === 0) return { title: 'Ranges', blocks: [] };
  const rows = ranges.map(({ path, min, max, source }) => [path, signed(min), signed(max), SOURCES[source]]);
  return {
    title: 'Ranges',
    blocks: [
      text(`Those of ${count(ranges.length, 'tensor')} that decide the grids.`),
      table(['Tensor', 'From', 'To', 'Told by'], rows, [1, 2]),
    ],
  };
}

const SOURCES = {
  given: 'pixels, or the activation',
  statistics: 'statistics of batch norms',
  samples: 'the inputs',
  'stand-ins': 'made-up inputs, a guess',
} as const;

function signed(value: number): string {
  return value < 0 ? `-${short(-value)}` : short(value);
}
