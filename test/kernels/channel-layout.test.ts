import { expect, test } from 'vitest';
import { emptyExtremes, takeExtremes } from '../../src/kernels/channel-layout.ts';

// [2 outer, 3 channels, 2 inner]
const VALUES = Float32Array.of(1, -2, 3, 4, -5, 6, 7, 8, 0, -9, 10, 11);
const LAYOUT = { channels: 3, inner: 2 };

test('extremes are those of each channel', () => {
  const extremes = emptyExtremes(3);
  takeExtremes(VALUES, 0, LAYOUT, extremes);
  expect([...extremes.min]).toEqual([-2, -9, -5]);
  expect([...extremes.max]).toEqual([8, 4, 11]);
});

test('pieces that start anywhere add up', () => {
  for (let cut = 0; cut <= VALUES.length; cut++) {
    const extremes = emptyExtremes(3);
    takeExtremes(VALUES.subarray(0, cut), 0, LAYOUT, extremes);
    takeExtremes(VALUES.subarray(cut), cut, LAYOUT, extremes);
    expect([...extremes.min, ...extremes.max]).toEqual([-2, -9, -5, 8, 4, 11]);
  }
});

test('a NaN stays, in its channel alone', () => {
  const extremes = emptyExtremes(2);
  takeExtremes(Float32Array.of(1, NaN, 2, 3), 0, { channels: 2, inner: 1 }, extremes);
  expect([...extremes.min, ...extremes.max]).toEqual([1, NaN, 2, NaN]);
});

test('nothing changes nothing', () => {
  const extremes = emptyExtremes(1);
  takeExtremes(new Float32Array(0), 0, { channels: 1, inner: 1 }, extremes);
  expect([...extremes.min, ...extremes.max]).toEqual([Infinity, -Infinity]);
});
