import { expect, test } from 'vitest';
import { inspectModel } from '../../src/report/inspect-report.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';

test('inspectModel tells what replacing ReLU6 is expected to change, and changes nothing', () => {
  const model = buildModel([
    input('x', [4, 4, 2]),
    layer('Conv2D', 'a', { filters: 2, kernel_size: 1 }),
    layer('BatchNormalization', 'bn', {}, { weights: { beta: [6, 6], gamma: [1, 2] } }),
    layer('ReLU', 'r', { max_value: 6 }),
  ]);
  const { relu6, relu6Damage } = inspectModel(model);
  expect(relu6).toEqual(['r']);
  expect(relu6Damage).toMatchObject([{ layer: 'r', source: 'bn', expected: { clippedShare: 0.5 } }]);
  expect(model.layer('r').operation).toMatchObject({ activation: { maxValue: 6 } });
  expect(model.layers).toHaveLength(4);
});
