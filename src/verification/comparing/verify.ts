/**
 * Whether two models compute the same function, found out by running both.
 *
 * @module
 */

import { unlessCannotRun } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import type { ModelRunner } from '../../model/model-runner.ts';
import type { Shape } from '../../model/operation.ts';
import { count, dimensionsText } from '../../text/numbers.ts';
import {
  aboveFloor,
  compareRoundedRuns,
  compareRuns,
  type RunComparison,
  withoutOutputs,
} from './compare-runs.ts';
import { type ModelRun, type RecordOptions, recordRun } from './model-run.ts';
import { noiseFloor } from './noise-floor.ts';
import { layersRounded } from './rounded-kernels.ts';
import { type DefaultTolerances, defaultTolerances, LEAST_SQNR_DB, roundedTolerances } from './tolerances.ts';

/** How two models are compared. */
export interface VerifyOptions extends RecordOptions {
  /** What the inputs are, in words, for the report. */
  readonly inputsDescription?: string;
  /** What to call the samples. */
  readonly sampleNames?: readonly string[];
  /** The difference allowed as a part of the largest value of an output; by the type of the edited weights if left out. */
  readonly rtol?: number;
  /** The difference allowed besides; 1e-7 where it is left out. */
  readonly atol?: number;
}

/**
 * What {@link verify} found: plain data, what `crosslayer verify --json` prints, where an infinite number is the text
 * `Infinity` or `-Infinity`.
 */
export interface VerifyReport extends RunComparison {
  readonly schemaVersion: 1;
  /** Number of samples that both models were run on. */
  readonly samples: number;
  /** Their names; empty where they have none. */
  readonly sampleNames: readonly string[];
  readonly inputsDescription: string;
  /** What computed: `wasm` or `cpu`; null for a runner that does not say. */
  readonly backend: string | null;
  readonly tolerances: DefaultTolerances;
  /** What decided in place of the tolerances where 8 bits are compared with floats: the SQNR that each output had to have. */
  readonly leastSqnrDb?: number;
}

/**
 * Runs `original` and `candidate` on the same inputs, one after the other, and compares their outputs by position: they
 * are the same where `max |a - b| <= atol + rtol * max |a|` holds for every output, `max` over all samples.
 *
 * Kernels that were rounded to 8 bits are not the same function. Without `rtol` and `atol` such a candidate passes where the SQNR
 * of each output is {@link LEAST_SQNR_DB} or more, as a `.tflite` file does.
 *
 * A difference between the inputs or outputs that the models have is a difference, and a model that cannot be run leaves
 * the question open; neither is an error.
 *
 * @throws RangeError where the inputs do not fit the models or a tolerance is negative; CrosslayerError where weights
 * cannot be read.
 */
export async function verify(
  original: Model,
  candidate: Model,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const tolerances = tolerancesFor(original, candidate, options);
  const report = (comparison: RunComparison): VerifyReport => ({
    schemaVersion: 1,
    ...comparison,
    samples: options.inputs[0]?.shape[0] ?? 0,
    sampleNames: options.sampleNames ?? [],
    inputsDescription: options.inputsDescription ?? '',
    backend: backendOf(options.runner),
    tolerances,
  });
  const mismatch = interfaceMismatch(original, candidate);
  if (mismatch !== undefined) return report(withoutOutputs('different', mismatch));
  // One after the other: the weights of both together may not fit into memory.
  const before = await runOrReason(original, 'the original', options);
  if (typeof before === 'string') return report(withoutOutputs('not-verified', before));
  const after = await runOrReason(candidate, 'the candidate', options);
  if (typeof after === 'string') return report(withoutOutputs('not-verified', after));
  const comparison = compareRuns(before, after, tolerances, options.sampleNames);
  if (comparison.verdict !== 'different' || comparison.outputs.length === 0) return report(comparison);
  const isAsked = options.rtol !== undefined || options.atol !== undefined;
  const rounded = isAsked ? [] : layersRounded(original, candidate);
  if (rounded.length === 0)
    return report(aboveFloor(comparison, await noiseFloor(original, before, options)));
  const byPower = compareRoundedRuns(before, after, LEAST_SQNR_DB, options.sampleNames);
  const note = `the kernels of ${count(rounded.length, 'layer')} were rounded to 8 bits; what that changes is judged by SQNR`;
  return {
    ...report({ ...byPower, notes: [...byPower.notes, note] }),
    tolerances: roundedTolerances('int8', {}),
    leastSqnrDb: LEAST_SQNR_DB,
  };
}

function tolerancesFor(original: Model, candidate: Model, { rtol, atol }: VerifyOptions): DefaultTolerances {
  for (const [name, value] of Object.entries({ rtol, atol })) {
    if (value !== undefined && !(value >= 0 && value < Infinity))
      throw new RangeError(`${name}: ${value} is no tolerance`);
  }
  const usual = defaultTolerances(original, candidate);
  return { ...usual, rtol: rtol ?? usual.rtol, atol: atol ?? usual.atol };
}

function runOrReason(model: Model, which: string, options: VerifyOptions): Promise<ModelRun | string> {
  return unlessCannotRun(
    () => recordRun(model, options),
    (reason) => `${which} cannot be run: ${reason}`,
  );
}

function backendOf(runner: ModelRunner): string | null {
  return 'backend' in runner && typeof runner.backend === 'string' ? runner.backend : null;
}

/** What differs in how the two models are called, as far as that is known without running them. */
function interfaceMismatch(original: Model, candidate: Model): string | undefined {
  for (const side of ['inputs', 'outputs'] as const) {
    const before = original[side].length;
    const after = candidate[side].length;
    if (before !== after) return `the original has ${before} ${side}, the candidate ${after}`;
  }
  for (const [index, { shape }] of original.inputs.entries()) {
    const other = candidate.inputs[index]?.shape;
    if (shape && other && !fits(shape, other)) {
      return `input ${index}: the original takes ${dimensionsText(shape)}, the candidate ${dimensionsText(other)}`;
    }
  }
  return undefined;
}

function fits(one: Shape, other: Shape): boolean {
  const isSameSize = (size: number | null, axis: number): boolean =>
    size === null || other[axis] === null || size === other[axis];
  return one.length === other.length && one.every((size, axis) => axis === 0 || isSameSize(size, axis));
}
