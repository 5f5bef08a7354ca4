import { expect, test } from 'vitest';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { inputRanges, inputRangesOn } from '../../../src/verification/inputs/input-ranges.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

const convolution = (channels: number) =>
  buildModel([input('x', [8, 8, channels]), layer('Conv2D', 'c', { filters: 2, kernel_size: 1 })]);

test('ranges of pixels are those that bytes get by their normalization', () => {
  expect(inputRanges(convolution(3), 'tf')).toEqual([{ min: -1, max: 1 }]);
  expect(inputRanges(convolution(1), 'raw')).toEqual([{ min: 0, max: 255 }]);
  const [torch] = inputRanges(convolution(3), 'torch');
  expect(torch?.min).toBeCloseTo(-2.118, 3);
  expect(torch?.max).toBeCloseTo(2.64, 3);
  // Guessed where it is left out.
  expect(inputRanges(convolution(3))).toEqual([{ min: 0, max: 1 }]);
});

test('inputs that are no pictures, or none of that kind, have none', () => {
  expect(inputRanges(convolution(5), 'tf')).toEqual([undefined]);
  expect(inputRanges(convolution(1), 'torch')).toEqual([undefined]);
});

test('go as far as the inputs do, where they are known', () => {
  const given = Tensor.fromNumbers('float32', [1, 1, 2, 3], [0, 0.5, 3, 0, -0.5, 0.25]);
  expect(inputRangesOn(convolution(3), [given], 'tf')).toEqual([{ min: -1, max: 3 }]);
  expect(inputRangesOn(convolution(3), [], 'tf')).toEqual([{ min: -1, max: 1 }]);
  expect(inputRangesOn(convolution(5), [Tensor.fromNumbers('float32', [1], [7])], 'tf')).toEqual([undefined]);
});
