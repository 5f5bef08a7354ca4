import { beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../../src/node.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { goldenCases, goldenIo, goldenPath } from '../../support/golden.ts';
import { relativeDifference } from '../../support/run-model.ts';

/** What TensorFlow computed for these models, in another order of additions. */
const TOLERANCE = 1e-5;

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create();
});

/** A Python function, and an activation with a weight of its own. */
const CANNOT_RUN: Readonly<Record<string, string>> = { lambda_between: 'mid', fused_prelu_layer: 'conv0' };

describe('TfjsRunner computes what Keras computed', () => {
  it.for(goldenCases().map(({ name }) => name))('%s', async (name) => {
    const { inputs, outputs } = await goldenIo(name);
    const model = await loadModel(goldenPath(name, 'input.h5'));
    const run = runner.run(
      model,
      inputs.map(({ shape, values }) => Tensor.of('float32', shape, values)),
    );
    if (name in CANNOT_RUN) {
      await expect(run).rejects.toMatchObject({ code: 'cannot-run', layer: CANNOT_RUN[name] });
      return;
    }
    const made = await run;
    // The reference's TensorFlow could not run channels_first; the runner can, and that is all there is to see.
    expect(made.length).toBe(outputs.length === 0 ? model.outputs.length : outputs.length);
    for (const [index, { shape }] of outputs.entries()) expect(made[index]?.shape).toEqual(shape);
    const expected = outputs.map(({ values }) => values);
    const actual = made.slice(0, outputs.length).map((tensor) => Float32Array.from(tensor.toFloat64()));
    expect(relativeDifference(expected, actual)).toBeLessThan(TOLERANCE);
  });
});
