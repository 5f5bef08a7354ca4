import { describe, expect, test } from 'vitest';
import { Tensor } from '../../../src/tensor/tensor.ts';
import {
  compareOutputs,
  decisionAgreement,
  top1Agreement,
} from '../../../src/verification/comparing/compare-outputs.ts';

const tensor = (shape: readonly number[], values: readonly number[]): Tensor =>
  Tensor.fromNumbers('float32', shape, values);

describe('compareOutputs', () => {
  test('the numbers, by hand', () => {
    const original = tensor([2, 2], [3, -4, 0, 0]);
    const candidate = tensor([2, 2], [3, -4.5, 0, 0.25]);
    const comparison = compareOutputs(original, candidate);
    expect(comparison.maxAbsolute).toBe(0.5);
    expect(comparison.largest).toBe(4);
    expect(comparison.maxRelative).toBe(0.125);
    // Signal 9 + 16, noise 0.25 + 0.0625.
    expect(comparison.sqnrDb).toBeCloseTo(10 * Math.log10(25 / 0.3125), 12);
    expect(comparison.worstInput).toBe(0);
    expect(comparison.nonFinite).toBe(0);
  });

  test('20 dB where the noise is a tenth of the signal', () => {
    const { sqnrDb } = compareOutputs(
      Tensor.fromNumbers('float64', [1, 2], [1, 1]),
      Tensor.fromNumbers('float64', [1, 2], [1.1, 0.9]),
    );
    expect(sqnrDb).toBeCloseTo(20, 10);
  });

  test('equal outputs', () => {
    const output = tensor([1, 3], [1, 2, 3]);
    expect(compareOutputs(output, output)).toEqual({
      maxAbsolute: 0,
      maxRelative: 0,
      largest: 3,
      sqnrDb: Infinity,
      worstInput: null,
      nonFinite: 0,
    });
  });

  test('the worst input is the sample with the largest difference', () => {
    const original = tensor([3, 2], [0, 0, 0, 0, 0, 1]);
    const candidate = tensor([3, 2], [0.1, 0, 0, -0.3, 0.2, 1]);
    expect(compareOutputs(original, candidate).worstInput).toBe(1);
  });

  test('zeros against something', () => {
    const { maxRelative, sqnrDb } = compareOutputs(tensor([1, 2], [0, 0]), tensor([1, 2], [0, 1]));
    expect({ maxRelative, sqnrDb }).toEqual({ maxRelative: Infinity, sqnrDb: -Infinity });
  });

  test('the same NaN and the same infinity in the same place are equal', () => {
    const output = [Number.NaN, Infinity, -Infinity, 2];
    expect(compareOutputs(tensor([2, 2], output), tensor([2, 2], output))).toMatchObject({
      maxAbsolute: 0,
      sqnrDb: Infinity,
      largest: 2,
      nonFinite: 3,
    });
  });

  test.each([
    ['a new NaN', 1, Number.NaN],
    ['a new infinity', 1, Infinity],
    ['a NaN that is gone', Number.NaN, 1],
    ['an infinity that became a NaN', Infinity, Number.NaN],
    ['an infinity of the other sign', Infinity, -Infinity],
  ])('%s differs infinitely', (_, before, after) => {
    const comparison = compareOutputs(tensor([2, 1], [5, before]), tensor([2, 1], [5, after]));
    expect(comparison).toMatchObject({
      maxAbsolute: Infinity,
      maxRelative: Infinity,
      sqnrDb: -Infinity,
      worstInput: 1,
    });
  });

  test('no samples differ in nothing', () => {
    expect(compareOutputs(tensor([0, 4], []), tensor([0, 4], []))).toMatchObject({
      maxAbsolute: 0,
      worstInput: null,
    });
  });

  test('refuses other shapes', () => {
    expect(() => compareOutputs(tensor([1, 2], [1, 2]), tensor([2, 1], [1, 2]))).toThrow(
      'outputs of the shapes [1, 2] and [2, 1] cannot be compared',
    );
  });
});

describe('top1Agreement', () => {
  test('counts the samples whose largest column is the same', () => {
    const original = tensor([4, 2], [1, 0, 0, 1, 1, 0, 0, 1]);
    const candidate = tensor([4, 2], [0.6, 0.4, 0.6, 0.4, 9, 8, 0, 0.1]);
    expect(top1Agreement(original, candidate)).toBe(0.75);
  });

  test('of equal columns the first counts', () => {
    expect(top1Agreement(tensor([1, 3], [0, 2, 2]), tensor([1, 3], [0, 2, 1]))).toBe(1);
  });

  test('a row of NaNs agrees with another, and with nothing else', () => {
    const lost = [Number.NaN, Number.NaN];
    expect(top1Agreement(tensor([1, 2], lost), tensor([1, 2], lost))).toBe(1);
    expect(top1Agreement(tensor([1, 2], [1, 0]), tensor([1, 2], lost))).toBe(0);
  });

  test('dimensions of 1 in between do not matter', () => {
    expect(top1Agreement(tensor([1, 1, 1, 2], [0, 1]), tensor([1, 1, 1, 2], [0, 1]))).toBe(1);
  });

  test.each([
    ['one column', [2, 1]],
    ['an image', [1, 2, 1]],
    ['a vector', [2]],
    ['no samples', [0, 2]],
  ])('is not defined for %s', (_, shape) => {
    const output = tensor(shape, new Array(shape.reduce((product, size) => product * size, 1)).fill(0));
    expect(top1Agreement(output, output)).toBeNull();
  });
});

describe('decisionAgreement', () => {
  test('counts the samples on the same side', () => {
    const original = tensor([4, 1], [0.1, 0.5, 0.9, 0.6]);
    const candidate = tensor([4, 1], [0.4, 0.49, 0.5, 0.7]);
    expect(decisionAgreement(original, candidate, 0.5)).toBe(0.75);
  });

  test('is not defined for several columns', () => {
    expect(decisionAgreement(tensor([1, 2], [0, 1]), tensor([1, 2], [0, 1]), 0.5)).toBeNull();
  });
});
