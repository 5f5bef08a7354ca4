/**
 * `crosslayer quantize IN -o model.tflite`: a model in whole numbers, run by LiteRT once it is written.
 *
 * @module
 */

import { prepareEqualization } from '../../equalization/equalize.ts';
import type { EqualizeOptions } from '../../equalization/options.ts';
import {
  floatRecipe,
  integerQuantizer,
  integerRecipe,
  scalesOf,
} from '../../equalization/quantize-integers.ts';
import { CannotRunError, messageOf, OutputError, unlessCannotRun } from '../../errors.ts';
import { checkForTflite } from '../../formats/tflite/check-model.ts';
import { operatorsNotTaken } from '../../formats/tflite/hardware.ts';
import { layersInFloat, lowerPlan } from '../../formats/tflite/lower.ts';
import { withInputShapes } from '../../model/edit.ts';
import { inInference } from '../../model/in-inference.ts';
import type { Model } from '../../model/model.ts';
import { startBoth, startLitert } from '../../node/litert.ts';
import { fileBytes } from '../../node/loaded-files.ts';
import { isFolder, readWritten } from '../../node/open-files.ts';
import { checkFolder, refuseExisting } from '../../node/pending-output.ts';
import { saveTflite } from '../../node/tflite-file.ts';
import { runPasses } from '../../primitives/pass.ts';
import type { FloatPlan } from '../../quantization/integer/float-plan.ts';
import type { IntegerPlan } from '../../quantization/integer/integer-plan.ts';
import { type ReportSubject, reportSubject } from '../../report/html/report-subject.ts';
import { tfliteContent } from '../../report/html/tflite-content.ts';
import { gridOf, plainModel, plainText } from '../../report/plain-model.ts';
import { besideOriginal, checkTexts } from '../../report/run-check.ts';
import { countedOperators, type TfliteReport } from '../../report/tflite-report.ts';
import { works } from '../../report/tflite-texts.ts';
import { floatModel, integerModel } from '../../verification/comparing/integer-model.ts';
import type { ModelRun } from '../../verification/comparing/model-run.ts';
import { inputRanges } from '../../verification/inputs/input-ranges.ts';
import { seededInputs } from '../../verification/inputs/seeded-inputs.ts';
import { recordTflite } from '../../verification/litert/compare-tflite.ts';
import { TfjsRunner } from '../../verification/run/runner.ts';
import { forChoosing } from '../../verification/run/samples.ts';
import type { Runnable } from '../chosen-inputs.ts';
import { type CommandResult, EXIT, shownAs, tried } from '../command-result.ts';
import { checkHtmlOutput } from '../html-output.ts';
import { interruptible, interruptibleCheck } from '../interruptible.ts';
import { openModel } from '../opened-models.ts';
import { defined } from '../options.ts';
import { readSidecarOf } from '../sidecar.ts';
import { progress, SHOWN } from '../terminal.ts';
import { ClashError } from '../usage-error.ts';
import { inputsBeside, readyToQuantize, runOriginal } from './quantize-inputs.ts';
import type { QuantizeOptions } from './quantize-options.ts';
import { tfliteSummary } from './tflite-summary.ts';

/** Inputs made up for tensors of which no statistics tell. */
const STAND_INS = 8;

/** Writes the file, runs it, and tells what came of it. */
export async function quantizeToTflite(input: string, given: QuantizeOptions): Promise<CommandResult> {
  const { output, force = false, strict = false, float = false, allowFloat = false } = given;
  const io = given.io ?? (float ? 'float32' : 'int8');
  // Samples that lie beside the model are for proof; ranges are measured on what was named.
  const options = { ...given, ...inputsBeside(input, given) };
  progress.say(`reading ${input}`, 'read');
  const model = withShapes(await openModel(input), given);
  refuseOutput(output, force);
  const writeHtml = checkHtmlOutput(given);
  const notes: string[] = [];
  checkForTflite(model, { float, allowFloat, onNote: (note) => notes.push(note) });
  await readSidecarOf(model, options);
  const ready = await readyToQuantize(model, options, given.inputs === undefined);
  const runnable = ready && 'runner' in ready ? ready : undefined;
  let notRun = ready && 'reason' in ready ? await reasonForBoth(ready.reason) : null;
  const original =
    runnable &&
    (await runOriginal(model, runnable, (reason) => {
      notRun = reason;
    }));
  const { plan, prepared, unrounded, ...made } = await planned(model, options, {
    runnable,
    isMeasured: given.inputs !== undefined && original !== undefined,
  });
  progress.say(`writing ${output}`, 'write');
  const outputNames = plan.names.outputs.slice(0, model.outputs.length);
  const lowering = { io, allowFloat, outputNames };
  await interruptible(async (signal) => saveTflite(plan, output, { ...lowering, force, ...SHOWN, signal }));
  const failures: unknown[] = [];
  const bytes = readWritten(output);
  const { check, notVerified } =
    original && runnable
      ? await verified(model, { output, bytes, plan, original, ready: runnable, failures })
      : { check: null, notVerified: notRun };
  const graph = lowerPlan(plan, lowering);
  const report: TfliteReport = {
    ...{ schemaVersion: 1, ...scalesOf(options), float, io, ...made },
    bytes: { before: fileBytes(model), after: bytes.length },
    operators: countedOperators(graph.operators.map(({ op }) => op)),
    inFloat: float ? [] : layersInFloat(graph),
    // What a quantizer makes of a float file is what hardware has to take.
    notTaken: float ? [] : operatorsNotTaken(graph),
    ...{ check, notVerified, notes },
  };
  const subject = (): ReportSubject =>
    reportSubject(model, {
      ...{ before: plainModel(model, report.equalization.target), after: prepared, unrounded },
      quantizer: gridOf(report.equalization.target),
      hasTensors: true,
      labels: { before: plainText(report.equalization.target), after: 'made ready' },
    });
  await tried(failures, () => writeHtml?.(() => tfliteContent(report, subject())));
  return {
    ...shownAs(given.json, { ...report, output }, () => tfliteSummary(output, report)),
    exitCode: strict && !works(check) ? EXIT.checkFailed : EXIT.ok,
    verdict: [output, ...(check ? checkTexts(check) : ['not run'])].join(', '),
    failures,
  };
}

