import type { Judge } from '../../equalization/options.ts';
import type { Model } from '../../model/model.ts';
import { compareRuns } from '../comparing/compare-runs.ts';
import { type RecordOptions, recordRun } from '../comparing/model-run.ts';

/** With what models are judged. */
export interface SqnrJudgeOptions extends RecordOptions {
  /** See {@link Judge.margin}; 0.5 dB where it is left out. */
  readonly margin?: number;
}

const MARGIN = 0.5;

/**
 * A judge for `equalize`: the SQNR of the scores (logits, where outputs end in a softmax) against those of `original`, which
 * is run once.
 *
 * @throws CannotRunError and RangeError as `ModelRunner.run` does.
 */
export async function sqnrJudge(original: Model, options: SqnrJudgeOptions): Promise<Judge> {
  const expected = await recordRun(original, options);
  const judge: Judge['judge'] = async (model, grids) => {
    const run = await recordRun(model, grids ? { ...options, grids } : options);
    const { outputs } = compareRuns(expected, run, { rtol: 0, atol: 0 });
    const [worst] = [...outputs].sort((one, other) => one.sqnrDb - other.sqnrDb);
    return { sqnrDb: worst?.sqnrDb ?? Number.NEGATIVE_INFINITY, top1Agreement: worst?.top1Agreement ?? null };
  };
  return { judge, margin: options.margin ?? MARGIN };
}
