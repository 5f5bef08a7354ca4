import type { Command } from 'commander';
import type { QuantizeOptions as RecipeOptions } from '../../equalization/options.ts';
import { checkQuantization, prepareQuantization, type QuantizePass } from '../../equalization/quantize.ts';
import type { Model } from '../../model/model.ts';
import { fileBytes } from '../../node/loaded-files.ts';
import { checkOutput, closeModel, loadModel, type SaveOptions, saveModel } from '../../node/model-files.ts';
import { runPasses } from '../../primitives/pass.ts';
import { layersQuantizedBefore } from '../../quantization/packing/quantized-before.ts';
import { weightBytes } from '../../quantization/packing/weight-bytes.ts';
import { quantizeContent } from '../../report/html/quantize-content.ts';
import type { ReportContent } from '../../report/html/report-content.ts';
import { reportSubject } from '../../report/html/report-subject.ts';
import { isProven, type ProofReport, runWithProof } from '../../report/proof-report.ts';
import { float32Bytes, isSameByTfjs, type QuantizeReport } from '../../report/quantize-report.ts';
import { checkTexts } from '../../report/run-check.ts';
import type { ModelRun } from '../../verification/comparing/model-run.ts';
import { sqnrJudge } from '../../verification/proving/sqnr-judge.ts';
import { forChoosing } from '../../verification/run/samples.ts';
import type { Ready, Runnable } from '../chosen-inputs.ts';
import { type CommandResult, EXIT, shownAs, tried } from '../command-result.ts';
import { checkHtmlOutput } from '../html-output.ts';
import { interruptible, interruptibleCheck } from '../interruptible.ts';
import { openModel } from '../opened-models.ts';
import { defined } from '../options.ts';
import { runModels } from '../run-models.ts';
import { readSidecarOf } from '../sidecar.ts';
import { isOpened } from '../summary-lines.ts';
import { progress, SHOWN } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';
import { forProof, inputsBeside, readyToQuantize, runOriginal } from './quantize-inputs.ts';
import {
  checkQuantizeOptions,
  isTfliteName,
  type QuantizeOptions,
  quantizeOptions,
} from './quantize-options.ts';
import { quantizeSummary } from './quantize-summary.ts';
import { checkWritten } from './written-check.ts';

/** `crosslayer quantize`: a TF.js model with kernels of few bits. */
export function addQuantize(root: Command): void {
  quantizeOptions(root).action((inputs, options) =>
    runModels(inputs, options, {
      outputs: '-o web or -o model.tflite',
      format: 'tfjs',
      check: checkQuantizeOptions,
      run: quantizeCommand,
    }),
  );
}

async function quantizeCommand(input: string, given: QuantizeOptions): Promise<CommandResult> {
  checkQuantizeOptions(given);
  if (isTfliteName(given.output)) {
    const { quantizeToTflite } = await import('./quantize-tflite.ts');
    return quantizeToTflite(input, given);
  }
  const options = { ...given, ...inputsBeside(input, given) };
  progress.say(`reading ${input}`, 'read');
  const model = await openModel(input);
  const saveOptions = saveOptionsOf(options);
  checkOutput(model, options.output, saveOptions);
  const writeHtml = checkHtmlOutput(options);
  await misuse(() => checkQuantization(model, recipeOptions(options)));
  // Kernels that are on their grid already stay there, and so do the biases that go with them.
  const keepCorrections = options.prepare !== true && layersQuantizedBefore(model).length > 0;
  const read = await readSidecarOf(model, { ...options, keepCorrections });
  const ready = await readyToQuantize(model, options, given.inputs === undefined);
  const runnable = ready && 'runner' in ready ? ready : undefined;
  const original = runnable && (await runOriginal(model, runnable));
  const { copy: quantized, passes, told } = await prepared(model, options, original && runnable);
  const run = await runQuantization(quantized, passes, { ready, original });
  progress.say(`writing ${options.output}`, 'write');
  const written = await interruptible((signal) =>
    saveModel(quantized, options.output, { ...saveOptions, ...SHOWN, signal }),
  );
  progress.say(`running ${options.output}`, 'run');
  const failures: unknown[] = [];
  const made = await tried(failures, () => loadModel(options.output));
  const filesAfter = made && fileBytes(made);
  const check =
    original && runnable && made
      ? await tried(failures, () =>
          interruptibleCheck(options.output, (signal) =>
            checkWritten(made, original, runnable, {
              output: options.output,
              hasScript: options.layersScript === true,
              signal,
            }),
          ),
        )
      : undefined;
  if (made) closeModel(made);
  const report: QuantizeReport = {
    schemaVersion: 2,
    ...told,
    passes: run.records,
    bytes: {
      float32: float32Bytes(quantized),
      before: weightBytes(model),
      after: weightBytes(quantized),
      filesBefore: fileBytes(model),
      filesAfter: filesAfter ?? Number.NaN,
    },
    verification: run.proof,
    check: check ?? null,
    ...written,
    sidecar: { read, measured: [], written: null },
  };
  const content = (): ReportContent => {
    const labels = { before: 'as it is', after: 'quantized' };
    const { unrounded } = run;
    const shown = { before: model, after: quantized, unrounded, quantizer: 'tfjs-uint8', labels } as const;
    return quantizeContent(report, reportSubject(model, shown));
  };
  await tried(failures, () => writeHtml?.(content));
  return {
    ...shownAs(options.json, { ...report, output: options.output }, () =>
      quantizeSummary(options.output, report),
    ),
    exitCode:
      !isOpened(report) || isRefused(report) || (options.strict === true && !isTrusted(report))
        ? EXIT.checkFailed
        : EXIT.ok,
    verdict: [options.output, ...(check ? checkTexts(check) : ['not run'])].join(', '),
    failures,
  };
}

