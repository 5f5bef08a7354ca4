import { expect, test } from 'vitest';
import { foldAllBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import { tensorStrips } from '../../../src/report/strips/tensor-strips.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';

const conv = (name: string, kernel: number[]): LayerSpec =>
  layer('Conv2D', name, { filters: 2, kernel_size: 1 }, { weights: { kernel, bias: [0, 0] } });
const norm = (gamma: number[], beta: number[]): LayerSpec =>
  layer(
    'BatchNormalization',
    'bn',
    { epsilon: 0 },
    { weights: { gamma, beta, movingMean: [0.5, 0.5], movingVariance: [4, 4] } },
  );

test('what channels of tensors are expected to reach, before and after', () => {
  const network = (gamma: number[], beta: number[]): ReturnType<typeof buildModel> => {
    const model = buildModel([
      input('x', [4, 4, 2]),
      conv('conv', [1, 0, 0, 1]),
      norm(gamma, beta),
      layer('ReLU', 'relu'),
      conv('last', [1, 0, 0, 1]),
    ]);
    foldAllBatchNorms(model);
    return model;
  };
  const strips = tensorStrips(network([1, 10], [0, 1]), network([2, 2], [0, 1]));
  // Inputs have ranges of their own; the ReLU is on the grid of what it reads.
  expect(strips.map(({ layer, weight, tensor }) => [layer, weight, tensor])).toEqual([
    ['relu', 'output', 'output of relu'],
    ['last', 'output', 'output of last'],
  ]);
  const [relu] = strips;
  // Means and 6 deviations, from 0.
  expect([...(relu?.before?.low ?? []), ...(relu?.before?.high ?? [])]).toEqual([0, 0, 6, 61]);
  expect([...(relu?.after?.low ?? []), ...(relu?.after?.high ?? [])]).toEqual([0, 0, 12, 13]);
});

test('there are none where no batch norm tells what flows, and none of a model that no integers run', () => {
  const plain = buildModel([input('x', [4, 4, 2]), conv('conv', [1, 0, 0, 1])]);
  expect(tensorStrips(plain, plain)).toEqual([]);
  const recurrent = buildModel([input('x', [3, 2]), layer('LSTM', 'lstm', { units: 2 })]);
  expect(tensorStrips(recurrent, recurrent)).toEqual([]);
});
