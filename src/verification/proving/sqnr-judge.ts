import type { Judge } from '../../equalization/options.ts';
import { InvalidModelError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import type { TensorRange } from '../../quantization/integer/range-grid.ts';
import { compareRuns } from '../comparing/compare-runs.ts';
import { type ModelRun, type RecordOptions, recordRun } from '../comparing/model-run.ts';
import { type Grids, isWholeInteger, recordOnGrids } from '../comparing/record-on-grids.ts';
import { inputRangesOn } from '../inputs/input-ranges.ts';
import type { Normalization } from '../inputs/normalization.ts';

/** With what models are judged. */
export interface SqnrJudgeOptions extends RecordOptions {
  /** See {@link Judge.margin}; 0.5 dB where it is left out. */
  readonly margin?: number;
  /** What becomes of the bytes of pictures, which decides the range of inputs; guessed where it is left out. */
  readonly normalization?: Normalization | undefined;
}

const MARGIN = 0.5;

/**
 * A judge for `equalize`: the SQNR of the scores (logits, where outputs end in a softmax) against those of `original`, which
 * is run once.
 *
 * Where tensors are on grids of 8 bits too, and kernels on strictly symmetric ones, the whole-integer model is judged, with the
 * ranges that statistics tell, and that inputs tell where they do not. With other grids tensors have the ranges that they have on
 * the inputs. One that cannot be put on grids, because of a weight that is NaN, say, is the worst.
 *
 * @throws CannotRunError and RangeError as `ModelRunner.run` does.
 */
export async function sqnrJudge(original: Model, options: SqnrJudgeOptions): Promise<Judge> {
  const expected = await recordRun(original, options);
  let pixels: (TensorRange | undefined)[] | undefined;
  const onGrids = (model: Model, grids: Grids): Promise<ModelRun | undefined> => {
    pixels ??= inputRangesOn(original, options.inputs, options.normalization);
    const ranges = isWholeInteger(grids) ? 'statistics' : 'measured';
    const run = recordOnGrids(model, { ...options, grids, ranges, inputRanges: pixels });
    return unlessInvalid(run.then((made) => made.run));
  };
  const judge: Judge['judge'] = async (model, grids) => {
    const run = grids ? await onGrids(model, grids) : await recordRun(model, options);
    const outputs = run ? compareRuns(expected, run, { rtol: 0, atol: 0 }).outputs : [];
    const [worst] = [...outputs].sort((one, other) => one.sqnrDb - other.sqnrDb);
    return { sqnrDb: worst?.sqnrDb ?? Number.NEGATIVE_INFINITY, top1Agreement: worst?.top1Agreement ?? null };
  };
  return { judge, margin: options.margin ?? MARGIN };
}

async function unlessInvalid(run: Promise<ModelRun>): Promise<ModelRun | undefined> {
  try {
    return await run;
  } catch (error) {
    if (error instanceof InvalidModelError) return undefined;
    throw error;
  }
}
