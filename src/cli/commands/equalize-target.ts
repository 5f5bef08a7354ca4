import type { EqualizePass } from '../../equalization/equalize.ts';
import type { Judge, EqualizeOptions as RecipeOptions } from '../../equalization/options.ts';
import { unlessCannotRun } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import type { RecordOf } from '../../primitives/pass.ts';
import type { WeightSqnr } from '../../quantization/weight-sqnr.ts';
import { equalizeForTarget, type TargetReport } from '../../report/equalize-for-target.ts';
import { reportSubject } from '../../report/html/report-subject.ts';
import { targetContent } from '../../report/html/target-content.ts';
import { gridOf, plainText } from '../../report/plain-model.ts';
import { targetSidecar } from '../../report/sidecar-report.ts';
import { count, decibels } from '../../text/numbers.ts';
import { seededInputs } from '../../verification/inputs/seeded-inputs.ts';
import { type SqnrJudgeOptions, sqnrJudge } from '../../verification/proving/sqnr-judge.ts';
import type { Ready } from '../chosen-inputs.ts';
import { defined } from '../options.ts';
import { proofLines } from '../proof-lines.ts';
import { closingLines, type ReasonHint, summaryOf, trialLines } from '../summary-lines.ts';
import { indented, type Line, progress, SHOWN, table } from '../terminal.ts';
import { ACTIVATIONS, type EqualizeOptions } from './equalize-options.ts';
import type { EqualizeOutcome } from './equalize-outcome.ts';

/** Kernels in the table of the summary; `--json` has all. */
const KERNELS_SHOWN = 5;

/** Equalizes for a target. With inputs that were given, biases are corrected by what the model makes of them. */
export async function equalizeByTarget(
  original: Model,
  options: EqualizeOptions,
  ready: Ready | undefined,
): Promise<EqualizeOutcome<TargetReport>> {
  const {
    model,
    plain,
    report: done,
  } = await equalizeForTarget(original, {
    ...(await recipeOptions(original, options, ready)),
    ready,
    ...SHOWN,
  });
  const { target } = done;
  return {
    model,
    sidecar: targetSidecar(done),
    tell(written) {
      const report: TargetReport = { ...done, ...written };
      const labels = { before: plainText(target), after: 'equalized' };
      const hasTensors = done.activations !== null;
      const shown = { before: plain, after: model, quantizer: gridOf(target), labels, hasTensors };
      return {
        report,
        summary: () => summary(options.output, report),
        content: () => targetContent(report, reportSubject(original, shown)),
      };
    },
  };
}

/** The options of the recipe: with samples where inputs were given, with a judge where the model can be run. */
async function recipeOptions(
  model: Model,
  options: EqualizeOptions,
  ready: Ready | undefined,
): Promise<RecipeOptions> {
  const { target, relu6, objective, rounding, activations, correction, trials, inputs } = options;
  const bench = ready && 'runner' in ready ? { runner: ready.runner, inputs: ready.tensors } : undefined;
  const isGiven = inputs !== undefined;
  const judged = isGiven ? bench : trials === true ? bench && seeded(model, bench, options) : undefined;
  const judge = judged && (await judgeOf(model, { ...judged, normalization: options.normalize }));
  return {
    ...defined({ target, relu6, objective, rounding }),
    ...(activations === undefined ? {} : { activations: ACTIVATIONS[activations] }),
    ...(correction === false ? { biasCorrection: 'none' as const } : {}),
    ...(bench && judge && isGiven ? { samples: bench } : {}),
    ...(judge && trials !== false ? { judge } : {}),
  };
}

/**
 * Seeded inputs are like no data that a model knows: on published MobileNets what was better on 16 of them was up to 2.6 dB
 * worse on photographs.
 */
const SEEDED = { samples: 16, margin: 3 } as const;

function seeded(
  model: Model,
  { runner }: SqnrJudgeOptions,
  { normalize, samples }: EqualizeOptions,
): SqnrJudgeOptions {
  const inputs = seededInputs(model, { samples: samples ?? SEEDED.samples, normalization: normalize });
  return { runner, inputs, margin: SEEDED.margin };
}

/** Undefined where the model cannot be run; the proof says why. */
function judgeOf(model: Model, bench: SqnrJudgeOptions): Promise<Judge | undefined> {
  progress.say('running the original', 'run');
  return unlessCannotRun(
    () => sqnrJudge(model, bench),
    () => undefined,
  );
}

function summary(output: string, report: TargetReport): Line[] {
  return summaryOf(output, `, for ${report.target}`, report.sidecar, [
    ...report.passes.map((record) => `${record.pass.padEnd(7)} ${passLine(record, report)}`),
    ...(report.verification ? proofLines(report.verification) : []),
    ...trialLines(report.trials, report.target),
    ...sqnrLines(report),
    ...closingLines(report, hintFor),
  ]);
}

/** What would help with a reason. */
const hintFor: ReasonHint = (code) => {
  if (code === 'unknown-input') return 'with --inputs means are measured, and these are corrected too';
  return code === 'no-batch-norm'
    ? 'where batch norms were folded before, their side-car would tell; without one, --inputs measures it'
    : undefined;
};

function passLine(record: RecordOf<EqualizePass>, { target }: TargetReport): string {
  switch (record.pass) {
    case 'relu6':
      return `${count(record.replacedRelu6.length, 'ReLU6')} became ReLU: the function changes wherever an activation exceeds 6`;
    case 'fold':
      return `${count(record.folded.length, 'batch norm')} folded`;
    case 'scale': {
      const { regions, caps, addedLayers } = record;
      const channels = regions.reduce((sum, region) => sum + region.channels, 0);
      const scaled = `${count(regions.length, 'region')} scaled (${count(channels, 'channel')})`;
      if (caps.length === 0) return scaled;
      const added = addedLayers === 0 ? '' : ` in ${count(addedLayers, 'more layer')}`;
      return `${scaled}; ${count(caps.length, 'ReLU')} with a maximum got one for each channel${added}`;
    }
    case 'carry':
      return `${count(record.carried.length, 'layer')} with all channels of one range; batch norms carry the scales`;
    case 'correct':
      return `${count(record.corrected.length, 'bias', 'biases')} corrected for what ${target} does to the kernels`;
  }
}

/** The worst kernels before, and what became of them. */
function sqnrLines({ target, weightSqnr: { before, after } }: TargetReport): Line[] {
  const now = new Map(after.map((one) => [keyOf(one), one.sqnr]));
  const worst = [...before].sort((one, other) => one.sqnr - other.sqnr).slice(0, KERNELS_SHOWN);
  if (worst.length === 0) return [];
  const grid = gridOf(target);
  const rows = worst.map((one) => [one.layer, decibels(one.sqnr), decibels(now.get(keyOf(one)))]);
  return [
    `SQNR of kernels on the grid of ${grid}, the worst of ${before.length}:`,
    ...indented(table(['layer', plainText(target), 'now'], rows, [1, 2])),
  ];
}

function keyOf({ layer, weight }: WeightSqnr): string {
  return `${layer}/${weight}`;
}
