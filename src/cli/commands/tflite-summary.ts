import type { SourcedRange } from '../../equalization/ranges/tensor-ranges.ts';
import type { RunCheck } from '../../report/quantize-report.ts';
import type { NotTakenOperators, TfliteReport } from '../../report/tflite-report.ts';
import { named } from '../../text/names.ts';
import { accuracyText, byteText, count, decibels, percent, short } from '../../text/numbers.ts';
import { summaryOf } from '../summary-lines.ts';
import { indented, type Line } from '../terminal.ts';

/** Tensors named in a line; `--json` has all. */
const NAMED = 3;

/** What `crosslayer quantize -o model.tflite` prints for people. */
export function tfliteSummary(output: string, report: TfliteReport): Line[] {
  const { weights, io, bytes, operators, ranges, notTaken, check, notVerified } = report;
  const share = bytes.before > 0 ? ` (${percent(bytes.after / bytes.before)})` : '';
  const all = operators.reduce((sum, { count: some }) => sum + some, 0);
  return summaryOf(output, '', undefined, [
    `size     ${byteText(bytes.before)} -> ${byteText(bytes.after)}${share}, int8 weights ${weights}, ${io} inputs and outputs`,
    `operators ${all}: ${operators.map(({ op, count: some }) => `${some} ${op}`).join(', ')}`,
    ...rangeLines(ranges),
    ...notTakenLines(notTaken),
    ...(check ? checkLines(check) : []),
    ...(notVerified === null ? [] : [`not verified: ${notVerified}`]),
  ]);
}

/** Nothing of it is lost: other kernels compute it. */
function notTakenLines(notTaken: readonly NotTakenOperators[]): string[] {
  const lines = new Map<string, string[]>();
  for (const { hardware, op, reason, layers } of notTaken) {
    const key = JSON.stringify([hardware, reason]);
    lines.set(key, [...(lines.get(key) ?? []), `${layers.length} ${op}`]);
  }
  return [...lines].map(([key, parts]) => {
    const [hardware, reason] = JSON.parse(key) as [string, string];
    return `not for ${hardware}: ${parts.join(', ')} (${reason})`;
  });
}

function rangeLines(ranges: readonly SourcedRange[]): string[] {
  const from = (source: SourcedRange['source']): readonly SourcedRange[] =>
    ranges.filter((range) => range.source === source);
  const told = [
    [from('given').length, 'of pixels'],
    [from('statistics').length, 'from statistics of batch norms'],
    [from('samples').length, 'from the inputs'],
    [from('stand-ins').length, 'guessed'],
  ] as const;
  const guessed = from('stand-ins').map(({ path, min, max }) => `${path} ${rangeText(min, max)}`);
  return [
    `ranges   of ${count(ranges.length, 'tensor')}: ${told
      .filter(([some]) => some > 0)
      .map(([some, what]) => `${some} ${what}`)
      .join(', ')}`,
    ...(guessed.length === 0
      ? []
      : [`guessed from made-up inputs: ${named(guessed, NAMED)}; --inputs has them measured on real ones`]),
  ];
}

function rangeText(min: number, max: number): string {
  const end = (value: number): string => (value < 0 ? `-${short(-value)}` : short(value));
  return `[${end(min)}, ${end(max)}]`;
}

function checkLines({ inputs, outputs, notCompared, accuracy }: RunCheck): Line[] {
  const lines = outputs.map(({ name, sqnrDb, top1Agreement }) => {
    const of = outputs.length > 1 ? `${name}: ` : '';
    const agreement = top1Agreement === null ? '' : `, same top-1 ${percent(top1Agreement)}`;
    return `${of}SQNR ${decibels(sqnrDb)}${agreement}`;
  });
  if (notCompared !== undefined) lines.push(`not compared: ${notCompared}`);
  if (accuracy) lines.push(`accuracy ${accuracyText(accuracy.before)} -> ${accuracyText(accuracy.after)}`);
  return [`the file, run by LiteRT beside the float model on ${inputs}:`, ...indented(lines)];
}
