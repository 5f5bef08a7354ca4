import { chooseSettings } from '../../equalization/choose-settings.ts';
import {
  type EqualizationRecord,
  equalizationStages,
  type StageName,
} from '../../equalization/equalization-recipe.ts';
import type { Judge } from '../../equalization/judge.ts';
import type { EqualizeOptions as RecipeOptions } from '../../equalization/options.ts';
import { CannotRunError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import { parseQuantizer } from '../../quantization/quantizer.ts';
import { type WeightSqnr, weightSqnr } from '../../quantization/weight-sqnr.ts';
import { reportSubject } from '../../report/html/report-subject.ts';
import { targetContent } from '../../report/html/target-content.ts';
import { gridOf, plainModel, plainText } from '../../report/plain-model.ts';
import { targetSidecar } from '../../report/sidecar-report.ts';
import { type TargetReport, targetReport } from '../../report/target-report.ts';
import { count, decibels, percent } from '../../text/numbers.ts';
import { seededInputs } from '../../verification/inputs/seeded-inputs.ts';
import { type SqnrJudgeOptions, sqnrJudge } from '../../verification/proving/sqnr-judge.ts';
import type { Ready } from '../chosen-inputs.ts';
import { proofLines } from '../proof-lines.ts';
import { closingLines, type ReasonHint, trialLines } from '../summary-lines.ts';
import { indented, progress, styled, table } from '../terminal.ts';
import { ACTIVATIONS, type EqualizeOptions } from './equalize-options.ts';
import type { CommandRecipe } from './equalize-recipe.ts';

/** Kernels in the table of the summary; `--json` has all. */
const KERNELS_SHOWN = 5;

/** The recipe for a target. With inputs that were given, biases are corrected by what the model makes of them. */
export async function targetRecipe(
  model: Model,
  options: EqualizeOptions,
  ready: Ready | undefined,
): Promise<CommandRecipe<StageName>> {
  const { target = 'int8-per-tensor', output } = options;
  const quantizer = gridOf(target);
  const original = model.clone();
  const plain = plainModel(model, target);
  const before = weightSqnr(plain, parseQuantizer(quantizer));
  const { options: chosen, trials } = await chooseSettings(model, await recipeOptions(model, options, ready));
  const { stages, record: recordOf } = equalizationStages(model, chosen);
  const record = (): EqualizationRecord => ({ ...recordOf(), trials });
  return {
    stages,
    watch: {},
    sidecar: () => targetSidecar(record()),
    finish(written, verification) {
      const sqnr = { before, after: weightSqnr(model, parseQuantizer(quantizer)) };
      const report = targetReport(record(), sqnr, written, verification);
      return {
        report,
        summary: summary(output, report),
        content: (sidecar) => {
          const labels = { before: plainText(target), after: 'equalized' };
          const subject = reportSubject(original, { before: plain, after: model, quantizer, labels });
          return targetContent({ ...report, sidecar }, subject);
        },
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
  const judge = judged && (await judgeOf(model, judged));
  return {
    ...(target === undefined ? {} : { target }),
    ...(relu6 === undefined ? {} : { relu6 }),
    ...(objective === undefined ? {} : { objective }),
    ...(rounding === undefined ? {} : { rounding }),
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
async function judgeOf(model: Model, bench: SqnrJudgeOptions): Promise<Judge | undefined> {
  progress('trying settings …');
  try {
    return await sqnrJudge(model, bench);
  } catch (error) {
    if (error instanceof CannotRunError) return undefined;
    throw error;
  }
}

function summary(output: string, report: TargetReport): string {
  return [
    `${styled('bold', output)} written, for ${report.target}`,
    ...indented([
      ...report.stages.map((stage) => `${stage.padEnd(7)} ${stageLine(stage, report)}`),
      ...(report.verification ? proofLines(report.verification) : []),
      ...trialLines(report.trials, report.target),
      ...sqnrLines(report),
      ...closingLines(report, hintFor),
    ]),
  ].join('\n');
}

/** What would help with a reason. */
const hintFor: ReasonHint = (code) => {
  if (code === 'unknown-input') return 'with --inputs means are measured, and these are corrected too';
  return code === 'no-batch-norm'
    ? 'where batch norms were folded before, their side-car would tell; without one, --inputs measures it'
    : undefined;
};

function stageLine(stage: StageName, report: TargetReport): string {
  switch (stage) {
    case 'relu6':
      return `${count(report.replacedRelu6.length, 'ReLU6')} became ReLU: the function changes wherever an activation exceeds 6`;
    case 'fold':
      return `${count(report.foldedPairs.length, 'batch norm')} folded`;
    case 'scale': {
      const channels = report.regions.reduce((sum, region) => sum + region.channels, 0);
      const scaled = `${count(report.regions.length, 'region')} scaled (${count(channels, 'channel')})`;
      if (report.caps.length === 0) return scaled;
      const added = report.addedLayers === 0 ? '' : ` in ${count(report.addedLayers, 'more layer')}`;
      return `${scaled}; ${count(report.caps.length, 'ReLU')} with a maximum got one for each channel${added}`;
    }
    case 'carry':
      return `${count(report.carried.length, 'layer')} with all channels of one range; batch norms carry the scales`;
    case 'absorb':
      return absorbLine(report.absorbed);
    case 'correct':
      return `${count(report.corrected.length, 'bias', 'biases')} corrected for what ${report.target} does to the kernels`;
  }
}

function absorbLine(absorbed: TargetReport['absorbed']): string {
  if (absorbed.length === 0) return 'no bias whose move would give activations a smaller range';
  const gains = absorbed
    .map(({ expectedBefore: [low, high], expectedAfter: [min, max] }) => 1 - (max - min) / (high - low))
    .sort((one, other) => one - other);
  const [least, most] = [percent(gains[0] ?? 0), percent(gains.at(-1) ?? 0)];
  const gain = least === most ? least : `${least} to ${most}`;
  const proviso = absorbed.some(({ throughRelu }) => throughRelu)
    ? '; exact where activations stay above mean - 3 sigma'
    : '';
  const moved = `${count(absorbed.length, 'bias', 'biases')} moved into the next layer`;
  return `${moved}, expected ranges of activations ${gain} smaller${proviso}`;
}

/** The worst kernels before, and what became of them. */
function sqnrLines({ target, weightSqnr: { before, after } }: TargetReport): string[] {
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
