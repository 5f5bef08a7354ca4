import { expect, test } from 'vitest';
import { channelStrips, maxAbsOf } from '../../../src/report/strips/channel-strips.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

const numbers = (values: Float64Array | undefined): number[] => [...(values ?? [])];

test('the least and the largest weight of each output channel, whatever the layout of the kernel', () => {
  const model = buildModel([
    input('x', [4, 4, 2]),
    // [1, 1, in 2, out 3]: channels are columns.
    layer('Conv2D', 'conv', { filters: 3, kernel_size: 1 }, { weights: { kernel: [1, -2, 3, -4, 5, 6] } }),
    // [1, 1, in 3, multiplier 2]: channels are pairs.
    layer(
      'DepthwiseConv2D',
      'dw',
      { kernel_size: 1, depth_multiplier: 2 },
      { weights: { depthwiseKernel: [1, -2, 3, -4, 5, -6] } },
    ),
    // [1, 1, out 1, in 6]: channels are rows.
    layer(
      'Conv2DTranspose',
      'transposed',
      { filters: 1, kernel_size: 1 },
      { weights: { kernel: [1, -2, 3, -4, 5, -6] } },
    ),
  ]);
  const strips = channelStrips(model, model);
  expect(
    strips.map(({ layer, weight, before }) => [layer, weight, numbers(before?.low), numbers(before?.high)]),
  ).toEqual([
    ['conv', 'kernel', [-4, -2, 3], [1, 5, 6]],
    ['dw', 'depthwiseKernel', [1, -2, 3, -4, 5, -6], [1, -2, 3, -4, 5, -6]],
    ['transposed', 'kernel', [-6], [5]],
  ]);
  expect(strips.map(({ after }) => after)).toEqual(strips.map(({ before }) => before));
  expect(strips[0]?.before && numbers(maxAbsOf(strips[0].before))).toEqual([4, 5, 6]);
});

test('both kernels of a SeparableConv, and kernels that only one of the models has', () => {
  const before = buildModel([
    input('x', [4, 4, 2]),
    layer('SeparableConv2D', 'separable', { filters: 3, kernel_size: 3 }),
  ]);
  const after = buildModel([input('x', [4, 4, 2]), layer('Conv2D', 'added', { filters: 2, kernel_size: 1 })]);
  expect(
    channelStrips(before, after).map((one) => [
      one.layer,
      one.weight,
      one.before?.low.length,
      one.after?.low.length,
    ]),
  ).toEqual([
    ['separable', 'depthwiseKernel', 2, undefined],
    ['separable', 'pointwiseKernel', 3, undefined],
    ['added', 'kernel', undefined, 2],
  ]);
});

test('a NaN is seen in its channel alone', () => {
  const model = buildModel([
    input('x', [1]),
    layer('Dense', 'dense', { units: 2 }, { weights: { kernel: [NaN, 2] } }),
  ]);
  expect(numbers(channelStrips(model, model)[0]?.before?.high)).toEqual([NaN, 2]);
});
