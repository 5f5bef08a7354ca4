import type { PackedWeight } from '../../equalization/packing/pack-pass.ts';
import type { WeightPlan } from '../../equalization/packing/weight-plan.ts';
import type { QuantizePass } from '../../equalization/quantize.ts';
import type { RecordOf } from '../../primitives/pass.ts';
import {
  isSameByTfjs,
  planRows,
  type QuantizeReport,
  type WrittenCheck,
} from '../../report/quantize-report.ts';
import { checkTexts } from '../../report/run-check.ts';
import { named } from '../../text/names.ts';
import { byteText, count, decibels, small } from '../../text/numbers.ts';
import { proofLines, stepLines } from '../proof-lines.ts';
import { closingLines, summaryOf, trialLines } from '../summary-lines.ts';
import { indented, type Line, table } from '../terminal.ts';

/** Layers named in a line; `--json` has all. */
const NAMED = 3;

/** What `crosslayer quantize` prints for people. */
export function quantizeSummary(output: string, report: QuantizeReport): Line[] {
  const { passes, bytes } = report;
  return summaryOf(output, '', report.sidecar, [
    ...passes.map((record) => `${record.pass.padEnd(8)} ${passLine(record)}`),
    `size     weights ${byteText(bytes.before)} -> ${byteText(bytes.after)}, ` +
      `all files ${byteText(bytes.filesBefore)} -> ${byteText(bytes.filesAfter)}`,
    ...beforeLines(report),
    ...passes.flatMap((record) => (record.pass === 'pack' ? planLines(record.plan) : [])),
    ...trialLines(report.trials, 'tfjs-uint8'),
    ...checkLines(report),
    ...proofOf(report),
    'the download shrinks; speed and memory stay, because TF.js loads all weights as float32',
    ...closingLines(report),
  ]);
}

function passLine(record: RecordOf<QuantizePass>): string {
  switch (record.pass) {
    case 'carry':
      return `${count(record.carried.length, 'layer')} with all channels of one range; batch norms carry the scales`;
    case 'correct': {
      // Behind kernels that stay in float32 nothing is to be made up for.
      const moved = record.corrected.filter(({ largestShift }) => largestShift > 0);
      return `${count(moved.length, 'bias', 'biases')} corrected for what rounding does to the kernels`;
    }
    case 'pack':
      return packLine(record.packed);
  }
}

/** How many weights became what. */
function packLine(packed: readonly PackedWeight[]): string {
  const kinds = new Map<string, number>();
  for (const { dtype, kept } of packed) {
    const kind =
      dtype === 'float32' ? 'left in float32' : kept ? `kept in ${dtype} as they came` : `as ${dtype}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const parts = [...kinds].map(([kind, number]) => `${count(number, 'kernel')} ${kind}`);
  return `${parts.join(', ') || 'no kernel'}; all else stays as it is`;
}

/** Which kernel became what. */
function planLines(plan: WeightPlan | null): Line[] {
  if (!plan) return [];
  const { budget, gainDb } = plan;
  const gain =
    gainDb === null ? '' : `, ${decibels(gainDb)} less error of the outputs than with the smallest`;
  return [
    `plan     for ${byteText(budget)} of weights, by what is expected of each kernel${gain}:`,
    ...indented(table(['layer', 'weight', 'dtype', 'bytes', 'of the error left'], planRows(plan), [3, 4])),
  ];
}

/** What was lost before, which nothing brings back. */
function beforeLines({ quantizedBefore, storedCoarsely, passes }: QuantizeReport): string[] {
  const lines: string[] = [];
  if (quantizedBefore.length > 0) {
    const what = passes.some(({ pass }) => pass === 'carry')
      ? 'they were prepared and rounded a second time'
      : 'they stay on it; --prepare has them rounded a second time';
    lines.push(
      `quantized before: the kernels of ${count(quantizedBefore.length, 'layer')} lie on a grid of 8 bits; ${what}`,
    );
  }
  const variances = storedCoarsely.filter(({ weight }) => weight === 'movingVariance');
  const what = variances.length > 0 ? 'batch-norm variances' : 'other weights';
  const coarse = variances.length > 0 ? variances : storedCoarsely;
  if (coarse.length > 0) {
    const layers = named([...new Set(coarse.map(({ layer }) => layer))], NAMED);
    lines.push(`${what} were stored in ${coarse[0]?.dtype} (${layers}); what they lost cannot be restored`);
  }
  return lines;
}

/** What the files do that were written. */
function checkLines({ check }: QuantizeReport): Line[] {
  if (!check) return [];
  const { inputs, backend, tfjs } = check;
  const lines = [...checkTexts(check), tfjsLine(tfjs, backend)];
  return [
    `the files, read again and run (${backend}) beside the original:`,
    ...indented([`on ${inputs}`, ...lines]),
  ];
}

function tfjsLine(tfjs: WrittenCheck['tfjs'], backend: string): string {
  if (!('maxRelative' in tfjs))
    return `not ${tfjs.opens ? 'run' : 'opened'} by tf.loadLayersModel: ${tfjs.reason}`;
  const apart = small(tfjs.maxRelative);
  return isSameByTfjs(tfjs)
    ? `tf.loadLayersModel opens them${tfjs.script === undefined ? '' : ` behind ${tfjs.script}`} and computes the same (${apart})`
    : `tf.loadLayersModel opens them, but TF.js (${backend}) does not compute what Keras does: it is ${apart} of the largest ` +
        'value away; check the model in TF.js before you use it';
}

/** That batch norms carry the scales and change nothing else; why nothing could be run. */
function proofOf({ verification, check }: QuantizeReport): Line[] {
  if (!verification) return [];
  return check ? verification.proofs.flatMap(stepLines) : proofLines(verification);
}
