/**
 * Measures how the time of each step grows with a model; prints a list of {@link GrowthTimes} as JSON.
 *
 * @module
 */

import { integerQuantizer, integerRecipe } from '../../src/equalization/quantize-integers.ts';
import { expectedRanges } from '../../src/equalization/ranges/tensor-ranges.ts';
import { equalize, readModel, releaseModel, writeModelToMemory } from '../../src/index.ts';
import { integerPlan } from '../../src/quantization/integer/integer-plan.ts';
import { withRandomWeights } from '../networks/random-weights.ts';
import { type GrowthSize, residualBlocks } from '../networks/residual-blocks.ts';

/** Seconds of the processor. */
export interface StepTimes {
  /** From the bytes of a `.keras` file, without the weights, which are read when they are needed. */
  readonly read: number;
  /** For a whole-integer model of one range a kernel, with kernels rounded to nearest. */
  readonly equalize: number;
  /** The ranges of its tensors by its statistics, and all its numbers. */
  readonly plan: number;
}

/** The least of the rounds. */
export interface GrowthTimes extends GrowthSize, StepTimes {
  readonly parameters: number;
}

async function timed<Result>(step: () => Result | Promise<Result>): Promise<[Result, number]> {
  const start = process.cpuUsage();
  const result = await step();
  const { user, system } = process.cpuUsage(start);
  return [result, (user + system) / 1e6];
}

async function measure(bytes: Uint8Array): Promise<StepTimes> {
  const [model, read] = await timed(() => readModel(bytes));
  const recipe = integerRecipe({ weights: 'per-tensor', rounding: 'nearest' });
  const [{ model: ready }, equalizing] = await timed(() => equalize(model, recipe));
  const inputRanges = [{ min: 0, max: 1 }];
  const [, plan] = await timed(() =>
    integerPlan(ready, {
      weights: integerQuantizer({ weights: 'per-tensor' }),
      ranges: expectedRanges(ready, { inputRanges }),
    }),
  );
  releaseModel(model);
  return { read, equalize: equalizing, plan };
}

const [sizesText = '[]', rounds = '3'] = process.argv.slice(2);
const sizes: GrowthSize[] = JSON.parse(sizesText);
const results: GrowthTimes[] = [];
for (const size of sizes) {
  const model = withRandomWeights(residualBlocks(size));
  const { files } = await writeModelToMemory(model, { format: 'keras-v3' });
  const [bytes = new Uint8Array()] = files.values();
  // The first is to warm up.
  const runs: StepTimes[] = [];
  for (let round = 0; round <= Number(rounds); round++) runs.push(await measure(bytes));
  const least = (step: keyof StepTimes): number => Math.min(...runs.slice(1).map((run) => run[step]));
  results.push({
    ...{ ...size, parameters: model.parameterCount },
    ...{ read: least('read'), equalize: least('equalize'), plan: least('plan') },
  });
}
process.stdout.write(JSON.stringify(results));
