import { equalizationStages, type StageName, type Target } from '../../equalization/equalize.ts';
import type { Model } from '../../model/model.ts';
import { foldAllBatchNorms } from '../../primitives/batch-norm-fold.ts';
import { parseQuantizer, type WeightQuantizer } from '../../quantization/quantizer.ts';
import { type WeightSqnr, weightSqnr } from '../../quantization/weight-sqnr.ts';
import { targetSidecar } from '../../report/sidecar-report.ts';
import { type TargetReport, targetReport } from '../../report/target-report.ts';
import { count, groupedReasons, type ReasonHint, styled, table } from '../render.ts';
import { proofLines, type Ready } from '../verification.ts';
import type { CommandRecipe, EqualizeOptions } from './equalize.ts';

/** Kernels in the table of the summary; `--json` has all. */
const KERNELS_SHOWN = 5;

/** The recipe for a target. With inputs that were given, biases are corrected by what the model makes of them. */
export function targetRecipe(
  model: Model,
  options: EqualizeOptions,
  ready: Ready | undefined,
): CommandRecipe<StageName> {
  const { target = 'int8-per-tensor', relu6, rounding, correction, inputs, output } = options;
  const samples =
    inputs !== undefined && ready && 'runner' in ready
      ? { runner: ready.runner, inputs: ready.tensors }
      : undefined;
  const quantizer = quantizerOf(target);
  const before = weightSqnr(asPlain(model, target), quantizer);
  const { stages, record } = equalizationStages(model, {
    target,
    ...(relu6 === undefined ? {} : { relu6 }),
    ...(rounding === undefined ? {} : { rounding }),
    ...(correction === false ? { biasCorrection: 'none' as const } : {}),
    ...(samples === undefined ? {} : { samples }),
  });
  return {
    stages,
    watch: {},
    sidecar: () => targetSidecar(record(), rounding),
    finish(written, verification) {
      const sqnr = { before, after: weightSqnr(model, quantizer) };
      const report = targetReport(record(), sqnr, written, verification);
      return { report, summary: summary(output, report) };
    },
  };
}

/** The target `float` is shown on the grid that asks most. */
function quantizerOf(target: Target): WeightQuantizer {
  return parseQuantizer(target === 'float' ? 'int8-per-tensor' : target);
}

/** What would be quantized without equalization: batch norms folded, or left where the target leaves them. */
function asPlain(model: Model, target: Target): Model {
  const copy = model.clone();
  if (target !== 'tfjs-uint8') foldAllBatchNorms(copy);
  return copy;
}

function summary(output: string, report: TargetReport): string {
  const lines = [`${styled('bold', output)} written, for ${report.target}`];
  for (const stage of report.stages) lines.push(`  ${stage.padEnd(7)} ${stageLine(stage, report)}`);
  if (report.verification) {
    const [first = '', ...others] = proofLines(report.verification);
    lines.push(`  ${first}`, ...others.map((line) => `    ${line}`));
  }
  lines.push(...sqnrLines(report));
  if (report.skipped.length > 0) {
    lines.push(`  left alone (${report.skipped.length}):`);
    lines.push(...groupedReasons(report.skipped, hintFor).map((line) => `    ${line}`));
  }
  for (const sentence of report.dropped) lines.push(`  not kept: ${sentence}`);
  for (const sentence of report.warnings) lines.push(`  note: ${sentence}`);
  return lines.join('\n');
}

/** What would help with a reason. */
const hintFor: ReasonHint = (code) =>
  code === 'unknown-input' ? 'with --inputs means are measured, and these are corrected too' : undefined;

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
    case 'correct':
      return `${count(report.corrected.length, 'bias', 'biases')} corrected for what ${report.target} does to the kernels`;
  }
}

/** The worst kernels before, and what became of them. */
function sqnrLines({ target, weightSqnr: { before, after } }: TargetReport): string[] {
  const now = new Map(after.map((one) => [keyOf(one), one.sqnr]));
  const worst = [...before].sort((one, other) => one.sqnr - other.sqnr).slice(0, KERNELS_SHOWN);
  if (worst.length === 0) return [];
  const grid = target === 'float' ? 'int8-per-tensor' : target;
  const without = target === 'tfjs-uint8' ? 'as it is' : 'folded only';
  const rows = worst.map((one) => [one.layer, decibels(one.sqnr), decibels(now.get(keyOf(one)))]);
  return [
    `  SQNR of kernels on the grid of ${grid}, the worst of ${before.length}:`,
    ...table(['layer', without, 'now'], rows, [1, 2])
      .split('\n')
      .map((line) => `    ${line}`),
  ];
}

function keyOf({ layer, weight }: WeightSqnr): string {
  return `${layer}/${weight}`;
}

function decibels(value: number | undefined): string {
  return value === undefined ? '-' : `${Number.isFinite(value) ? value.toFixed(1) : value} dB`;
}
