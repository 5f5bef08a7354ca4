import { describe, expect, it } from 'vitest';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { inputRanges, inputRangesOn } from '../../../src/verification/inputs/input-ranges.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

const pictures = buildModel([
  input('image', [2, 1, 3]),
  layer('Conv2D', 'conv', { filters: 1, kernel_size: 1 }),
]);

describe('inputRanges', () => {
  it('are what becomes of bytes', () => {
    expect(inputRanges(pictures, 'tf')).toEqual([{ min: -1, max: 1 }]);
    expect(inputRanges(pictures, 'raw')).toEqual([{ min: 0, max: 255 }]);
    // (255 / 255 - 0.406) / 0.225 of blue, and -0.485 / 0.229 of red.
    const [torch] = inputRanges(pictures, 'torch');
    expect(torch?.max).toBeCloseTo(2.64, 2);
    expect(torch?.min).toBeCloseTo(-2.1179, 3);
  });

  it('are not known of what is no picture', () => {
    const numbers = buildModel([input('x', [4]), layer('Dense', 'dense', { units: 1 })]);
    expect(inputRanges(numbers)).toEqual([undefined]);
    expect(inputRangesOn(numbers, [Tensor.fromNumbers('float32', [1, 4], [1, 2, 3, 4])])).toEqual([
      undefined,
    ]);
  });

  it('go as far as the inputs do', () => {
    const given = Tensor.fromNumbers('float32', [1, 2, 1, 3], [0, 0.5, 3, 0, -0.5, 0.25]);
    expect(inputRangesOn(pictures, [given], 'tf')).toEqual([{ min: -1, max: 3 }]);
  });
});
