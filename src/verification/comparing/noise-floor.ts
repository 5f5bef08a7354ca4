import type { Model } from '../../model/model.ts';
import { isFloat } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { worstRelative } from './compare-outputs.ts';
import { compareRuns } from './compare-runs.ts';
import { type ModelRun, type RecordOptions, recordRun } from './model-run.ts';
import { FLOAT32_TOLERANCES } from './tolerances.ts';

/** The distance of neighbouring float32 numbers, as a part of them. */
const LAST_BIT = 2 ** -23;

/**
 * Edits round every weight where the inputs are changed once, so that a difference says nothing up to this many times what
 * the last bit of the inputs makes.
 */
const ROUNDINGS = 30;

/**
 * The difference up to which `model` tells nothing on these inputs, as a part of the largest value of an output: what becomes
 * of the last bit of the inputs, times the roundings of an edit. Untrained networks can blow it up to the size of their
 * outputs.
 *
 * @param run what the model made of the inputs as they are
 */
export async function noiseFloor(model: Model, run: ModelRun, options: RecordOptions): Promise<number> {
  const inputs = options.inputs.map(withLastBitChanged);
  const disturbed = await recordRun(model, { ...options, inputs });
  const { outputs } = compareRuns(run, disturbed, FLOAT32_TOLERANCES);
  return ROUNDINGS * worstRelative(outputs);
}

/** Every other value a little larger, the others a little smaller. */
function withLastBitChanged(tensor: Tensor): Tensor {
  if (!isFloat(tensor.dtype)) return tensor;
  const values = tensor.toFloat64();
  const changed = values.map((value, index) => value * (1 + (index % 2 === 0 ? LAST_BIT : -LAST_BIT)));
  return Tensor.fromNumbers(tensor.dtype, tensor.shape, changed);
}
