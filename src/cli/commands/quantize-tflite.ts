/**
 * `crosslayer quantize IN -o model.tflite`: a model in whole numbers, run by LiteRT once it is written.
 *
 * @module
 */

import { equalize } from '../../equalization/equalize.ts';
import { integerQuantizer, integerRecipe } from '../../equalization/quantize-integers.ts';
import { CannotRunError, messageOf, OutputError } from '../../errors.ts';
import { checkForTflite } from '../../formats/tflite/check-model.ts';
import { operatorsNotTaken } from '../../formats/tflite/hardware.ts';
import { lowerPlan } from '../../formats/tflite/lower.ts';
import { withInputShapes } from '../../model/edit.ts';
import type { Model } from '../../model/model.ts';
import { startLitert } from '../../node/litert.ts';
import { fileBytes } from '../../node/loaded-files.ts';
import { isFolder } from '../../node/open-files.ts';
import { refuseExisting } from '../../node/pending-output.ts';
import { readWritten, saveTflite } from '../../node/tflite-file.ts';
import { loadModel } from '../../node.ts';
import type { IntegerPlan } from '../../quantization/integer/integer-plan.ts';
import { reportJson } from '../../report/report-json.ts';
import { besideOriginal } from '../../report/run-check.ts';
import { countedOperators, type TfliteReport } from '../../report/tflite-report.ts';
import { integerModel } from '../../verification/comparing/integer-model.ts';
import type { ModelRun } from '../../verification/comparing/model-run.ts';
import { inputRanges } from '../../verification/inputs/input-ranges.ts';
import { seededInputs } from '../../verification/inputs/seeded-inputs.ts';
import { recordTflite } from '../../verification/litert/compare-tflite.ts';
import { TfjsRunner } from '../../verification/run/runner.ts';
import { forChoosing } from '../../verification/run/samples.ts';
import type { Runnable } from '../chosen-inputs.ts';
import { type CommandResult, EXIT, tried, UsageError } from '../command-result.ts';
import { interruptible } from '../interruptible.ts';
import { defined } from '../options.ts';
import { readSidecarOf } from '../sidecar.ts';
import { progress, progressDone } from '../terminal.ts';
import { inputsBeside, readyToQuantize, runOriginal } from './quantize-inputs.ts';
import type { QuantizeOptions } from './quantize-options.ts';
import { tfliteSummary } from './tflite-summary.ts';

/** Inputs made up for tensors of which no statistics tell. */
const STAND_INS = 8;

/** Writes the file, runs it, and tells what came of it. */
export async function quantizeToTflite(input: string, given: QuantizeOptions): Promise<CommandResult> {
  const { weights = 'per-channel', io = 'int8', output, force = false, strict = false } = given;
  // Samples that lie beside the model are for proof; ranges are measured on what was named.
  const options = { ...given, ...inputsBeside(input, given) };
  progress(`reading ${input}`);
  const model = withShapes(await loadModel(input), given);
  refuseOutput(output, force);
  checkForTflite(model);
  await readSidecarOf(model, options);
  const ready = await readyToQuantize(model, options, given.inputs === undefined);
  const runnable = ready && 'runner' in ready ? ready : undefined;
  const original = runnable && (await runOriginal(model, runnable));
  progress('preparing weights');
  const samples =
    given.inputs !== undefined && runnable
      ? { runner: runnable.runner, inputs: forChoosing(runnable.tensors) }
      : undefined;
  const { rounding, correction, normalize } = options;
  const recipe = integerRecipe({
    weights,
    ...defined({ rounding, samples }),
    ...(correction === false ? { biasCorrection: 'none' as const } : {}),
  });
  const { model: prepared, report: equalization } = await equalize(model, recipe);
  progress('ranges of tensors');
  const whole = await integerModel(prepared, {
    weights: integerQuantizer(weights),
    inputRanges: inputRanges(model, normalize),
    ...defined({ samples }),
    standIns: {
      runner: runnable?.runner ?? (await TfjsRunner.create()),
      inputs: seededInputs(model, { samples: STAND_INS, normalization: normalize }),
    },
  });
  const { plan } = whole;
  progress(`writing ${output}`);
  const lowering = { io, outputNames: plan.names.outputs.slice(0, model.outputs.length) };
  await interruptible(async (signal) => saveTflite(plan, output, { ...lowering, force, signal }));
  const failures: unknown[] = [];
  const bytes = readWritten(output);
  const { check, notVerified } =
    original && runnable
      ? await verified(model, { output, bytes, plan, original, ready: runnable, failures })
      : { check: null, notVerified: ready && 'reason' in ready ? ready.reason : null };
  const graph = lowerPlan(plan, lowering);
  const report: TfliteReport = {
    ...{ schemaVersion: 1, weights, io, equalization, ranges: [...whole.ranges.values()] },
    bytes: { before: fileBytes(model), after: bytes.length },
    operators: countedOperators(graph.operators.map(({ op }) => op)),
    notTaken: operatorsNotTaken(graph),
    ...{ check, notVerified },
  };
  progressDone();
  return {
    lines: given.json === true ? [reportJson(report)] : tfliteSummary(output, report),
    exitCode: strict && check === null ? EXIT.checkFailed : EXIT.ok,
    failures,
  };
}

function withShapes(model: Model, { inputShape }: QuantizeOptions): Model {
  if (inputShape === undefined) return model;
  try {
    return withInputShapes(model, inputShape);
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`--input-shape: ${error.message}`) : error;
  }
}

function refuseOutput(output: string, force: boolean): void {
  if (isFolder(output)) throw new OutputError(output, 'is a folder; name a file');
  if (!force) refuseExisting(output);
}

interface Written {
  readonly output: string;
  readonly bytes: Uint8Array;
  readonly plan: IntegerPlan;
  readonly original: ModelRun;
  readonly ready: Runnable;
  readonly failures: unknown[];
}

/** Runs what was written, where LiteRT is installed. */
async function verified(
  model: Model,
  { output, bytes, plan, original, ready, failures }: Written,
): Promise<Pick<TfliteReport, 'check' | 'notVerified'>> {
  progress(`running ${output}`);
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
      await recordTflite(model, { litert, name: output, bytes, plan, inputs: ready.tensors }),
      ready,
    ),
  );
  return { check: check ?? null, notVerified: null };
}
