import type { Command } from 'commander';
import { prepareQuantization, type QuantizePass } from '../../equalization/quantize.ts';
import { CannotRunError, CrosslayerError, FormatError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import { fileBytes } from '../../node/loaded-files.ts';
import { checkOutput, closeModel, loadModel, type SaveOptions, saveModel } from '../../node.ts';
import { runPasses } from '../../primitives/pass.ts';
import { layersQuantizedBefore } from '../../quantization/packing/quantized-before.ts';
import { weightBytes } from '../../quantization/packing/weight-bytes.ts';
import { quantizeContent } from '../../report/html/quantize-content.ts';
import { reportSubject } from '../../report/html/report-subject.ts';
import { isProven, type ProofReport, runWithProof } from '../../report/proof-report.ts';
import { float32Bytes, isSameByTfjs, type QuantizeReport } from '../../report/quantize-report.ts';
import { reportJson } from '../../report/report-json.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { accuracyOf } from '../../verification/comparing/accuracy.ts';
import { type ModelRun, recordRun } from '../../verification/comparing/model-run.ts';
import { sqnrJudge } from '../../verification/proving/sqnr-judge.ts';
import { firstSamples } from '../../verification/run/samples.ts';
import { type Ready, type Runnable, readyToRun, withLabels } from '../chosen-inputs.ts';
import { type CommandResult, EXIT, end, UsageError } from '../command-result.ts';
import { checkHtmlOutput } from '../html-output.ts';
import { interruptible } from '../interruptible.ts';
import { readSidecarOf } from '../sidecar.ts';
import { progress, progressDone } from '../terminal.ts';
import {
  checkQuantizeOptions,
  inputsBeside,
  type QuantizeOptions,
  quantizeOptions,
  SEEDED_SAMPLES,
} from './quantize-options.ts';
import { quantizeSummary } from './quantize-summary.ts';
import { checkWritten } from './written-check.ts';

/** Samples on which carrying is proven; what the written files do is measured on all. */
const PROOF_SAMPLES = 4;

/** `crosslayer quantize`: a TF.js model with kernels of few bits. */
export function addQuantize(root: Command): void {
  quantizeOptions(root).action((input, options) => end(quantizeCommand(input, options)));
}
async function quantizeCommand(input: string, given: QuantizeOptions): Promise<CommandResult> {
  checkQuantizeOptions(given);
  const options = { ...given, ...inputsBeside(input, given) };
  progress(`reading ${input}`);
  const model = await loadModel(input);
  const saveOptions = saveOptionsOf(options);
  checkOutput(model, options.output, saveOptions);
  const writeHtml = checkHtmlOutput(options);
  // Kernels that are on their grid already stay there, and so do the biases that go with them.
  const keepCorrections = options.prepare !== true && layersQuantizedBefore(model).length > 0;
  const read = await readSidecarOf(model, { ...options, keepCorrections });
  const ready = await readyWith(model, options, given.inputs === undefined);
  const runnable = ready && 'runner' in ready ? ready : undefined;
  const original = runnable && (await runOriginal(model, runnable));
  const { copy: quantized, passes, told } = await prepared(model, options, original && runnable);
  const run = await runQuantization(quantized, passes, { ready, isRun: original !== undefined });
  progress(`writing ${options.output}`);
  const written = await interruptible((signal) =>
    saveModel(quantized, options.output, { ...saveOptions, signal }),
  );
  progress(`running ${options.output}`);
  const check = original && runnable ? await checkWritten(options.output, original, runnable) : null;
  const filesAfter = await bytesOfFiles(options.output);
  const report: QuantizeReport = {
    schemaVersion: 2,
    ...told,
    passes: run.records,
    bytes: {
      float32: float32Bytes(quantized),
      before: weightBytes(model),
      after: weightBytes(quantized),
      filesBefore: fileBytes(model),
      filesAfter,
    },
    verification: run.proof,
    check,
    ...written,
    sidecar: { read, measured: [], written: null },
  };
  writeHtml?.(() => {
    const labels = { before: 'as it is', after: 'quantized' };
    const { unrounded } = run;
    const shown = { before: model, after: quantized, unrounded, quantizer: 'tfjs-uint8', labels } as const;
    return quantizeContent(report, reportSubject(model, shown));
  });
  progressDone();
  return {
    text: options.json === true ? reportJson(report) : quantizeSummary(options.output, report),
    exitCode: options.strict === true && !isTrusted(report) ? EXIT.checkFailed : EXIT.ok,
  };
}

async function bytesOfFiles(output: string): Promise<number> {
  const written = await loadModel(output);
  try {
    return fileBytes(written);
  } finally {
    closeModel(written);
  }
}

function saveOptionsOf({ force, shardSize }: QuantizeOptions): SaveOptions {
  return {
    format: 'tfjs-layers',
    force: force === true,
    ...(shardSize === undefined ? {} : { shardBytes: shardSize }),
  };
}

/** Given samples by which settings are chosen and means are measured: so many, or fewer where they are large. */
const CHOOSING = { samples: 512, values: 2 ** 23 } as const;

/** The samples go through the model all at once. */
function forChoosing(tensors: readonly Tensor[]): Tensor[] {
  const values = tensors.reduce((sum, { size, shape: [samples = 1] }) => sum + size / samples, 0);
  return firstSamples(tensors, Math.max(1, Math.min(CHOOSING.samples, Math.floor(CHOOSING.values / values))));
}

/** The passes with the settings that were asked for, or that did best on what the model is run on. */
async function prepared(
  model: Model,
  options: QuantizeOptions,
  ready: Runnable | undefined,
): ReturnType<typeof prepareQuantization> {
  const { dtype, plan, include, exclude, prepare, rounding, correction, trials, inputs } = options;
  const given = inputs === undefined ? undefined : ready;
  const samples = given && { runner: given.runner, inputs: forChoosing(given.tensors) };
  try {
    if (samples && trials !== false) progress('trying settings …');
    const judge = samples && trials !== false ? await sqnrJudge(model, samples) : undefined;
    return await prepareQuantization(model, {
      ...(dtype === undefined ? {} : { dtype }),
      ...(plan === undefined ? {} : { plan }),
      ...(include === undefined ? {} : { include }),
      ...(exclude === undefined ? {} : { exclude }),
      ...(prepare === undefined ? {} : { prepare }),
      ...(rounding === undefined ? {} : { rounding }),
      ...(correction === false ? { biasCorrection: 'none' as const } : {}),
      ...(samples ? { samples } : {}),
      ...(judge ? { judge } : {}),
    });
  } catch (error) {
    // Of patterns and budgets, which the user gave.
    throw error instanceof RangeError ? new UsageError(error.message) : error;
  }
}

/**
 * Runs the passes, with proof for carrying: what the later ones change is in the numbers of the files. Where nothing can be
 * run, each pass has its reason.
 */
async function runQuantization(
  model: Model,
  passes: readonly QuantizePass[],
  { ready, isRun }: { readonly ready: Ready | undefined; readonly isRun: boolean },
): Promise<{
  readonly records: QuantizeReport['passes'];
  readonly proof: ProofReport | null;
  readonly unrounded: Model;
}> {
  let unrounded = model.clone();
  const before = (pass: string): void => {
    progress(`${pass} …`);
    if (pass === 'pack') unrounded = model.clone();
  };
  const proven = isRun ? passes.filter(({ name }) => name === 'carry') : passes;
  const { records, proof } = await runWithProof(model, proven, {
    ready: ready && 'runner' in ready ? forProof(ready) : ready,
    watch: { before },
  });
  const others = await runPasses(model, passes.slice(proven.length), { before });
  return { records: [...records, ...others], proof, unrounded };
}

/** Whoever did not name the inputs is told where they come from when they are of no use. */
async function readyWith(
  model: Model,
  options: QuantizeOptions,
  isFound: boolean,
): Promise<Ready | undefined> {
  try {
    return await readyToRun(model, withLabels(options, SEEDED_SAMPLES));
  } catch (error) {
    const [found] = options.inputs ?? [];
    if (!isFound || found === undefined || !(error instanceof CrosslayerError)) throw error;
    throw new FormatError(
      found,
      '',
      `${error.message.replace(found, '').replace(/^[: ]+/, '')}; it lies beside the model, which is run on it: mend it, or ` +
        'name other inputs (--inputs)',
      { cause: error },
    );
  }
}

/**
 * Undefined where it cannot be run; the proof says why.
 *
 * @throws UnsupportedModelError where labels are none of its classes, while nothing is written yet.
 */
async function runOriginal(model: Model, ready: Runnable): Promise<ModelRun | undefined> {
  const { runner, tensors, labels, labelsSource } = ready;
  progress('running the original');
  try {
    const run = await recordRun(model, { runner, inputs: tensors });
    if (labels) accuracyOf(run, labels, labelsSource);
    return run;
  } catch (error) {
    if (error instanceof CannotRunError) return undefined;
    throw error;
  }
}

function forProof(ready: Runnable): Runnable {
  const { tensors, description } = ready;
  const samples = tensors[0]?.shape[0] ?? 0;
  if (samples <= PROOF_SAMPLES) return ready;
  return {
    ...ready,
    tensors: firstSamples(tensors, PROOF_SAMPLES),
    description: `${description}, the first ${PROOF_SAMPLES} of them`,
  };
}

/** Whether all that could be seen was seen, and was as it should be. */
function isTrusted({ verification, check }: QuantizeReport): boolean {
  return verification !== null && isProven(verification) && check !== null && isSameByTfjs(check.tfjs);
}
