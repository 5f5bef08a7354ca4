import type { TfliteReport } from '../../report/tflite-report.ts';
import {
  checkTexts,
  guessedText,
  notTakenTexts,
  operatorsText,
  rangesText,
} from '../../report/tflite-texts.ts';
import { byteText, percent } from '../../text/numbers.ts';
import { summaryOf } from '../summary-lines.ts';
import { indented, type Line } from '../terminal.ts';

/** What `crosslayer quantize -o model.tflite` prints for people. */
export function tfliteSummary(output: string, report: TfliteReport): Line[] {
  const { weights, io, bytes, operators, ranges, notTaken, check, notVerified } = report;
  const share = bytes.before > 0 ? ` (${percent(bytes.after / bytes.before)})` : '';
  const guessed = guessedText(ranges);
  return summaryOf(output, '', undefined, [
    `size     ${byteText(bytes.before)} -> ${byteText(bytes.after)}${share}, int8 weights ${weights}, ${io} inputs and outputs`,
    `operators ${operatorsText(operators)}`,
    `ranges   ${rangesText(ranges)}`,
    ...(guessed === undefined ? [] : [`${guessed}; --inputs has them measured on real ones`]),
    ...notTakenTexts(notTaken),
    ...(check
      ? [`the file, run by LiteRT beside the float model on ${check.inputs}:`, ...indented(checkTexts(check))]
      : []),
    ...(notVerified === null ? [] : [`not verified: ${notVerified}`]),
  ]);
}
