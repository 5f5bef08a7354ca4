/**
 * What is left of a network once its kernels are quantized.
 *
 * @module
 */

import type { Model } from '../../src/model/model.ts';
import type { ModelRunner } from '../../src/model/model-runner.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { accuracyOf } from '../../src/verification/comparing/accuracy.ts';
import { compareRuns } from '../../src/verification/comparing/compare-runs.ts';
import { type ModelRun, recordRun } from '../../src/verification/comparing/model-run.ts';
import { quantized, type Recipe } from './recipes.ts';

/** What a recipe leaves of the scores of the float original. */
export interface Agreement {
  readonly recipe: string;
  /** The share of inputs with the same largest class. */
  readonly top1: number;
  /** Of the logits, in dB. */
  readonly sqnrDb: number;
  /** The same before anything is quantized; not measured once more where only the biases are corrected as well. */
  readonly floatDb: number | undefined;
}

/** The accuracy of a recipe on labelled images, a number for each of the widths that were measured. */
export interface LabelledAccuracy {
  readonly recipe: string;
  readonly accuracies: readonly number[];
}

/** Inputs and what runs them. */
export interface Bench {
  readonly runner: ModelRunner;
  readonly inputs: readonly Tensor[];
  readonly batchSize: number;
}

/** Measures each recipe at its own width against the float original. */
export async function measureAgreement(
  original: Model,
  recipes: readonly Recipe[],
  bench: Bench,
): Promise<Agreement[]> {
  const expected = await recordRun(original, bench);
  const rows: Agreement[] = [];
  for (const recipe of recipes) {
    const prepared = original.clone();
    recipe.prepare(prepared);
    const float = recipe.corrects ? undefined : compared(expected, await recordRun(prepared, bench));
    const model = quantized(prepared, recipe, recipe.quantizer);
    const { top1Agreement, sqnrDb } = compared(expected, await recordRun(model, bench));
    rows.push({
      recipe: recipe.name,
      top1: top1Agreement ?? Number.NaN,
      sqnrDb,
      floatDb: float?.sqnrDb,
    });
    process.stderr.write(`  ${JSON.stringify(rows.at(-1))}\n`);
  }
  return rows;
}

function compared(expected: ModelRun, run: ModelRun): ReturnType<typeof compareRuns>['outputs'][number] {
  const [first] = compareRuns(expected, run, { rtol: 0, atol: 0 }).outputs;
  if (!first) throw new Error('the outputs have other shapes');
  return first;
}

/** Measures each recipe at each width on labelled images; the float accuracy comes first. */
export async function measureAccuracy(
  original: Model,
  recipes: readonly Recipe[],
  widths: readonly number[],
  { labels, ...bench }: Bench & { readonly labels: Int32Array },
): Promise<{ float: number; rows: LabelledAccuracy[] }> {
  const accuracy = async (model: Model): Promise<number> =>
    accuracyOf(await recordRun(model, bench), labels)?.accuracy ?? Number.NaN;
  const rows: LabelledAccuracy[] = [];
  for (const recipe of recipes) {
    const accuracies: number[] = [];
    const prepared = original.clone();
    recipe.prepare(prepared);
    for (const bits of widths) {
      accuracies.push(await accuracy(quantized(prepared, recipe, { ...recipe.quantizer, bits })));
    }
    rows.push({ recipe: recipe.name, accuracies });
    process.stderr.write(`  ${recipe.name}: ${accuracies.join(' ')}\n`);
  }
  return { float: await accuracy(original), rows };
}
