import { beforeAll, describe, expect, it } from 'vitest';
import { equalize } from '../../../src/equalization/equalize.ts';
import type { Target } from '../../../src/equalization/options.ts';
import type { Model } from '../../../src/model/model.ts';
import { loadInputs, loadModel } from '../../../src/node.ts';
import { foldAllBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import { QUANTIZER_PRESETS } from '../../../src/quantization/quantizer.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { accuracyOf } from '../../../src/verification/comparing/accuracy.ts';
import { compareRuns } from '../../../src/verification/comparing/compare-runs.ts';
import { integerModel } from '../../../src/verification/comparing/integer-model.ts';
import { type ModelRun, recordRun } from '../../../src/verification/comparing/model-run.ts';
import { inputRanges } from '../../../src/verification/inputs/input-ranges.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';

const EXAMPLE = new URL('../../../examples/fashion-mobilenetv2.keras', import.meta.url).pathname;
const IMAGES = 500;

let runner: TfjsRunner;
let original: Model;
let inputs: Tensor[];
let labels: Int32Array;
let float: ModelRun;
beforeAll(async () => {
  runner = await TfjsRunner.create();
  original = await loadModel(EXAMPLE);
  const loaded = await loadInputs(original, [`${EXAMPLE}.samples.npz`], { normalization: 'tf' });
  inputs = loaded.tensors.map((tensor) => {
    const each = tensor.size / (tensor.shape[0] ?? 1);
    const values = tensor.toFloat64().subarray(0, IMAGES * each);
    return Tensor.fromNumbers('float32', [IMAGES, ...tensor.shape.slice(1)], values);
  });
  labels = loaded.labels?.subarray(0, IMAGES) ?? new Int32Array(0);
  float = await recordRun(original, { runner, inputs });
});

/** Accuracy on the images, and the SQNR of the logits against the float original, on integers and without data. */
async function onIntegers(
  model: Model,
  weights: 'int8-per-tensor-symmetric' | 'int8-per-channel',
): Promise<{ accuracy: number; sqnrDb: number }> {
  const integers = await integerModel(model, {
    weights: QUANTIZER_PRESETS[weights],
    inputRanges: inputRanges(original),
  });
  const run = await integers.record({ runner, inputs });
  const [output] = compareRuns(float, run, { rtol: 0, atol: 0 }).outputs;
  return { accuracy: accuracyOf(run, labels)?.accuracy ?? NaN, sqnrDb: output?.sqnrDb ?? NaN };
}

function folded(): Model {
  const model = original.clone();
  foldAllBatchNorms(model);
  return model;
}

async function equalized(target: Target): Promise<Model> {
  return (await equalize(original, { target })).model;
}

describe('the example on integers, without data', () => {
  // In float 92.4 % of these images get their label; one image is 0.2 %.
  it('keeps its accuracy with one range a kernel once it is equalized, and not before', async () => {
    const plain = await onIntegers(folded(), 'int8-per-tensor-symmetric');
    const ready = await onIntegers(await equalized('int8-per-tensor-symmetric'), 'int8-per-tensor-symmetric');
    expect(ready.accuracy).toBeGreaterThan(0.917);
    expect(ready.accuracy).toBeGreaterThan(plain.accuracy + 0.02);
    expect(ready.sqnrDb).toBeGreaterThan(plain.sqnrDb + 6);
  });

  it('is no worse than the plain model with a range for each channel', async () => {
    const plain = await onIntegers(folded(), 'int8-per-channel');
    const ready = await onIntegers(await equalized('int8-per-channel'), 'int8-per-channel');
    expect(ready.sqnrDb).toBeGreaterThan(plain.sqnrDb - 0.5);
    expect(ready.accuracy).toBeGreaterThan(0.917);
  });
});
