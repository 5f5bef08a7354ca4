import type { Relu6Policy, Target, WeightRounding } from '../../equalization/options.ts';
import type { Objective } from '../../equalization/scaling/scale-regions.ts';
import type { SidecarRecord } from '../../equalization/sidecar/sidecar.ts';
import type { Model } from '../../model/model.ts';
import { checkOutput, loadModel, type SaveOptions, saveModel, type WriteReport } from '../../node.ts';
import { STEPS } from '../../primitives/run-steps.ts';
import type { Stage, StageWatch } from '../../primitives/stage.ts';
import type { StepVerification } from '../../report/equalize-report.ts';
import type { ReportContent } from '../../report/html/report-content.ts';
import { runWithProof } from '../../report/proven-run.ts';
import { reportJson } from '../../report/report-json.ts';
import type { SidecarReport } from '../../report/sidecar-report.ts';
import type { InputOptions } from '../chosen-inputs.ts';
import { type CheckResult, EXIT, UsageError } from '../command-result.ts';
import { checkHtmlOutput, type WriteHtml } from '../html-output.ts';
import { interruptible } from '../interruptible.ts';
import { isProven, type Ready, readyToRun } from '../proof-lines.ts';
import { measureUnknown, readSidecarOf, sidecarLines, writtenSidecar } from '../sidecar.ts';
import { progress, progressDone } from '../terminal.ts';
import { parseSteps, stepsRecipe } from './equalize-steps.ts';
import { type ActivationsName, targetRecipe } from './equalize-target.ts';

/** Options of `crosslayer equalize`. */
export interface EqualizeOptions extends InputOptions {
  readonly output: string;
  readonly target?: Target;
  readonly relu6?: Relu6Policy;
  readonly objective?: Objective;
  readonly rounding?: WeightRounding;
  readonly activations?: ActivationsName;
  /** False with `--no-correction`. */
  readonly correction?: boolean;
  /** True with `--trials`, false with `--no-trials`. */
  readonly trials?: boolean;
  readonly recipe?: 'target' | 'reference';
  readonly steps?: string;
  /** False with `--no-verify`. */
  readonly verify?: boolean;
  readonly strict?: boolean;
  /** False with `--no-sidecar`. */
  readonly sidecar?: boolean;
  /** The page that tells what was done. */
  readonly report?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** A recipe as the command runs it. */
export interface CommandRecipe<Name extends string> {
  readonly stages: readonly Stage<Name>[];
  readonly watch: StageWatch<Name>;
  /** What the side-car keeps of what was done. */
  sidecar(): SidecarRecord;
  /** The report, the summary of it for people, and what a page of it says. */
  finish(
    written: WriteReport,
    verification: StepVerification | undefined,
  ): {
    readonly report: object;
    readonly summary: string;
    readonly content: (sidecar: SidecarReport) => ReportContent;
  };
}

/** Runs `crosslayer equalize`. */
export async function equalizeCommand(input: string, options: EqualizeOptions): Promise<CheckResult> {
  checkUsage(options);
  progress(`reading ${input}`);
  const model = await loadModel(input);
  checkOutput(model, options.output, saveOptions(options, {}));
  const writeHtml = checkHtmlOutput(options);
  const read = await readSidecarOf(model, options);
  const ready = await readyToRun(model, options);
  const measured = await measureUnknown(model, ready, options);
  const sidecar = { written: writtenSidecar(options.output, options), read, measured };
  return isReference(options)
    ? equalizeWith(model, stepsRecipe(model, options), { ready, sidecar, writeHtml, options })
    : equalizeWith(model, await targetRecipe(model, options, ready), { ready, sidecar, writeHtml, options });
}

function saveOptions({ force, sidecar }: EqualizeOptions, record: SidecarRecord): SaveOptions {
  return { force: force === true, ...(sidecar === false ? {} : { sidecar: record }) };
}

function isReference({ recipe, steps }: EqualizeOptions): boolean {
  return recipe === 'reference' || steps !== undefined;
}

function checkUsage(options: EqualizeOptions): void {
  const { target, objective, rounding, activations, trials, recipe, steps, verify, strict, inputs } = options;
  parseSteps(steps ?? STEPS.join(','));
  if (isReference(options)) {
    if (recipe === 'target')
      throw new UsageError('--steps: are those of --recipe reference; leave one of the two out');
    if (ofTarget(options)) {
      throw new UsageError(
        '--target, --relu6, --objective, --rounding, --activations, --no-correction, --trials, --no-trials: are not of the ' +
          'reference; leave out --recipe reference and --steps',
      );
    }
  }
  if (objective !== undefined && (target === 'tfjs-uint8' || target === 'int8-per-channel')) {
    throw new UsageError(`--objective: the target ${target} scales no regions; leave it out`);
  }
  if (rounding === 'cancelling' && target === 'float') {
    throw new UsageError(
      '--rounding cancelling: the target float has no grid to round to; choose another --target',
    );
  }
  if (activations !== undefined && (target === 'tfjs-uint8' || target === 'float')) {
    throw new UsageError(
      `--activations: with the target ${target} activations stay in float; leave it out, or choose --target ` +
        'int8-per-tensor or int8-per-channel',
    );
  }
  if (verify === false && trials === true) {
    throw new UsageError('--no-verify: without a run nothing can be tried; leave out --trials');
  }
  if (verify === false && (strict === true || inputs !== undefined)) {
    throw new UsageError(
      '--no-verify: without a run there is nothing for --strict and --inputs; leave them out',
    );
  }
}

/** Whether an option is given that only recipes for a target have. */
function ofTarget(options: EqualizeOptions): boolean {
  const { target, relu6, objective, rounding, activations, correction, trials } = options;
  const given = [target, relu6, objective, rounding, activations].some((option) => option !== undefined);
  return given || correction === false || trials !== undefined;
}

async function equalizeWith<Name extends string>(
  model: Model,
  recipe: CommandRecipe<Name>,
  given: {
    readonly ready: Ready | undefined;
    readonly sidecar: SidecarReport;
    readonly writeHtml: WriteHtml | undefined;
    readonly options: EqualizeOptions;
  },
): Promise<CheckResult> {
  const { ready, sidecar, writeHtml, options } = given;
  const { output, json, strict } = options;
  const { watch } = recipe;
  const verification = await runWithProof(model, recipe.stages, {
    ready,
    watch: {
      before: (stage) => {
        progress(`${stage} …`);
        watch.before?.(stage);
      },
      after: (stage) => watch.after?.(stage),
    },
  });
  progress(`writing ${output}`);
  const written = await interruptible((signal) =>
    saveModel(model, output, { ...saveOptions(options, recipe.sidecar()), signal }),
  );
  const { report, summary, content } = recipe.finish(written, verification);
  writeHtml?.(() => content(sidecar));
  progressDone();
  return {
    text: json === true ? reportJson({ ...report, sidecar }) : withSidecar(summary, sidecar),
    exitCode: strict === true && verification && !isProven(verification) ? EXIT.checkFailed : EXIT.ok,
  };
}

function withSidecar(summary: string, sidecar: SidecarReport): string {
  const [first = '', ...others] = summary.split('\n');
  const { before, after } = sidecarLines(sidecar);
  const indented = (line: string): string => `  ${line}`;
  return [first, ...before.map(indented), ...others, ...after.map(indented)].join('\n');
}
