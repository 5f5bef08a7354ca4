import { expect, it } from 'vitest';
import { addMomentSums } from '../../src/kernels/channel-moments.ts';

it('adds sums and sums of squares of channels, from anywhere in a tensor', () => {
  const sums = { first: new Float64Array(2), second: new Float64Array(2) };
  // [..., 2 channels, 3 inner], from the second inner element of channel 1 on.
  addMomentSums(Float64Array.of(1, 2, 3, 4, 5, 6), 4, { channels: 2, inner: 3 }, sums);
  expect([...sums.first]).toEqual([3 + 4 + 5, 1 + 2 + 6]);
  expect([...sums.second]).toEqual([9 + 16 + 25, 1 + 4 + 36]);
  addMomentSums(Float64Array.of(), 0, { channels: 2, inner: 3 }, sums);
  expect([...sums.first]).toEqual([12, 9]);
  addMomentSums(Float64Array.of(NaN), 0, { channels: 2, inner: 3 }, sums);
  expect([...sums.first]).toEqual([NaN, 9]);
});
