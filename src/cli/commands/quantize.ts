import fs from 'node:fs';
import type { WeightRounding } from '../../equalization/equalize-options.ts';
import { quantizationStages } from '../../equalization/quantization-recipe.ts';
import { chooseQuantizeSettings } from '../../equalization/quantize.ts';
import type { QuantizeOptions as RecipeOptions } from '../../equalization/quantize-options.ts';
import { CannotRunError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import { checkOutput, loadModel, type SaveOptions, saveModel } from '../../node.ts';
import { fileBytes } from '../../node-loaded-files.ts';
import type { PackedDType } from '../../quantization/packing.ts';
import { layersQuantizedBefore } from '../../quantization/quantized-before.ts';
import { weightBytes } from '../../quantization/weight-bytes.ts';
import { quantizeContent } from '../../report/html/quantize-content.ts';
import { reportSubject } from '../../report/html/report-subject.ts';
import { runWithProof } from '../../report/proven-run.ts';
import { type QuantizeReport, quantizeReport } from '../../report/quantize-report.ts';
import { reportJson } from '../../report/report-json.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type ModelRun, recordRun } from '../../verification/model-run.ts';
import { sqnrJudge } from '../../verification/sqnr-judge.ts';
import type { InputOptions } from '../chosen-inputs.ts';
import { type CheckResult, EXIT, UsageError } from '../exit-code.ts';
import { checkHtmlOutput } from '../html-output.ts';
import { interruptible } from '../interruptible.ts';
import { progress, progressDone } from '../render.ts';
import { readSidecarOf } from '../sidecar.ts';
import { isProven, type Ready, readyToRun } from '../verification.ts';
import { checkWritten, firstSamples } from '../written-check.ts';
import { quantizeSummary } from './quantize-summary.ts';

/** Options of `crosslayer quantize`. */
export interface QuantizeCommandOptions extends InputOptions {
  readonly output: string;
  readonly dtype?: PackedDType;
  /** Bytes that all weights may take. */
  readonly plan?: { readonly budget: number };
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly shardSize?: number;
  /** True with `--prepare`, false with `--no-prepare`. */
  readonly prepare?: boolean;
  readonly rounding?: WeightRounding;
  /** False with `--no-correction`. */
  readonly correction?: boolean;
  /** False with `--no-trials`. */
  readonly trials?: boolean;
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

/** Made-up samples where there are no real ones and `--samples` is left out. */
const SEEDED_SAMPLES = 16;
/** Samples on which carrying is proven; what the written files do is measured on all. */
const PROOF_SAMPLES = 4;
/** Given samples by which settings are chosen and means are measured: so many, or fewer where they are large. */
const CHOOSING = { samples: 512, values: 2 ** 23 } as const;

/** Runs `crosslayer quantize`. */
export async function quantizeCommand(input: string, given: QuantizeCommandOptions): Promise<CheckResult> {
  checkUsage(given);
  const options = { ...given, ...inputsBeside(input, given) };
  progress(`reading ${input}`);
  const model = await loadModel(input);
  const saveOptions: SaveOptions = {
    format: 'tfjs-layers',
    force: options.force === true,
    ...(options.shardSize === undefined ? {} : { shardBytes: options.shardSize }),
  };
  checkOutput(model, options.output, saveOptions);
  const writeHtml = await checkHtmlOutput(options);
  const bytesBefore = weightBytes(model);
  // Kernels that are on their grid already stay there, and so do the biases that go with them.
  const keepCorrections = options.prepare !== true && layersQuantizedBefore(model).length > 0;
  const read = await readSidecarOf(model, { ...options, keepCorrections });
  const ready = await readyToRun(model, inputOptions(options));
  const original = ready && 'runner' in ready ? await runOriginal(model, ready) : undefined;
  const { stages, record } = await recipe(model, options, original && ready);
  const before = model.clone();
  let unrounded = before;
  const watch = {
    before: (stage: string) => {
      progress(`${stage} …`);
      if (stage === 'pack') unrounded = model.clone();
    },
  };
  // What the later stages change is in the numbers of the files; where nothing can be run, each has its reason.
  const proven = original ? stages.filter(({ name }) => name === 'carry') : stages;
  const verification = await runWithProof(model, proven, {
    ready: ready && 'runner' in ready ? forProof(ready) : ready,
    watch,
  });
  for (const stage of stages.slice(proven.length)) {
    watch.before(stage.name);
    await stage.run();
  }
  progress(`writing ${options.output}`);
  const written = await interruptible((signal) =>
    saveModel(model, options.output, { ...saveOptions, signal }),
  );
  progress(`running ${options.output}`);
  const isRun = ready && 'runner' in ready && original;
  const check = isRun ? await checkWritten(options.output, original, ready) : null;
  const report: QuantizeReport = quantizeReport(model, record(), {
    bytes: {
      before: bytesBefore,
      filesBefore: fileBytes(model),
      filesAfter: await writtenBytes(options.output),
    },
    verification: verification ?? null,
    check,
    ...written,
  });
  const full = { ...report, sidecar: { read, measured: [], written: null } };
  await writeHtml?.(() => {
    const labels = { before: 'as it is', after: 'quantized' };
    const shown = { before, after: model, unrounded, quantizer: 'tfjs-uint8', labels } as const;
    return quantizeContent(full, reportSubject(before, shown));
  });
  progressDone();
  return {
    text: options.json === true ? reportJson(full) : quantizeSummary(options.output, full),
    exitCode: options.strict === true && !isTrusted(full) ? EXIT.checkFailed : EXIT.ok,
  };
}

function checkUsage({ output, prepare, rounding, ...options }: QuantizeCommandOptions): void {
  if (/\.(keras|h5|hdf5)$/i.test(output)) {
    throw new UsageError(
      `-o ${output}: packed weights are a TF.js model's; name a folder, or a .json, or see crosslayer equalize for Keras`,
    );
  }
  if (rounding !== undefined && prepare === false) {
    throw new UsageError(
      '--rounding: with --no-prepare kernels go to the nearest level; leave one of the two out',
    );
  }
  const { verify, strict, inputs, labels } = options;
  if (verify === false && (strict === true || inputs !== undefined)) {
    throw new UsageError(
      '--no-verify: without a run there is nothing for --strict and --inputs; leave them out',
    );
  }
  if (labels !== undefined && inputs === undefined) {
    throw new UsageError('--labels: only inputs from --inputs have labels; give them too');
  }
}

/** The samples that lie beside a model for trying it: `IN.samples.npz`. */
function inputsBeside(
  input: string,
  { inputs, verify }: QuantizeCommandOptions,
): Pick<QuantizeCommandOptions, 'inputs'> {
  const beside = `${input.replace(/(?<=.)[\\/]+$/, '')}.samples.npz`;
  return inputs === undefined && verify !== false && fs.existsSync(beside) ? { inputs: [beside] } : {};
}

function inputOptions(options: QuantizeCommandOptions): QuantizeCommandOptions {
  return options.inputs === undefined
    ? { ...options, samples: options.samples ?? SEEDED_SAMPLES }
    : { ...options, labels: options.labels ?? true };
}

type Runnable = Exclude<Ready, { readonly reason: string }>;

/** Undefined where it cannot be run; the proof says why. */
async function runOriginal(model: Model, { runner, tensors }: Runnable): Promise<ModelRun | undefined> {
  progress('running the original');
  try {
    return await recordRun(model, { runner, inputs: tensors });
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

/** The samples go through the model all at once. */
function forChoosing(tensors: readonly Tensor[]): Tensor[] {
  const values = tensors.reduce((sum, { size, shape: [samples = 1] }) => sum + size / samples, 0);
  return firstSamples(tensors, Math.max(1, Math.min(CHOOSING.samples, Math.floor(CHOOSING.values / values))));
}

async function recipe(
  model: Model,
  options: QuantizeCommandOptions,
  ready: Ready | undefined,
): Promise<{
  readonly stages: ReturnType<typeof quantizationStages>['stages'];
  readonly record: () => Parameters<typeof quantizeReport>[1];
}> {
  const { dtype, plan, include, exclude, prepare, rounding, correction, trials, inputs } = options;
  const given = inputs !== undefined && ready && 'runner' in ready ? ready : undefined;
  const samples = given && { runner: given.runner, inputs: forChoosing(given.tensors) };
  const wanted: RecipeOptions = {
    ...(dtype === undefined ? {} : { dtype }),
    ...(plan === undefined ? {} : { plan }),
    ...(include === undefined ? {} : { include }),
    ...(exclude === undefined ? {} : { exclude }),
    ...(prepare === undefined ? {} : { prepare }),
    ...(rounding === undefined ? {} : { rounding }),
    ...(correction === false ? { biasCorrection: 'none' as const } : {}),
    ...(samples ? { samples } : {}),
  };
  try {
    if (samples && trials !== false) progress('trying settings …');
    const judge = samples && trials !== false ? await sqnrJudge(model, samples) : undefined;
    const chosen = await chooseQuantizeSettings(model, { ...wanted, ...(judge ? { judge } : {}) });
    const { stages, record } = quantizationStages(model, chosen.options);
    return { stages, record: () => ({ ...record(), trials: chosen.trials }) };
  } catch (error) {
    // Of patterns and budgets, which the user gave.
    throw error instanceof RangeError ? new UsageError(error.message) : error;
  }
}

async function writtenBytes(output: string): Promise<number> {
  return fileBytes(await loadModel(output));
}

/** Whether all that could be seen was seen, and was as it should be. */
function isTrusted({ verification, check }: QuantizeReport): boolean {
  return verification !== null && isProven(verification) && check !== null && 'maxRelative' in check.tfjs;
}
