import { describe, expect, it } from 'vitest';
import { UnsupportedModelError } from '../../../src/errors.ts';
import {
  NORMALIZATIONS,
  type Normalization,
  normalizePixels,
} from '../../../src/verification/inputs/normalization.ts';

function values(...given: Parameters<typeof normalizePixels>): number[] {
  return [...normalizePixels(...given).toFloat64()];
}

/** One rounding to float32 of numbers below 256. */
const DIGITS = 5;

describe('normalizePixels', () => {
  it.each<[Normalization, number[]]>([
    ['tf', [-1, 20 / 127.5 - 1, 1]],
    ['torch', [-0.485 / 0.229, (20 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]],
    ['caffe', [255 - 103.939, 20 - 116.779, -123.68]],
    ['0..1', [0, 20 / 255, 1]],
    ['raw', [0, 20, 255]],
  ])('%s of one RGB pixel', (normalization, expected) => {
    const got = values([0, 20, 255], [1, 1, 1, 3], normalization);
    for (const [index, value] of expected.entries()) expect(got[index]).toBeCloseTo(value, DIGITS);
  });

  it('moves the channels first where the model has them there', () => {
    // Two samples of 1 x 2 pixels.
    const pixels = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    const tensor = normalizePixels(pixels, [2, 1, 2, 3], 'raw', 'channels_first');
    expect(tensor.shape).toEqual([2, 3, 1, 2]);
    expect([...tensor.toFloat64()]).toEqual([1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12]);
  });

  it('reverses the channels of caffe wherever they lie', () => {
    const last = normalizePixels([1, 2, 3, 4, 5, 6], [1, 1, 2, 3], 'caffe');
    const first = normalizePixels([1, 2, 3, 4, 5, 6], [1, 1, 2, 3], 'caffe', 'channels_first');
    expect(last.toFloat64()[0]).toBeCloseTo(3 - 103.939, DIGITS);
    expect(first.toFloat64()[0]).toBeCloseTo(3 - 103.939, DIGITS);
    expect(first.toFloat64()[1]).toBeCloseTo(6 - 103.939, DIGITS);
  });

  it('takes grey and four channels where the normalization is not of RGB', () => {
    for (const normalization of NORMALIZATIONS) {
      const run = (): number[] => values([255], [1, 1, 1, 1], normalization);
      if (normalization === 'torch' || normalization === 'caffe') expect(run).toThrow(UnsupportedModelError);
      else expect(run()).toEqual([{ tf: 1, '0..1': 1, raw: 255 }[normalization]]);
    }
    expect(values([0, 51, 102, 255], [1, 1, 1, 4], '0..1')[1]).toBeCloseTo(0.2, DIGITS);
  });

  it('refuses a shape that the pixels do not fill', () => {
    expect(() => values([1, 2, 3], [1, 1, 1, 4], 'raw')).toThrow(RangeError);
    expect(() => values([1, 2, 3], [1, 3], 'raw')).toThrow(/are no pictures of the shape \[1, 3\]/);
  });
});
