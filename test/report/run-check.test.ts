import { expect, it } from 'vitest';
import { besideOriginal } from '../../src/report/run-check.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { runOfOutputs } from '../../src/verification/comparing/model-run.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';

it('compares no outputs that are NaN or infinite everywhere', () => {
  const model = buildModel([input('x', [1]), layer('Dense', 'dense', { units: 2 })]);
  const of = (...values: number[]): ReturnType<typeof besideOriginal> => {
    const run = runOfOutputs(model, [Tensor.fromNumbers('float32', [1, 2], values)]);
    return besideOriginal(run, run, {
      tensors: [Tensor.fromNumbers('float32', [1, 1], [1])],
      description: 'one',
    });
  };
  expect(of(Number.NaN, Infinity)).toMatchObject({
    outputs: [],
    notCompared: 'dense of the original is NaN or infinite everywhere, which proves nothing',
  });
  expect(of(Number.NaN, 1).outputs).toHaveLength(1);
  expect(of(2, 1)).not.toHaveProperty('notCompared');
});
