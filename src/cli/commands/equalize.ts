import { isConvolution } from '../../model/operation.ts';
import { checkOutput, loadModel, saveModel } from '../../node.ts';
import { STEPS, type Step } from '../../primitives/run-steps.ts';
import { type EqualizeReport, equalizeReport } from '../../report/equalize-report.ts';
import { largestSpread, rangeSpreads } from '../../report/range-spread.ts';
import { reportJson } from '../../report/report-json.ts';
import type { InputOptions } from '../chosen-inputs.ts';
import { type CheckResult, EXIT, UsageError } from '../exit-code.ts';
import { interruptible } from '../interruptible.ts';
import { count, progress, progressDone, short, styled } from '../render.ts';
import { isProven, proofLines, stepsWithProof } from '../verification.ts';

/** Options of `crosslayer equalize`. */
export interface EqualizeOptions extends InputOptions {
  readonly output: string;
  readonly steps: string;
  /** False with `--no-verify`. */
  readonly verify?: boolean;
  readonly strict?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Reasons of one kind in the summary; `--json` has all. */
const REASONS_SHOWN = 3;

/** Runs `crosslayer equalize`. */
export async function equalizeCommand(input: string, options: EqualizeOptions): Promise<CheckResult> {
  const steps = parseSteps(options.steps);
  if (options.verify === false && (options.strict === true || options.inputs !== undefined)) {
    throw new UsageError(
      '--no-verify: without a run there is nothing for --strict and --inputs; leave them out',
    );
  }
  progress(`reading ${input}`);
  const model = await loadModel(input);
  checkOutput(model, options.output, { force: options.force === true });
  const batchNorms = [...model.allLayers()].filter(
    ({ layer }) => layer.operation.kind === 'batchNorm',
  ).length;
  // Only folded batch norms show in the kernels; that is what plain 8-bit weights would see.
  let before = steps.includes('fold') ? [] : rangeSpreads(model, isConvolution);
  const watch = {
    before: (step: Step) => progress(`${step} …`),
    after: (step: Step) => {
      if (step === 'fold') before = rangeSpreads(model, isConvolution);
    },
  };
  const { record, verification } = await stepsWithProof(model, steps, { ...options, watch });
  const after = rangeSpreads(model, isConvolution);
  progress(`writing ${options.output}`);
  const written = await interruptible((signal) =>
    saveModel(model, options.output, { force: options.force === true, signal }),
  );
  progressDone();
  const report = equalizeReport(record, { before, after }, written, verification);
  return {
    text: options.json === true ? reportJson(report) : summary(options.output, report, batchNorms),
    exitCode: options.strict === true && verification && !isProven(verification) ? EXIT.checkFailed : EXIT.ok,
  };
}

function parseSteps(text: string): Step[] {
  const names = text.split(',').map((name) => name.trim());
  return names.map((name) => {
    const step = STEPS.find((known) => known === name);
    if (!step) throw new UsageError(`--steps: '${name}' is no step; choose from ${STEPS.join(',')}`);
    return step;
  });
}

function summary(output: string, report: EqualizeReport, batchNorms: number): string {
  const lines = [`${styled('bold', output)} written`];
  for (const step of report.steps) lines.push(`  ${step.padEnd(6)} ${stepLine(step, report, batchNorms)}`);
  if (report.verification) {
    const [first = '', ...others] = proofLines(report.verification);
    lines.push(`  ${first}`, ...others.map((line) => `    ${line}`));
  }
  const before = largestSpread(report.rangeSpread.before);
  const after = largestSpread(report.rangeSpread.after);
  const folds = report.steps.includes('fold');
  if (before && after) {
    lines.push(
      '  largest spread of channel ranges (max / median): ' +
        `${short(before.spread)} in ${before.layer} ${folds ? 'with batch norms folded' : 'before'}, ` +
        `${short(after.spread)} in ${after.layer} after`,
    );
  }
  if (report.skipped.length > 0) {
    lines.push(`  left alone (${report.skipped.length}):`);
    lines.push(...groupedReasons(report).map((line) => `    ${line}`));
  }
  for (const sentence of report.dropped) lines.push(`  not kept: ${sentence}`);
  for (const sentence of report.warnings) lines.push(`  note: ${sentence}`);
  return lines.join('\n');
}

/** The first reasons of each kind, with a count of the others, and what would help. */
function groupedReasons({ skipped, steps }: EqualizeReport): string[] {
  const kinds = new Map<string, string[]>();
  for (const { code, message } of skipped) kinds.set(code, [...(kinds.get(code) ?? []), message]);
  const lines: string[] = [];
  for (const [code, messages] of kinds) {
    lines.push(...messages.slice(0, REASONS_SHOWN));
    const more = messages.length - REASONS_SHOWN;
    if (more > 0) lines.push(`… and ${more} more like these (${code}); --json lists all`);
    if (
      code === 'activation-between' &&
      !steps.includes('relu6') &&
      messages.some((one) => one.includes('maximum 6'))
    ) {
      lines.push('layers that end at a ReLU6 are scaled with the step relu6, which changes the function');
    }
  }
  return lines;
}

function stepLine(step: Step, report: EqualizeReport, batchNorms: number): string {
  switch (step) {
    case 'relu6': {
      const replaced = report.replacedRelu6.length;
      return replaced === 0
        ? 'no ReLU6 to replace'
        : `${count(replaced, 'ReLU6')} became ReLU: the function changes wherever an activation exceeds 6`;
    }
    case 'fold':
      return `${report.foldedPairs.length} of ${count(batchNorms, 'batch norm')} folded`;
    case 'scale': {
      const layers = new Set(report.clsSets.flatMap((set) => set.layers));
      return `${count(report.clsSets.length, 'set')} of layers scaled (${count(layers.size, 'layer')})`;
    }
    case 'bias':
      return report.absorbedBiases === 0
        ? 'no bias to absorb'
        : `${count(report.absorbedBiases, 'pair')} of layers with biases absorbed: exact where activations stay above mean - 3 sigma`;
  }
}