/** Why nothing is run; where that is for want of TF.js, LiteRT may be missing too. */
async function reasonForBoth(reason: string): Promise<string> {
  const runner = await unlessCannotRun(
    () => TfjsRunner.create(SHOWN),
    () => undefined,
  );
  if (runner) return reason;
  return unlessCannotRun(
    () => startBoth(SHOWN).then(() => reason),
    (both) => both,
  );
}

interface Planned extends Pick<TfliteReport, 'equalization' | 'ranges'> {
  readonly plan: FloatPlan | IntegerPlan;
  /** The model that was made ready, and that before its kernels were rounded. */
  readonly prepared: Model;
  readonly unrounded: Model;
}

/** The numbers of the file. */
async function planned(
  model: Model,
  options: QuantizeOptions,
  { runnable, isMeasured }: { readonly runnable: Runnable | undefined; readonly isMeasured: boolean },
): Promise<Planned> {
  if (options.float === true) {
    const { prepared, ...made } = await madeReady(model, floatRecipe({ ...options, ...SHOWN }));
    return { plan: floatModel(inInference(prepared)), prepared, ...made, ranges: [] };
  }
  const samples =
    isMeasured && runnable ? { runner: runnable.runner, inputs: forChoosing(runnable.tensors) } : undefined;
  const { weights, dense, rounding, correction, normalize } = options;
  const recipe = integerRecipe({
    ...defined({ weights, dense, rounding, samples }),
    ...SHOWN,
    ...(correction === false ? { biasCorrection: 'none' as const } : {}),
  });
  const { prepared, ...made } = await madeReady(model, recipe);
  const { plan, ranges } = await integerModel(inInference(prepared), {
    weights: integerQuantizer(options),
    inputRanges: inputRanges(model, normalize),
    ...defined({ samples }),
    ...SHOWN,
    // Nothing is started for a model whose statistics tell all.
    standIns: async () => ({
      runner: runnable?.runner ?? (await TfjsRunner.create(SHOWN)),
      inputs: seededInputs(model, { samples: STAND_INS, normalization: normalize }),
    }),
  });
  return { plan, prepared, ...made, ranges: [...ranges.values()] };
}

async function madeReady(
  model: Model,
  recipe: EqualizeOptions,
): Promise<Pick<Planned, 'prepared' | 'unrounded' | 'equalization'>> {
  const { copy, passes, settings } = await prepareEqualization(model, recipe);
  let unrounded = copy;
  const records = await runPasses(copy, passes, {
    ...SHOWN,
    before: (pass) => {
      if (pass === 'correct') unrounded = copy.clone();
    },
  });
  return { prepared: copy, unrounded, equalization: { ...settings, passes: records } };
}

function withShapes(model: Model, { inputShape }: QuantizeOptions): Model {
  if (inputShape === undefined) return model;
  try {
    return withInputShapes(model, inputShape);
  } catch (error) {
    throw error instanceof RangeError
      ? new ClashError(`--input-shape: ${error.message}`, ['inputShape'])
      : error;
  }
}

function refuseOutput(output: string, force: boolean): void {
  if (isFolder(output)) throw new OutputError(output, 'is a folder; name a file');
  checkFolder(output);
  if (!force) refuseExisting(output);
}

interface Written {
  readonly output: string;
  readonly bytes: Uint8Array;
  readonly plan: FloatPlan | IntegerPlan;
  readonly original: ModelRun;
  readonly ready: Runnable;
  readonly failures: unknown[];
}

/** Runs what was written, where LiteRT is installed. */
async function verified(
  model: Model,
  { output, bytes, plan, original, ready, failures }: Written,
): Promise<Pick<TfliteReport, 'check' | 'notVerified'>> {
  progress.say(`running ${output}`, 'run');
  let litert: Awaited<ReturnType<typeof startLitert>>;
  try {
    litert = await startLitert();
  } catch (error) {
    if (error instanceof CannotRunError) return { check: null, notVerified: messageOf(error) };
    throw error;
  }
  const check = await tried(failures, async () =>
    besideOriginal(
      original,
      await interruptibleCheck(output, (signal) =>
        recordTflite(model, { litert, name: output, bytes, plan, inputs: ready.tensors, ...SHOWN, signal }),
      ),
      ready,
    ),
  );
  return { check: check ?? null, notVerified: null };
}
