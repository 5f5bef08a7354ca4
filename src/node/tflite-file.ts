import type { LowerOptions } from '../formats/tflite/lower.ts';
import { writeTflite } from '../formats/tflite/write-plan.ts';
import { stageOf, type WatchOptions } from '../model/progress.ts';
import type { FloatPlan } from '../quantization/integer/float-plan.ts';
import type { IntegerPlan } from '../quantization/integer/integer-plan.ts';
import { writeWhole } from './pending-output.ts';

/** How a `.tflite` file is written to disk. Its stage is `write`. */
export interface SaveTfliteOptions extends LowerOptions, WatchOptions {
  /** Whether a file that exists is replaced; otherwise it is an `OutputError`. */
  readonly force?: boolean;
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
  const { force = false, signal, onProgress, ...lowering } = options;
  const bytes = writeTflite(plan, lowering);
  const tell = stageOf({ signal, onProgress }, 'write');
  tell(0, bytes.length);
  writeWhole(name, bytes, { force, signal });
  tell(bytes.length, bytes.length);
}
