import type { Relu6Policy, Target, WeightRounding } from '../../equalization/equalize.ts';
import type { Model } from '../../model/model.ts';
import { checkOutput, loadModel, saveModel, type WriteReport } from '../../node.ts';
import { STEPS } from '../../primitives/run-steps.ts';
import type { Stage, StageWatch } from '../../primitives/stage.ts';
import type { StepVerification } from '../../report/equalize-report.ts';
import { reportJson } from '../../report/report-json.ts';
import type { InputOptions } from '../chosen-inputs.ts';
import { type CheckResult, EXIT, UsageError } from '../exit-code.ts';
import { interruptible } from '../interruptible.ts';
import { progress, progressDone } from '../render.ts';
import { isProven, type Ready, readyToRun, runWithProof } from '../verification.ts';
import { parseSteps, stepsRecipe } from './equalize-steps.ts';
import { targetRecipe } from './equalize-target.ts';

/** Options of `crosslayer equalize`. */
export interface EqualizeOptions extends InputOptions {
  readonly output: string;
  readonly target?: Target;
  readonly relu6?: Relu6Policy;
  readonly rounding?: WeightRounding;
  /** False with `--no-correction`. */
  readonly correction?: boolean;
  readonly recipe?: 'target' | 'reference';
  readonly steps?: string;
  /** False with `--no-verify`. */
  readonly verify?: boolean;
  readonly strict?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** A recipe as the command runs it. */
export interface CommandRecipe<Name extends string> {
  readonly stages: readonly Stage<Name>[];
  readonly watch: StageWatch<Name>;
  /** The report, and the summary of it for people. */
  finish(
    written: WriteReport,
    verification: StepVerification | undefined,
  ): { readonly report: object; readonly summary: string };
}

/** Runs `crosslayer equalize`. */
export async function equalizeCommand(input: string, options: EqualizeOptions): Promise<CheckResult> {
  checkUsage(options);
  progress(`reading ${input}`);
  const model = await loadModel(input);
  checkOutput(model, options.output, { force: options.force === true });
  const ready = await readyToRun(model, options);
  return isReference(options)
    ? equalizeWith(model, stepsRecipe(model, options), ready, options)
    : equalizeWith(model, targetRecipe(model, options, ready), ready, options);
}

function isReference({ recipe, steps }: EqualizeOptions): boolean {
  return recipe === 'reference' || steps !== undefined;
}

function checkUsage(options: EqualizeOptions): void {
  const { target, relu6, rounding, correction, recipe, steps, verify, strict, inputs } = options;
  parseSteps(steps ?? STEPS.join(','));
  if (isReference(options)) {
    if (recipe === 'target')
      throw new UsageError('--steps: are those of --recipe reference; leave one of the two out');
    if (target !== undefined || relu6 !== undefined || rounding !== undefined || correction === false) {
      throw new UsageError(
        '--target, --relu6, --rounding, --no-correction: are not of the reference; leave out --recipe reference and --steps',
      );
    }
  }
  if (rounding === 'cancelling' && target === 'float') {
    throw new UsageError(
      '--rounding cancelling: the target float has no grid to round to; choose another --target',
    );
  }
  if (verify === false && (strict === true || inputs !== undefined)) {
    throw new UsageError(
      '--no-verify: without a run there is nothing for --strict and --inputs; leave them out',
    );
  }
}

async function equalizeWith<Name extends string>(
  model: Model,
  recipe: CommandRecipe<Name>,
  ready: Ready | undefined,
  { output, force, json, strict }: EqualizeOptions,
): Promise<CheckResult> {
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
    saveModel(model, output, { force: force === true, signal }),
  );
  progressDone();
  const { report, summary } = recipe.finish(written, verification);
  return {
    text: json === true ? reportJson(report) : summary,
    exitCode: strict === true && verification && !isProven(verification) ? EXIT.checkFailed : EXIT.ok,
  };
}
