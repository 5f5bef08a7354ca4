import { quantizationStages } from '../../equalization/quantization-recipe.ts';
import { chooseQuantizeSettings } from '../../equalization/quantize.ts';
import type { QuantizeOptions as RecipeOptions } from '../../equalization/quantize-options.ts';
import type { Model } from '../../model/model.ts';
import type { quantizeReport } from '../../report/quantize-report.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { sqnrJudge } from '../../verification/proving/sqnr-judge.ts';
import { firstSamples } from '../../verification/run/samples.ts';
import type { Runnable } from '../chosen-inputs.ts';
import { UsageError } from '../command-result.ts';
import { progress } from '../terminal.ts';
import type { QuantizeOptions } from './quantize-options.ts';

/** What `crosslayer quantize` does to a model, and what it did. */
export interface QuantizeRecipe {
  readonly stages: ReturnType<typeof quantizationStages>['stages'];
  readonly record: () => Parameters<typeof quantizeReport>[1];
}

/** Given samples by which settings are chosen and means are measured: so many, or fewer where they are large. */
const CHOOSING = { samples: 512, values: 2 ** 23 } as const;

/** The samples go through the model all at once. */
function forChoosing(tensors: readonly Tensor[]): Tensor[] {
  const values = tensors.reduce((sum, { size, shape: [samples = 1] }) => sum + size / samples, 0);
  return firstSamples(tensors, Math.max(1, Math.min(CHOOSING.samples, Math.floor(CHOOSING.values / values))));
}

/** The recipe with the settings that were asked for, or that did best on what the model is run on. */
export async function quantizeRecipe(
  model: Model,
  options: QuantizeOptions,
  ready: Runnable | undefined,
): Promise<QuantizeRecipe> {
  const { dtype, plan, include, exclude, prepare, rounding, correction, trials, inputs } = options;
  const given = inputs === undefined ? undefined : ready;
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
