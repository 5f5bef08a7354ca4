/**
 * Runs models as they compute with quantized kernels and tensors.
 *
 * @module
 */

import { expectedRanges, type TensorRangeOptions } from '../../equalization/ranges/tensor-ranges.ts';
import { buildGraph, tensorKey } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import { isInt8 } from '../../quantization/integer/integer-plan.ts';
import { hasFloats } from '../../quantization/integer/whole-numbers.ts';
import {
  QuantizationSimModel,
  type QuantizationSimOptions,
} from '../../quantization/simulation/quantization-sim-model.ts';
import { quantizedActivations } from '../../quantization/simulation/quantizer-placement.ts';
import { integerModel } from './integer-model.ts';
import { withLogits } from './logits.ts';
import { type ModelRun, modelRun, type RecordOptions } from './model-run.ts';

/** What kernels and tensors are put on. */
export type Grids = Required<QuantizationSimOptions>;

/** How a model is run on grids. */
export interface GridRunOptions extends RecordOptions, Pick<TensorRangeOptions, 'inputRanges'> {
  readonly grids: Grids;
  /** Where the ranges of tensors are from: the statistics of batch norms, or the inputs. */
  readonly ranges: 'statistics' | 'measured';
}

/** A run on grids. */
export interface GridRun {
  readonly run: ModelRun;
  /** The layers that make the tensors of which statistics do not tell the range, so that the inputs had to; by their paths. */
  readonly measured: readonly string[];
}

/** Whether {@link recordOnGrids} runs the whole-integer model: int8 kernels, and tensors with any 256 codes. */
export function isWholeInteger({ weights, activations }: Grids): boolean {
  return isInt8(weights) && activations.bits === 8 && !activations.symmetric;
}

/**
 * Runs a model for `compareRuns`, with its logits, as it computes on grids: as its whole-integer model where there is one, else
 * as AIMET's simulation places grids, with float biases.
 *
 * @throws InvalidModelError as `integerModel` and `QuantizationSimModel` do; what the runner throws.
 */
export function recordOnGrids(model: Model, options: GridRunOptions): Promise<GridRun> {
  return isWholeInteger(options.grids) ? recordIntegers(model, options) : recordSimulated(model, options);
}

async function recordIntegers(
  model: Model,
  { runner, inputs, batchSize, grids, inputRanges, ranges }: GridRunOptions,
): Promise<GridRun> {
  const samples = { runner, inputs, ...(batchSize === undefined ? {} : { batchSize }) };
  const integers = await integerModel(model, {
    weights: grids.weights,
    ...(inputRanges ? { inputRanges } : {}),
    ...(ranges === 'measured' ? { samples } : { standIns: samples }),
  });
  const measured = [...integers.ranges.values()].filter(({ source }) => source === 'stand-ins');
  return { run: await integers.record(samples), measured: measured.map(({ path }) => path) };
}

async function recordSimulated(
  model: Model,
  { runner, inputs, batchSize, grids, inputRanges, ranges }: GridRunOptions,
): Promise<GridRun> {
  const { model: extended, sources } = withLogits(model);
  const sim = new QuantizationSimModel(extended, grids);
  const options = batchSize === undefined ? {} : { batchSize };
  const tensors = [...quantizedActivations(buildGraph(sim.model))];
  const expected = ranges === 'statistics' ? expectedRanges(sim.model, { inputRanges }) : new Map();
  const unknown = tensors.filter((tensor) => hasFloats(tensor) && !expected.has(tensorKey(tensor)));
  if (unknown.length > 0) await sim.computeEncodings(runner, inputs, options);
  if (ranges === 'statistics') sim.setRanges(expected);
  const run = modelRun(model, sources, await sim.run(runner, inputs, options));
  const measured = ranges === 'statistics' ? unknown : [];
  return { run, measured: measured.map(({ producer }) => producer?.path ?? '') };
}
