import type { Command } from 'commander';
import type { SidecarRecord } from '../../equalization/sidecar/sidecar.ts';
import { checkOutput, type SaveOptions, saveModel } from '../../node/model-files.ts';
import { isProven, type ProofReport } from '../../report/proof-report.ts';
import { readyToRun } from '../chosen-inputs.ts';
import { type CommandResult, EXIT, shownAs, tried } from '../command-result.ts';
import { checkHtmlOutput } from '../html-output.ts';
import { interruptible } from '../interruptible.ts';
import { openModel } from '../opened-models.ts';
import { runModels } from '../run-models.ts';
import { measureUnknown, readSidecarOf, writtenSidecar } from '../sidecar.ts';
import { progress, SHOWN } from '../terminal.ts';
import {
  checkEqualizeOptions,
  type EqualizeOptions,
  equalizeOptions,
  isReference,
} from './equalize-options.ts';
import { equalizeBySteps } from './equalize-steps.ts';
import { equalizeByTarget } from './equalize-target.ts';

/** `crosslayer equalize`: the model made ready for 8-bit weights. */
export function addEqualize(root: Command): void {
  equalizeOptions(root).action((inputs, options) =>
    runModels(inputs, options, {
      what: 'equalized',
      check: checkEqualizeOptions,
      run: equalizeCommand,
    }),
  );
}

/** Runs `crosslayer equalize`. */
export async function equalizeCommand(input: string, options: EqualizeOptions): Promise<CommandResult> {
  checkEqualizeOptions(options);
  const { output, json, strict } = options;
  progress.say(`reading ${input}`, 'read');
  const model = await openModel(input);
  checkOutput(model, output, saveOptions(options, {}));
  const writeHtml = checkHtmlOutput(options);
  const read = await readSidecarOf(model, options);
  const ready = await readyToRun(model, options);
  const measured = await measureUnknown(model, ready, options);
  const equalized = await (isReference(options) ? equalizeBySteps : equalizeByTarget)(model, options, ready);
  progress.say(`writing ${output}`, 'write');
  const written = await interruptible((signal) =>
    saveModel(equalized.model, output, { ...saveOptions(options, equalized.sidecar), ...SHOWN, signal }),
  );
  const sidecar = { written: writtenSidecar(output, options), read, measured };
  const { report, summary, content } = equalized.tell({ ...written, sidecar });
  const failures: unknown[] = [];
  await tried(failures, () => writeHtml?.(content));
  const { verification } = report;
  return {
    ...shownAs(json, { ...report, output }, summary),
    exitCode: strict === true && verification && !isProven(verification) ? EXIT.checkFailed : EXIT.ok,
    verdict: `${output}, ${provenText(verification)}`,
    failures,
  };
}

/** What runs said of the function. */
function provenText(verification: ProofReport | null): string {
  if (!verification || verification.inputs === null) return 'not verified';
  return isProven(verification) ? 'steps proven' : 'not all steps proven';
}

function saveOptions({ force, sidecar }: EqualizeOptions, record: SidecarRecord): SaveOptions {
  return { force: force === true, ...(sidecar === false ? {} : { sidecar: record }) };
}
