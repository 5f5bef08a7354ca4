import { expect, test } from 'vitest';
import { gathered, reshaped } from '../../src/tensor/rearranged.ts';
import { Tensor } from '../../src/tensor/tensor.ts';

const packed = (min: number): Tensor => {
  const codes = Uint8Array.of(0, 1, 2, 3);
  const source = {
    isStable: true,
    read: (start: number, count: number) => values.subarray(start, start + count),
  };
  const values = Float32Array.from(codes, (code) => code * 0.5 + min);
  return Tensor.lazy('float32', [2, 2], source, {
    packing: { dtype: 'uint8', scale: 0.5, min },
    pieces: () => [codes.subarray(0, 3), codes.subarray(3)],
  });
};
const codesOf = (tensor: Tensor): number[] =>
  [...(tensor.packed?.pieces() ?? [])].flatMap((piece) => [...piece]);

test('in another shape a tensor keeps its values and its bits', () => {
  const made = reshaped(packed(-1), [4, 1]);
  expect([...made.values()]).toEqual([-1, -0.5, 0, 0.5]);
  expect(codesOf(made)).toEqual([0, 1, 2, 3]);
  expect(() => reshaped(packed(-1), [3])).toThrow(RangeError);
});

test('gathered values stay packed where the grid has a zero for what is empty', () => {
  const order = [3, -1, 0];
  const source = (index: number): number => order[index]!;
  const made = gathered(packed(-1), [3], source);
  expect([...made.values()]).toEqual([0.5, 0, -1]);
  expect(codesOf(made)).toEqual([3, 2, 0]);
  const without = gathered(packed(0.25), [3], source);
  expect([...without.values()]).toEqual([1.75, 0, 0.25]);
  expect(without.packed).toBeUndefined();
});
