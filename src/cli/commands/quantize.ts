import type { Command } from 'commander';
import { CannotRunError, CrosslayerError, FormatError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import { fileBytes } from '../../node/loaded-files.ts';
import { checkOutput, closeModel, loadModel, type SaveOptions, saveModel } from '../../node.ts';
import { layersQuantizedBefore } from '../../quantization/packing/quantized-before.ts';
import { weightBytes } from '../../quantization/packing/weight-bytes.ts';
import type { StepVerification } from '../../report/equalize-report.ts';
import { quantizeContent } from '../../report/html/quantize-content.ts';
import { reportSubject } from '../../report/html/report-subject.ts';
import { runWithProof } from '../../report/proven-run.ts';
import { isSameByTfjs, type QuantizeReport, quantizeReport } from '../../report/quantize-report.ts';
import { reportJson } from '../../report/report-json.ts';
import { accuracyOf } from '../../verification/comparing/accuracy.ts';
import { type ModelRun, recordRun } from '../../verification/comparing/model-run.ts';
import { firstSamples } from '../../verification/run/samples.ts';
import { type Ready, type Runnable, readyToRun, withLabels } from '../chosen-inputs.ts';
import { type CommandResult, EXIT, end } from '../command-result.ts';
import { checkHtmlOutput } from '../html-output.ts';
import { interruptible } from '../interruptible.ts';
import { isProven } from '../proof-lines.ts';
import { readSidecarOf } from '../sidecar.ts';
import { progress, progressDone } from '../terminal.ts';
import {
  checkQuantizeOptions,
  inputsBeside,
  type QuantizeOptions,
  quantizeOptions,
  SEEDED_SAMPLES,
} from './quantize-options.ts';
import { type QuantizeRecipe, quantizeRecipe } from './quantize-recipe.ts';
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
  const bytesBefore = weightBytes(model);
  // Kernels that are on their grid already stay there, and so do the biases that go with them.
  const keepCorrections = options.prepare !== true && layersQuantizedBefore(model).length > 0;
  const read = await readSidecarOf(model, { ...options, keepCorrections });
  const before = model.clone();
  const ready = await readyWith(model, options, given.inputs === undefined);
  const runnable = ready && 'runner' in ready ? ready : undefined;
  const original = runnable && (await runOriginal(model, runnable));
  const { stages, record } = await quantizeRecipe(model, options, original && runnable);
  const { verification, unrounded } = await runStages(model, stages, {
    ready,
    isRun: original !== undefined,
  });
  progress(`writing ${options.output}`);
  const written = await interruptible((signal) =>
    saveModel(model, options.output, { ...saveOptions, signal }),
  );
  progress(`running ${options.output}`);
  const check = original && runnable ? await checkWritten(options.output, original, runnable) : null;
  const filesAfter = await bytesOfFiles(options.output);
  const bytes = { before: bytesBefore, filesBefore: fileBytes(model), filesAfter };
  const sidecar = { read, measured: [], written: null };
  const report = {
    ...quantizeReport(model, record(), { bytes, verification: verification ?? null, check, ...written }),
    sidecar,
  };
  writeHtml?.(() => {
    const labels = { before: 'as it is', after: 'quantized' };
    const shown = { before, after: model, unrounded, quantizer: 'tfjs-uint8', labels } as const;
    return quantizeContent(report, reportSubject(before, shown));
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

/**
 * Runs the stages, with proof for carrying: what the later ones change is in the numbers of the files. Where nothing can be
 * run, each stage has its reason.
 */
async function runStages(
  model: Model,
  stages: QuantizeRecipe['stages'],
  { ready, isRun }: { readonly ready: Ready | undefined; readonly isRun: boolean },
): Promise<{ readonly verification: StepVerification | undefined; readonly unrounded: Model }> {
  let unrounded = model.clone();
  const before = (stage: string): void => {
    progress(`${stage} …`);
    if (stage === 'pack') unrounded = model.clone();
  };
  const proven = isRun ? stages.filter(({ name }) => name === 'carry') : stages;
  const verification = await runWithProof(model, proven, {
    ready: ready && 'runner' in ready ? forProof(ready) : ready,
    watch: { before },
  });
  for (const stage of stages.slice(proven.length)) {
    before(stage.name);
    await stage.run();
  }
  return { verification, unrounded };
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
