import type { LowerOptions } from '../formats/tflite/lower.ts';
import { writeTflite } from '../formats/tflite/write-plan.ts';
import type { FloatPlan } from '../quantization/integer/float-plan.ts';
import type { IntegerPlan } from '../quantization/integer/integer-plan.ts';
import { writeWhole } from './pending-output.ts';

/** How a `.tflite` file is written to disk. */
export interface SaveTfliteOptions extends LowerOptions {
  /** Whether a file that exists is replaced; otherwise it is an `OutputError`. */
  readonly force?: boolean;
  /** Stops the write when it is aborted: nothing is left behind. */
  readonly signal?: AbortSignal;
}

/**
 * Writes the `.tflite` file of a model in whole numbers, or in float, under a temporary name, and gives it its own when it is complete.
 *
 * @throws OutputError where it cannot be written, and what `writeTflite` throws; then nothing is left behind.
 */
export function saveTflite(
  plan: FloatPlan | IntegerPlan,
  name: string,
  options: SaveTfliteOptions = {},
): void {
  const { force = false, signal, ...lowering } = options;
  const bytes = writeTflite(plan, lowering);
  writeWhole(name, bytes, { force, signal });
}
