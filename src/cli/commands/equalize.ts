import type { Command } from 'commander';
import type { SidecarRecord } from '../../equalization/sidecar/sidecar.ts';
import type { Model } from '../../model/model.ts';
import { checkOutput, loadModel, type SaveOptions, saveModel } from '../../node.ts';
import { runWithProof } from '../../report/proven-run.ts';
import { reportJson } from '../../report/report-json.ts';
import type { SidecarReport } from '../../report/sidecar-report.ts';
import { type Ready, readyToRun } from '../chosen-inputs.ts';
import { type CommandResult, EXIT, end } from '../command-result.ts';
import { checkHtmlOutput, type WriteHtml } from '../html-output.ts';
import { interruptible } from '../interruptible.ts';
import { isProven } from '../proof-lines.ts';
import { measureUnknown, readSidecarOf, sidecarLines, writtenSidecar } from '../sidecar.ts';
import { indented, progress, progressDone } from '../terminal.ts';
import {
  checkEqualizeOptions,
  type EqualizeOptions,
  equalizeOptions,
  isReference,
} from './equalize-options.ts';
import type { CommandRecipe } from './equalize-recipe.ts';
import { stepsRecipe } from './equalize-steps.ts';
import { targetRecipe } from './equalize-target.ts';

/** `crosslayer equalize`: the model made ready for 8-bit weights. */
export function addEqualize(root: Command): void {
  equalizeOptions(root).action((input, options) => end(equalizeCommand(input, options)));
}

/** Runs `crosslayer equalize`. */
export async function equalizeCommand(input: string, options: EqualizeOptions): Promise<CommandResult> {
  checkEqualizeOptions(options);
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

async function equalizeWith<Name extends string>(
  model: Model,
  recipe: CommandRecipe<Name>,
  given: {
    readonly ready: Ready | undefined;
    readonly sidecar: SidecarReport;
    readonly writeHtml: WriteHtml | undefined;
    readonly options: EqualizeOptions;
  },
): Promise<CommandResult> {
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
  return [first, ...indented(before), ...others, ...indented(after)].join('\n');
}
