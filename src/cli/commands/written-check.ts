/**
 * The written files of a TF.js model, read again and run: by this package layer by layer, and by TF.js itself.
 *
 * @module
 */

import { CannotRunError } from '../../errors.ts';
import { type ByteSource, readAll } from '../../formats/bytes.ts';
import type { Model } from '../../model/model.ts';
import { withLayersScript } from '../../node/layers-script.ts';
import { openModelFiles } from '../../node/open-files.ts';
import type { WrittenCheck } from '../../report/quantize-report.ts';
import { besideOriginal } from '../../report/run-check.ts';
import { largestOf } from '../../tensor/extremes.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { compareOutputs } from '../../verification/comparing/compare-outputs.ts';
import { type ModelRun, recordRun } from '../../verification/comparing/model-run.ts';
import { LAYERS_SCRIPT } from '../../verification/run/layers-script-for.ts';
import { CannotOpenError, runWithTfjs } from '../../verification/run/run-with-tfjs.ts';
import { firstSamples } from '../../verification/run/samples.ts';
import type { Runnable } from '../chosen-inputs.ts';

/** Samples that TF.js itself runs: that it decodes and computes the same shows on a few. */
const RUN_BY_TFJS = 2;

/**
 * Runs the written model on what `original` was run on, and by TF.js behind the script beside it where there is to be one.
 *
 * @param written the model that was read from `output`
 */
export async function checkWritten(
  written: Model,
  original: ModelRun,
  ready: Runnable,
  {
    output,
    hasScript,
    signal,
  }: { readonly output: string; readonly hasScript: boolean; readonly signal: AbortSignal },
): Promise<WrittenCheck> {
  const { runner, tensors } = ready;
  const run = await recordRun(written, { runner, inputs: tensors, signal });
  const { inputs, ...shown } = besideOriginal(original, run, ready);
  return {
    inputs,
    backend: runner.backend,
    ...shown,
    tfjs: await besideTfjs(output, run.outputs, ready, hasScript),
  };
}

async function besideTfjs(
  output: string,
  made: readonly Tensor[],
  { runner, tensors }: Runnable,
  hasScript: boolean,
): Promise<WrittenCheck['tfjs']> {
  const files = openModelFiles(output);
  try {
    const few = firstSamples(tensors, RUN_BY_TFJS);
    const script = hasScript ? files.open(LAYERS_SCRIPT) : undefined;
    const predict = () => runWithTfjs(files, few, { backend: runner.backend });
    const outputs = await (script ? withLayersScript(textOf(script), predict) : predict());
    const ours = firstSamples(made, RUN_BY_TFJS);
    return {
      ...(script ? { script: LAYERS_SCRIPT } : {}),
      maxRelative: largestOf(
        outputs.map((one, index) => difference(one, ours[index])),
        0,
      ),
    };
  } catch (error) {
    if (error instanceof CannotRunError) {
      return { reason: error.message, opens: !(error instanceof CannotOpenError) };
    }
    throw error;
  } finally {
    files.close();
  }
}

function textOf(source: ByteSource): string {
  return new TextDecoder().decode(readAll(source));
}

/** `max |a - b| / max |a|`; infinite where the outputs are not of one shape. */
function difference(one: Tensor, other: Tensor | undefined): number {
  const isAlike = one.shape.join() === other?.shape.join();
  return isAlike ? compareOutputs(one, other).maxRelative : Infinity;
}
