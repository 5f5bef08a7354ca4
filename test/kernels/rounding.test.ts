import { expect, test } from 'vitest';
import { roundHalfAway, roundHalfEven } from '../../src/kernels/rounding.ts';

const VALUES = [
  -2.5,
  -1.5,
  -0.5,
  -0.4,
  0.4,
  0.5,
  1.5,
  2.5,
  2.6,
  0.49999999999999994,
  Infinity,
  -Infinity,
  NaN,
];

test('half to even', () => {
  expect(VALUES.map((value) => roundHalfEven(value) + 0)).toEqual([
    -2,
    -2,
    0,
    0,
    0,
    0,
    2,
    2,
    3,
    0,
    Infinity,
    -Infinity,
    NaN,
  ]);
});

test('half away from zero', () => {
  expect(VALUES.map((value) => roundHalfAway(value) + 0)).toEqual([
    -3,
    -2,
    -1,
    0,
    0,
    1,
    2,
    3,
    3,
    0,
    Infinity,
    -Infinity,
    NaN,
  ]);
});
