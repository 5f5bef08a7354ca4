import { describe, expect, it } from 'vitest';
import { type KernelRanges, type KernelSides, kernelRanges } from '../../src/equalization/kernel-ranges.ts';
import { Tensor } from '../../src/tensor/tensor.ts';

const sides: KernelSides = {
  kind: 'matrix',
  rows: Int32Array.of(0, 1),
  columns: Int32Array.of(2, 3),
  inputs: 'rows',
};

/** What a look gives, as `side class (other) magnitude`. */
function given(
  ranges: KernelRanges,
  scales: readonly number[],
  { near = 0, slack = 0 }: { near?: number; slack?: number } = {},
): string[] {
  const list: string[] = [];
  ranges.look(Float64Array.from(scales), near, slack, (side, at, other, magnitude) => {
    list.push(`${side} ${at} (${other}) ${magnitude}`);
  });
  return list;
}

describe('kernelRanges', () => {
  it('gives the largest weight of each channel, as it lies in the kernel', () => {
    // Of two positions.
    const ranges = kernelRanges(Tensor.fromNumbers('float32', [2, 2, 2], [1, 2, 3, 4, -8, 0, 1, 0]), sides);
    expect(given(ranges, [1, 1, 1, 1])).toEqual([
      'read 0 (2) 8',
      'read 1 (3) 4',
      'written 2 (0) 8',
      'written 3 (1) 4',
    ]);
    // W s_in / s_out: 8, 2 and 3, 4 become 8 / 100, 2 and 3 / 10, 40.
    expect(given(ranges, [1, 10, 100, 1])).toEqual([
      'read 0 (3) 2',
      'read 1 (3) 4',
      'written 2 (1) 3',
      'written 3 (1) 4',
    ]);
  });

  it('takes the factors of the kernel in', () => {
    const kernel = Tensor.fromNumbers('float32', [2, 2], [1, 2, 3, 4]);
    const expected = ['read 0 (2) 10', 'read 1 (2) 15', 'written 2 (1) 15', 'written 3 (0) 2'];
    const scaled = kernel.scaled('columns', [-5, 0.5]);
    expect(given(kernelRanges(scaled.scaled('rows', [2, 1]), sides), [1, 1, 1, 1])).toEqual(expected);
    const pairs = kernel.scaled('pairs', [-10, 1, 5, 0.5]);
    expect(given(kernelRanges(pairs, sides), [1, 1, 1, 1])).toEqual(expected);
  });

  it('takes rows of one class together', () => {
    const kernel = Tensor.fromNumbers('float32', [4, 1], [1, 5, -7, 2]);
    const ranges = kernelRanges(kernel, {
      kind: 'matrix',
      rows: Int32Array.of(0, 1, 0, 1),
      columns: Int32Array.of(2),
      inputs: 'rows',
    });
    expect([...ranges.inputs]).toEqual([0, 1]);
    expect(given(ranges, [1, 1, 1])).toEqual(['read 0 (2) 7', 'read 1 (2) 5', 'written 2 (0) 7']);
  });

  it('gives all pairs of a depthwise kernel once', () => {
    const ranges = kernelRanges(Tensor.fromNumbers('float32', [1, 2], [3, -4]), {
      kind: 'pairs',
      inputs: Int32Array.of(0, 0),
      outputs: Int32Array.of(1, 2),
    });
    expect(given(ranges, [1, 1, 1])).toEqual([
      'written 1 (0) 3',
      'read 0 (1) 3',
      'written 2 (0) 4',
      'read 0 (2) 4',
    ]);
    expect(given(ranges, [9, 1, 1])).toEqual([]);
  });

  it('does not look again where nothing can have become larger', () => {
    const ranges = kernelRanges(Tensor.fromNumbers('float32', [2, 2], [1, 2, 3, 4]), sides);
    const ones = [1, 1, 1, 1];
    given(ranges, ones);
    expect(given(ranges, ones)).toEqual([]);
    // All of one side by the same factor.
    expect(given(ranges, [5, 5, 1, 1])).toEqual([]);
    expect(given(ranges, [5, 6, 1, 1], { slack: 0.2 })).toEqual([]);
    expect(given(ranges, [5, 6, 1, 1], { near: 0.5 })).not.toEqual([]);
    // What is less than the largest by up to 0.5 was given, and the factors have moved by ln 1.5 since.
    expect(given(ranges, [5, 9, 1, 1])).toEqual([]);
    expect(given(ranges, [5, 13, 1, 1])).not.toEqual([]);
  });

  it('looks again where it could not give all that are near', () => {
    const size = 50;
    const channels = (first: number): Int32Array =>
      Int32Array.from({ length: size }, (_, index) => first + index);
    const kernel = Tensor.fromNumbers('float32', [size, size], new Float64Array(size * size).fill(1));
    const ranges = kernelRanges(kernel, {
      kind: 'matrix',
      rows: channels(0),
      columns: channels(size),
      inputs: 'rows',
    });
    const scales = new Array<number>(2 * size).fill(1);
    given(ranges, scales);
    scales[0] = 1.01;
    expect(given(ranges, scales, { near: 0.5 }).length).toBeLessThanOrEqual(2 * 33 * size);
    scales[1] = 1.02;
    expect(given(ranges, scales, { near: 0.5 })).not.toEqual([]);
  });
});
