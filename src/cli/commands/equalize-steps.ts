import type { Model } from '../../model/model.ts';
import { isConvolution } from '../../model/operation.ts';
import { referencePasses, STEPS, type StepRecord } from '../../primitives/equalize-model.ts';
import type { EqualizeReport } from '../../report/equalize-report.ts';
import { reportSubject } from '../../report/html/report-subject.ts';
import { stepsContent } from '../../report/html/steps-content.ts';
import { runWithProof } from '../../report/proof-report.ts';
import { largestSpread, rangeSpreads } from '../../report/range-spread.ts';
import { stepsSidecar } from '../../report/sidecar-report.ts';
import { count, short } from '../../text/numbers.ts';
import type { Ready } from '../chosen-inputs.ts';
import { proofLines } from '../proof-lines.ts';
import { closingLines, type ReasonHint, summaryOf } from '../summary-lines.ts';
import { type Line, SHOWN } from '../terminal.ts';
import { type EqualizeOptions, parseSteps } from './equalize-options.ts';
import type { EqualizeOutcome } from './equalize-outcome.ts';

/** Runs the steps of the reference. Edits `model`. */
export async function equalizeBySteps(
  model: Model,
  options: EqualizeOptions,
  ready: Ready | undefined,
): Promise<EqualizeOutcome<EqualizeReport>> {
  const steps = parseSteps(options.steps ?? STEPS.join(','));
  const batchNorms = [...model.allLayers()].filter(
    ({ layer }) => layer.operation.kind === 'batchNorm',
  ).length;
  const original = model.clone();
  // Only folded batch norms show in the kernels; that is what plain 8-bit weights would see.
  let plain = original;
  const { records: passes, proof } = await runWithProof(model, referencePasses(steps), {
    ready,
    watch: {
      ...SHOWN,
      after: (step) => {
        if (step === 'fold') plain = model.clone();
      },
    },
  });
  const rangeSpread = {
    before: rangeSpreads(plain, isConvolution),
    after: rangeSpreads(model, isConvolution),
  };
  return {
    model,
    sidecar: stepsSidecar({ passes }),
    tell(written) {
      const report: EqualizeReport = {
        schemaVersion: 2,
        passes,
        verification: proof,
        rangeSpread,
        ...written,
      };
      const labels = { before: steps.includes('fold') ? 'folded only' : 'as it is', after: 'equalized' };
      const shown = { before: plain, after: model, quantizer: 'int8-per-tensor', labels } as const;
      return {
        report,
        summary: () => summary(options.output, report, batchNorms),
        content: () => stepsContent(report, reportSubject(original, shown)),
      };
    },
  };
}

function summary(output: string, report: EqualizeReport, batchNorms: number): Line[] {
  return summaryOf(output, '', report.sidecar, [
    ...report.passes.map((record) => `${record.pass.padEnd(6)} ${stepLine(record, batchNorms)}`),
    ...(report.verification ? proofLines(report.verification) : []),
    ...spreadLines(report),
    ...closingLines(report, hintFor(report)),
  ]);
}

function spreadLines({ rangeSpread, passes }: EqualizeReport): string[] {
  const [before, after] = [largestSpread(rangeSpread.before), largestSpread(rangeSpread.after)];
  if (!before || !after) return [];
  return [
    'largest spread of channel ranges (max / median): ' +
      `${short(before.spread)} in ${before.layer} ${passes.some(({ pass }) => pass === 'fold') ? 'with batch norms folded' : 'before'}, ` +
      `${short(after.spread)} in ${after.layer} after`,
  ];
}

/** What would help with a reason. */
function hintFor({ passes }: EqualizeReport): ReasonHint {
  return (code, messages) => {
    const endsAtRelu6 = code === 'activation-between' && messages.some((one) => one.includes('maximum 6'));
    if (endsAtRelu6 && passes.every(({ pass }) => pass !== 'relu6')) {
      return 'layers that end at a ReLU6 are scaled with the step relu6, which changes the function';
    }
    return code === 'no-batch-norm'
      ? 'where batch norms were folded before, their side-car would tell; without one, --inputs measures it'
      : undefined;
  };
}

function stepLine(record: StepRecord, batchNorms: number): string {
  switch (record.pass) {
    case 'relu6':
      return record.replacedRelu6.length === 0
        ? 'no ReLU6 to replace'
        : `${count(record.replacedRelu6.length, 'ReLU6')} became ReLU: the function changes wherever an activation exceeds 6`;
    case 'fold':
      return `${record.folded.length} of ${count(batchNorms, 'batch norm')} folded`;
    case 'scale': {
      const layers = new Set(record.clsSets.flatMap((set) => set.layers));
      return `${count(record.clsSets.length, 'set')} of layers scaled (${count(layers.size, 'layer')})`;
    }
    case 'bias':
      return record.absorbed.length === 0
        ? 'no bias to absorb'
        : `${count(record.absorbed.length, 'pair')} of layers with biases absorbed: exact where activations stay above mean - 3 sigma`;
  }
}