function saveOptionsOf({ force, shardSize, layersScript }: QuantizeOptions): SaveOptions {
  return {
    format: 'tfjs-layers',
    force: force === true,
    ...(layersScript === true ? { layersScript } : {}),
    ...(shardSize === undefined ? {} : { shardBytes: shardSize }),
  };
}

/** The passes with the settings that were asked for, or that did best on what the model is run on. */
async function prepared(
  model: Model,
  options: QuantizeOptions,
  ready: Runnable | undefined,
): ReturnType<typeof prepareQuantization> {
  const { trials, inputs } = options;
  const samples =
    inputs === undefined || !ready ? undefined : { runner: ready.runner, inputs: forChoosing(ready.tensors) };
  const judge = samples && trials !== false ? await sqnrJudge(model, samples) : undefined;
  const recipe = { ...recipeOptions(options), ...defined({ samples, judge }), ...SHOWN };
  return misuse(() => prepareQuantization(model, recipe));
}

/** What the recipe is told of the options. */
function recipeOptions(options: QuantizeOptions): RecipeOptions {
  const { dtype, plan, include, exclude, prepare, rounding, correction } = options;
  return {
    ...defined({ dtype, plan, include, exclude, prepare, rounding }),
    ...(correction === false ? { biasCorrection: 'none' as const } : {}),
  };
}

/** What `work` gives. @throws UsageError where a pattern or a budget, which the user gave, is none. */
async function misuse<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(error.message.replace(/^(?=plan: )/, '--')) : error;
  }
}

/**
 * Runs the passes, with proof for carrying: what the later ones change is in the numbers of the files. Where nothing can be
 * run, each pass has its reason.
 */
async function runQuantization(
  model: Model,
  passes: readonly QuantizePass[],
  { ready, original }: { readonly ready: Ready | undefined; readonly original: ModelRun | undefined },
): Promise<{
  readonly records: QuantizeReport['passes'];
  readonly proof: ProofReport | null;
  readonly unrounded: Model;
}> {
  let unrounded = model.clone();
  const watch = {
    ...SHOWN,
    before: (pass: string): void => {
      if (pass === 'pack') unrounded = model.clone();
    },
  };
  const proven = original ? passes.filter(({ name }) => name === 'carry') : passes;
  const { records, proof } = await runWithProof(model, proven, {
    ready: ready && 'runner' in ready ? forProof(ready, original) : ready,
    watch,
  });
  const others = await runPasses(model, passes.slice(proven.length), watch);
  return { records: [...records, ...others], proof, unrounded };
}

/** Whether TF.js itself was seen not to open the files, or not to run them. */
function isRefused({ check }: QuantizeReport): boolean {
  return check !== null && 'reason' in check.tfjs;
}

/** Whether all that could be seen was seen, and was as it should be. */
function isTrusted({ verification, check }: QuantizeReport): boolean {
  return verification !== null && isProven(verification) && check !== null && isSameByTfjs(check.tfjs);
}
