import { checkTexts } from '../../report/run-check.ts';
import type { TfliteReport } from '../../report/tflite-report.ts';
import { farText, guessedText, notTakenTexts, operatorsText, rangesText } from '../../report/tflite-texts.ts';
import { named } from '../../text/names.ts';
import { byteText, count, percent } from '../../text/numbers.ts';
import { summaryOf } from '../summary-lines.ts';
import { indented, type Line } from '../terminal.ts';

/** Layers named in a line; `--json` has all. */
const NAMED = 3;

/** What `crosslayer quantize -o model.tflite` prints for people. */
export function tfliteSummary(output: string, report: TfliteReport): Line[] {
  const { io, bytes, operators, inFloat, ranges, notTaken, check, notVerified, notes } = report;
  const share = bytes.before > 0 ? ` (${percent(bytes.after / bytes.before)})` : '';
  const guessed = guessedText(ranges);
  const far = farText(check);
  return summaryOf(output, '', undefined, [
    `size     ${byteText(bytes.before)} -> ${byteText(bytes.after)}${share}, ${weightText(report)}, ${io} inputs and outputs`,
    `operators ${operatorsText(operators)}`,
    ...(inFloat.length === 0 ? [] : [`in float ${count(inFloat.length, 'layer')}: ${named(inFloat, NAMED)}`]),
    ...(ranges.length === 0 ? [] : [`ranges   ${rangesText(ranges)}`]),
    ...(guessed === undefined ? [] : [`${guessed}; --inputs has them measured on real ones`]),
    ...notTakenTexts(notTaken),
    ...(check
      ? [
          'the file, run by LiteRT beside the float model:',
          ...indented([`on ${check.inputs}`, ...checkTexts(check)]),
        ]
      : []),
    ...(far === undefined ? [] : [`${far}; --inputs has ranges and means measured on real ones`]),
    ...(notVerified === null ? [] : [`not verified: ${notVerified}`]),
    ...notes.map((note) => `note: ${note}`),
  ]);
}

function weightText({ float, weights, dense }: TfliteReport): string {
  const scales = dense === weights ? weights : `${weights}, of Dense layers ${dense}`;
  return float ? `float32, made ready for weights ${scales}` : `int8 weights ${scales}`;
}
