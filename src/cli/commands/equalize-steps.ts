import type { Model } from '../../model/model.ts';
import { isConvolution } from '../../model/operation.ts';
import { STEPS, type Step } from '../../primitives/run-steps.ts';
import { stepStages } from '../../primitives/step-stages.ts';
import { type EqualizeReport, equalizeReport } from '../../report/equalize-report.ts';
import { reportSubject } from '../../report/html/report-subject.ts';
import { stepsContent } from '../../report/html/steps-content.ts';
import { largestSpread, rangeSpreads } from '../../report/range-spread.ts';
import { stepsSidecar } from '../../report/sidecar-report.ts';
import { count, short } from '../../text/numbers.ts';
import { proofLines } from '../proof-lines.ts';
import { closingLines, type ReasonHint } from '../summary-lines.ts';
import { indented, styled } from '../terminal.ts';
import { type EqualizeOptions, parseSteps } from './equalize-options.ts';
import type { CommandRecipe } from './equalize-recipe.ts';

/** The steps of the reference. */
export function stepsRecipe(model: Model, options: EqualizeOptions): CommandRecipe<Step> {
  const steps = parseSteps(options.steps ?? STEPS.join(','));
  const batchNorms = [...model.allLayers()].filter(
    ({ layer }) => layer.operation.kind === 'batchNorm',
  ).length;
  // Only folded batch norms show in the kernels; that is what plain 8-bit weights would see.
  let before = steps.includes('fold') ? [] : rangeSpreads(model, isConvolution);
  const original = model.clone();
  let plain = original;
  const { stages, record } = stepStages(model, steps);
  return {
    stages,
    watch: {
      after: (step) => {
        if (step !== 'fold') return;
        before = rangeSpreads(model, isConvolution);
        plain = model.clone();
      },
    },
    sidecar: () => stepsSidecar(record()),
    finish(written, verification) {
      const after = rangeSpreads(model, isConvolution);
      const report = equalizeReport(record(), { before, after }, written, verification);
      return {
        report,
        summary: summary(options.output, report, batchNorms),
        content: (sidecar) => {
          const labels = {
            before: steps.includes('fold') ? 'folded only' : 'as it is',
            after: 'equalized',
          };
          const shown = { before: plain, after: model, quantizer: 'int8-per-tensor', labels } as const;
          return stepsContent({ ...report, sidecar }, reportSubject(original, shown));
        },
      };
    },
  };
}

function summary(output: string, report: EqualizeReport, batchNorms: number): string {
  return [
    `${styled('bold', output)} written`,
    ...indented([
      ...report.steps.map((step) => `${step.padEnd(6)} ${stepLine(step, report, batchNorms)}`),
      ...(report.verification ? proofLines(report.verification) : []),
      ...spreadLines(report),
      ...closingLines(report, hintFor(report)),
    ]),
  ].join('\n');
}

function spreadLines({ rangeSpread, steps }: EqualizeReport): string[] {
  const [before, after] = [largestSpread(rangeSpread.before), largestSpread(rangeSpread.after)];
  if (!before || !after) return [];
  return [
    'largest spread of channel ranges (max / median): ' +
      `${short(before.spread)} in ${before.layer} ${steps.includes('fold') ? 'with batch norms folded' : 'before'}, ` +
      `${short(after.spread)} in ${after.layer} after`,
  ];
}

/** What would help with a reason. */
function hintFor({ steps }: EqualizeReport): ReasonHint {
  return (code, messages) => {
    const endsAtRelu6 = code === 'activation-between' && messages.some((one) => one.includes('maximum 6'));
    if (endsAtRelu6 && !steps.includes('relu6')) {
      return 'layers that end at a ReLU6 are scaled with the step relu6, which changes the function';
    }
    return code === 'no-batch-norm'
      ? 'where batch norms were folded before, their side-car would tell; without one, --inputs measures it'
      : undefined;
  };
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
