import { describe, expect, it } from 'vitest';
import { UnsupportedModelError } from '../../../src/errors.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { labelsOf } from '../../../src/verification/inputs/class-labels.ts';

const floats = (shape: number[], ...values: number[]): Tensor => Tensor.fromNumbers('float32', shape, values);

describe('labelsOf', () => {
  it('takes whole numbers of any type', () => {
    expect(labelsOf(floats([3], 2, 0, 1), 'y')).toEqual(Int32Array.of(2, 0, 1));
    expect(labelsOf(Tensor.of('int64', [2, 1], BigInt64Array.of(7n, 3n)), 'y')).toEqual(Int32Array.of(7, 3));
  });

  it('takes the place of the 1 in one-hot rows', () => {
    expect(labelsOf(floats([2, 3], 0, 0, 1, 1, 0, 0), 'y')).toEqual(Int32Array.of(2, 0));
    expect(labelsOf(Tensor.of('bool', [1, 2], Uint8Array.of(0, 1)), 'y')).toEqual(Int32Array.of(1));
  });

  it.each<[string, Tensor, RegExp]>([
    ['two ones in a row', floats([2, 2], 0, 1, 1, 1), /^y: the row of sample 1 is not one-hot/],
    ['no one in a row', floats([1, 2], 0, 0), /the row of sample 0 is not one-hot/],
    ['soft labels', floats([1, 2], 0.1, 0.9), /np\.argmax\(array, axis=1\)/],
    [
      'a fraction',
      floats([2], 1, 1.5),
      /^y: the label of sample 1 is 1\.5; a class is a whole number from 0/,
    ],
    ['a negative number', floats([1], -1), /sample 0 is -1/],
    ['no number', floats([1], Number.NaN), /sample 0 is NaN/],
    ['no dimension', floats([], 1), /\[samples\], or one-hot, \[samples, classes\], and this is \[\]/],
    ['three dimensions', floats([1, 1, 1], 1), /this is \[1, 1, 1\]/],
    ['no classes', floats([2, 0]), /this is \[2, 0\]/],
  ])('refuses %s', (_, array, message) => {
    expect(() => labelsOf(array, 'y')).toThrow(UnsupportedModelError);
    expect(() => labelsOf(array, 'y')).toThrow(message);
  });
});
