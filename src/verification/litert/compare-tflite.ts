/**
 * What a written `.tflite` file computes beside the float model that it was made from.
 *
 * @module
 */

import { FormatError } from '../../errors.ts';
import { lowerPlan } from '../../formats/tflite/lower.ts';
import { tfliteBytes } from '../../formats/tflite/write.ts';
import type { Model } from '../../model/model.ts';
import { type WatchOptions, watchOf } from '../../model/progress.ts';
import type { FloatPlan } from '../../quantization/integer/float-plan.ts';
import type { IntegerPlan } from '../../quantization/integer/integer-plan.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { compareOutputs } from '../comparing/compare-outputs.ts';
import { withLogits } from '../comparing/logits.ts';
import { type ModelRun, modelRun } from '../comparing/model-run.ts';
import { FLOAT32_TOLERANCES, isWithin } from '../comparing/tolerances.ts';
import { runTflite } from './run-tflite.ts';
import type { Litert } from './runtime.ts';

/** What was written, and what it is run on. */
export interface RecordTfliteOptions extends WatchOptions {
  readonly litert: Litert;
  /** For messages. */
  readonly name: string;
  /** The file. */
  readonly bytes: Uint8Array;
  /** The plan that it was made from, of `integerModel` or `floatModel`: with logits behind the outputs. */
  readonly plan: FloatPlan | IntegerPlan;
  readonly inputs: readonly Tensor[];
}

/**
 * Runs a written file for `compareRuns`. Logits, which it does not give, are those of a second file from the same plan, whose outputs
 * have to be the first's.
 *
 * @throws CannotRunError where LiteRT does not take it or prints an error; FormatError where the two differ.
 */
export async function recordTflite(model: Model, options: RecordTfliteOptions): Promise<ModelRun> {
  const { litert, name, bytes, plan, inputs } = options;
  const { sources } = withLogits(model);
  const made = await runTflite(litert, bytes, inputs, { name, ...watchOf(options) });
  const hasLogits = sources.some(({ kind }) => kind === 'logits');
  if (!hasLogits) return modelRun(model, sources, made);
  const whole = await runTflite(litert, tfliteBytes(lowerPlan(plan, { allowFloat: true })), inputs, {
    name,
    ...watchOf(options),
  });
  const isLike = 'tensors' in plan ? isSame : isClose;
  const other = made.findIndex((tensor, index) => !isLike(tensor, whole[index]));
  if (other >= 0) {
    throw new FormatError(
      name,
      `output ${other}`,
      'computes something else once its logits are outputs too; please report it',
    );
  }
  return modelRun(model, sources, whole);
}

/** Float kernels may add in another order where a tensor is an output. */
function isClose(one: Tensor, other: Tensor | undefined): boolean {
  return other !== undefined && isWithin(compareOutputs(one, other), FLOAT32_TOLERANCES);
}

function isSame(one: Tensor, other: Tensor | undefined): boolean {
  const [values, others] = [one.toFloat64(), other?.toFloat64()];
  // Floats and codes of 8 bits at the ends may be rounded apart, but not codes.
  return values.length === others?.length && values.every((value, index) => value === others[index]);
}
