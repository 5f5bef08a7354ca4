/**
 * What is left of a network once it runs on integers, kernels and tensors in 8 bits.
 *
 * @module
 */

import { correctBias } from '../../src/equalization/biases/bias-correction.ts';
import { capActivations } from '../../src/equalization/caps/relu6-caps.ts';
import { activationMoments } from '../../src/equalization/moments/activation-moments.ts';
import {
  cancellingQuantizer,
  quantizeKernels,
} from '../../src/equalization/rounding/cancelling-quantizer.ts';
import { scaleRegions } from '../../src/equalization/scaling/scale-regions.ts';
import type { Model } from '../../src/model/model.ts';
import { foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
import { QUANTIZER_PRESETS, type WeightQuantizer } from '../../src/quantization/quantizer.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { accuracyOf } from '../../src/verification/comparing/accuracy.ts';
import { compareRuns } from '../../src/verification/comparing/compare-runs.ts';
import { type IntegerModel, integerModel } from '../../src/verification/comparing/integer-model.ts';
import { type ModelRun, recordRun } from '../../src/verification/comparing/model-run.ts';
import { inputRanges } from '../../src/verification/inputs/input-ranges.ts';
import type { Normalization } from '../../src/verification/inputs/normalization.ts';
import { seededInputs } from '../../src/verification/inputs/seeded-inputs.ts';
import type { Bench } from './measure.ts';

/** A way from a network to a whole-integer model. */
export interface IntegerRecipe {
  readonly name: string;
  readonly weights: WeightQuantizer;
  /** What factors are looked for; none where it is left out. */
  readonly factors?: 'kernels' | 'kernels and tensors';
  readonly corrects: boolean;
  readonly cancels: boolean;
}

const PER_TENSOR = QUANTIZER_PRESETS['int8-per-tensor-symmetric'];
const PER_CHANNEL = QUANTIZER_PRESETS['int8-per-channel'];

/** All of them, in the order of the tables. */
export const INTEGER_RECIPES: readonly IntegerRecipe[] = [
  { name: 'per tensor: folded', weights: PER_TENSOR, corrects: false, cancels: false },
  { name: 'folded, biases corrected', weights: PER_TENSOR, corrects: true, cancels: false },
  {
    name: 'factors for kernels alone',
    weights: PER_TENSOR,
    factors: 'kernels',
    corrects: true,
    cancels: false,
  },
  {
    name: 'factors for kernels and tensors',
    weights: PER_TENSOR,
    factors: 'kernels and tensors',
    corrects: true,
    cancels: false,
  },
  {
    name: 'the same, cancelling rounding',
    weights: PER_TENSOR,
    factors: 'kernels and tensors',
    corrects: true,
    cancels: true,
  },
  { name: 'per channel: folded', weights: PER_CHANNEL, corrects: false, cancels: false },
  { name: 'folded, biases corrected', weights: PER_CHANNEL, corrects: true, cancels: false },
  { name: 'the same, cancelling rounding', weights: PER_CHANNEL, corrects: true, cancels: true },
  {
    name: 'the same, kernels of 6 bits',
    weights: { ...PER_CHANNEL, bits: 6 },
    corrects: true,
    cancels: true,
  },
  {
    name: 'the same, kernels of 4 bits',
    weights: { ...PER_CHANNEL, bits: 4 },
    corrects: true,
    cancels: true,
  },
];

/** How near a run comes to the float original. */
export interface Nearness {
  readonly top1: number;
  readonly sqnrDb: number;
  /** On labelled inputs. */
  readonly accuracy: number | undefined;
}

/** What a recipe leaves of a network. */
export interface IntegerResult {
  readonly recipe: string;
  /** With ranges from statistics, and with those on the inputs themselves. */
  readonly expected: Nearness;
  readonly measured: Nearness;
  /** Parts of the first alone: kernels, what tensors are rounded by, what they are cut off by. */
  readonly kernels: Nearness;
  readonly rounding: Nearness;
  readonly clipping: Nearness;
}

/** A tensor on its grid and everything else in float. */
export interface WorstTensor {
  readonly path: string;
  readonly roundingDb: number;
  readonly clippingDb: number;
}

/** The network, what it is run on, and what is known of that. */
export interface IntegerBench extends Bench {
  readonly normalization: Normalization | undefined;
  readonly labels?: Int32Array;
  /** What ranges are measured on instead of the inputs. */
  readonly calibrating?: readonly Tensor[] | undefined;
}

/** Measures each recipe against the float original. */
export async function measureIntegers(
  original: Model,
  recipes: readonly IntegerRecipe[],
  bench: IntegerBench,
): Promise<IntegerResult[]> {
  const float = await recordRun(original, bench);
  const rows: IntegerResult[] = [];
  for (const recipe of recipes) {
    const prepared = prepare(original, recipe);
    const near = async (model: IntegerModel, parts?: Parameters<IntegerModel['record']>[1]) =>
      nearness(float, await model.record(bench, parts), bench.labels);
    const { runner, inputs, batchSize, calibrating = inputs } = bench;
    // Kernels of fewer bits are on their grids already, which are none of int8 kernels.
    const own = recipe.weights.bits === 8 ? {} : { kernels: false };
    const measured = await integerModel(prepared.quantized, {
      weights: int8(recipe),
      samples: { runner, inputs: calibrating, batchSize },
    });
    const expected = await expectedModel(prepared.quantized, original, recipe, bench);
    // The float model with its biases as they are, on the same grids.
    const inFloat = await expectedModel(prepared.float, original, recipe, bench);
    rows.push({
      recipe: recipe.name,
      expected: await near(expected, own),
      measured: await near(measured, own),
      kernels: await near(expected, { ...own, rounding: false, clipping: false }),
      rounding: await near(inFloat, { kernels: false, clipping: false }),
      clipping: await near(inFloat, { kernels: false, rounding: false }),
    });
    process.stderr.write(`  ${JSON.stringify(rows.at(-1))}\n`);
  }
  return rows;
}

/** The tensors that do most harm by themselves with expected ranges, the worst first. */
export async function worstTensors(
  original: Model,
  recipe: IntegerRecipe,
  bench: IntegerBench,
  count: number,
): Promise<WorstTensor[]> {
  const float = await recordRun(original, bench);
  const model = await expectedModel(prepare(original, recipe).float, original, recipe, bench);
  const found: WorstTensor[] = [];
  for (const [key, { path }] of model.ranges) {
    const only = (one: string): boolean => one === key;
    const alone = async (parts: object): Promise<number> =>
      nearness(float, await model.record(bench, { ...parts, only, kernels: false }), undefined).sqnrDb;
    const [roundingDb, clippingDb] = [await alone({ clipping: false }), await alone({ rounding: false })];
    found.push({ path, roundingDb, clippingDb });
  }
  const worse = ({ roundingDb, clippingDb }: WorstTensor): number => Math.min(roundingDb, clippingDb);
  return found.sort((one, other) => worse(one) - worse(other)).slice(0, count);
}

function expectedModel(
  model: Model,
  original: Model,
  recipe: IntegerRecipe,
  { runner, normalization }: IntegerBench,
): Promise<IntegerModel> {
  return integerModel(model, {
    weights: int8(recipe),
    inputRanges: inputRanges(original, normalization),
    standIns: { runner, inputs: seededInputs(original, { samples: 8 }) },
  });
}

function int8({ weights }: IntegerRecipe): WeightQuantizer {
  return { ...weights, bits: 8 };
}

/** The network with its factors, and with biases and kernels for the integers as well. */
function prepare(
  original: Model,
  { weights, factors, corrects, cancels }: IntegerRecipe,
): { readonly float: Model; readonly quantized: Model } {
  const float = original.clone();
  foldAllBatchNorms(float);
  if (factors) {
    const tensors = factors === 'kernels and tensors';
    const { bounded } = scaleRegions(float, { throughBounded: true, objective: 'least-noise', tensors });
    capActivations(float, bounded);
  }
  const quantized = float.clone();
  const moments = activationMoments(float);
  const kernelOf = cancels ? cancellingQuantizer(quantized, weights, moments) : undefined;
  if (corrects) correctBias(quantized, kernelOf ?? weights, moments);
  if (kernelOf) quantizeKernels(quantized, kernelOf);
  return { float, quantized };
}

function nearness(float: ModelRun, run: ModelRun, labels: Int32Array | undefined): Nearness {
  const [first] = compareRuns(float, run, { rtol: 0, atol: 0 }).outputs;
  if (!first) throw new Error('the outputs have other shapes');
  return {
    top1: first.top1Agreement ?? Number.NaN,
    sqnrDb: first.sqnrDb,
    accuracy: labels && accuracyOf(run, labels)?.accuracy,
  };
}
