import { describe, expect, it } from 'vitest';
import {
  type KernelRanges,
  type KernelSides,
  kernelRanges,
} from '../../../src/equalization/scaling/kernel-ranges.ts';
import type { SoftRange } from '../../../src/kernels/weight-powers.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { seededRandom } from '../../support/random.ts';

const sides: KernelSides = {
  kind: 'matrix',
  rows: Int32Array.of(0, 1),
  columns: Int32Array.of(2, 3),
  inputs: 'rows',
};

/** What a look gives, as `side class (other) magnitude`. */
function given(ranges: KernelRanges, scales: readonly number[]): string[] {
  const list: string[] = [];
  ranges.look(Float64Array.from(scales), (side, at, other, magnitude) => {
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

  it('gives all pairs of a depthwise kernel', () => {
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
  });
});

/** `|W s_in / s_out|` of all weights of a kernel `[2, 2]`, row by row. */
function scaledWeights(weights: readonly number[], [a, b, c, d]: readonly number[]): number[] {
  const factors = [a! / c!, a! / d!, b! / c!, b! / d!];
  return weights.map((weight, at) => Math.abs(weight) * factors[at]!);
}

/** The smooth range at factors, light weights of any size taken together or none. */
function softRange(
  ranges: KernelRanges,
  scales: Float64Array,
  squarings: number,
  light = 1,
  at = scales,
): SoftRange {
  const power = (classes: Int32Array, exponent: number): Float64Array =>
    Float64Array.from(classes, (one) => (at[one] ?? NaN) ** exponent);
  const p = 2 ** squarings;
  return ranges
    .powers(scales, { squarings, light, mostLight: 1 })
    .at(power(ranges.inputs, p), power(ranges.outputs, -p));
}

describe('the smooth range', () => {
  const weights = [1, -2, 3, 4];
  const scales = [1, 1.5, 2, 0.5];
  const matrix = (): KernelRanges => kernelRanges(Tensor.fromNumbers('float32', [2, 2], weights), sides);
  const pairs = (): KernelRanges =>
    kernelRanges(Tensor.fromNumbers('float32', [2, 2], weights), {
      kind: 'pairs',
      inputs: Int32Array.of(0, 0, 1, 1),
      outputs: Int32Array.of(2, 3, 2, 3),
    });

  it('is the norm with p = 2^squarings, by hand', () => {
    // 1 / 2, 4, 2.25 and 12.
    const of = (p: number): number =>
      scaledWeights(weights, scales).reduce((sum, weight) => sum + weight ** p, 0) ** (2 / p);
    for (const ranges of [matrix(), pairs()]) {
      for (const squarings of [3, 4, 5]) {
        const { square } = softRange(ranges, Float64Array.from(scales), squarings);
        expect(square / of(2 ** squarings)).toBeCloseTo(1, 12);
      }
    }
  });

  it('is the maximum and a little more, the less the larger p is', () => {
    const largest = 4;
    for (const ranges of [matrix(), pairs()]) {
      const found = [3, 4, 5].map((squarings) =>
        Math.sqrt(softRange(ranges, new Float64Array(4).fill(1), squarings).square),
      );
      expect(found).toEqual([...found].sort((one, other) => other - one));
      for (const [index, range] of found.entries()) {
        expect(range).toBeGreaterThan(largest);
        // At most all four weights are the largest.
        expect(range).toBeLessThan(largest * 4 ** (1 / 2 ** (3 + index)));
      }
    }
  });

  it('gives the parts of classes, which are its derivatives', () => {
    for (const ranges of [matrix(), pairs()]) {
      const { read, written, sum } = softRange(ranges, Float64Array.from(scales), 3);
      const derivatives = new Float64Array(4);
      for (const [index, at] of ranges.inputs.entries()) derivatives[at]! += (2 * read[index]!) / sum;
      for (const [index, at] of ranges.outputs.entries()) derivatives[at]! -= (2 * written[index]!) / sum;
      const step = 1e-5;
      for (const [at, derivative] of derivatives.entries()) {
        const logSquare = (by: number): number => {
          const moved = Float64Array.from(scales, (scale, index) =>
            index === at ? scale * Math.exp(by) : scale,
          );
          return Math.log(softRange(ranges, moved, 3).square);
        };
        // Of the second order in the step, and rounding of 1e-16 divided by it.
        expect((logSquare(step) - logSquare(-step)) / (2 * step)).toBeCloseTo(derivative, 7);
      }
    }
  });

  it('takes the factors of the kernel in, of either sign', () => {
    const kernel = Tensor.fromNumbers('float32', [2, 2], weights);
    const scaled = kernel.scaled('columns', [-5, 0.5]).scaled('rows', [2, 1]);
    // 10, 2, 15 and 2 at factors of 1.
    const expected = [10, 2, 15, 2].reduce((sum, weight) => sum + weight ** 8, 0) ** (2 / 8);
    const { square, read, written, sum } = softRange(
      kernelRanges(scaled, sides),
      new Float64Array(4).fill(1),
      3,
    );
    expect(square / expected).toBeCloseTo(1, 12);
    const parts = [10, 2, 15, 2].map((weight) => weight ** 8 / expected ** 4);
    expect([...read].map((one) => one / sum)).toEqual(
      [parts[0]! + parts[1]!, parts[2]! + parts[3]!].map(near),
    );
    expect([...written].map((one) => one / sum)).toEqual(
      [parts[0]! + parts[2]!, parts[1]! + parts[3]!].map(near),
    );
  });

  it('has light weights in the sums of their rows and columns, exact where they were weighed', () => {
    for (const inputs of ['rows', 'columns'] as const) {
      const [ranges, at] = [kernelRanges(random([40, 60], 3), wide(inputs)), factors(100, 5)];
      const [all, few] = [0, 1e9].map((light) => softRange(ranges, at, 3, light));
      expect(all!.light).toBeCloseTo(0, 12);
      expect(few!.light).toBe(1);
      for (const part of ['read', 'written'] as const) {
        for (const [place, power] of all![part].entries()) {
          expect(few![part][place]! / power).toBeCloseTo(1, 9);
        }
      }
      expect(few!.square / all!.square).toBeCloseTo(1, 12);
    }
  });

  it('is off elsewhere by less than the part of the light weights', () => {
    const ranges = kernelRanges(random([40, 60], 3), wide('rows'));
    const [weighed, at] = [factors(100, 5), factors(100, 6)];
    const exact = softRange(ranges, at, 3, 0).sum;
    for (const light of [0.01, 0.1, 1]) {
      const near = softRange(ranges, weighed, 3, light, at);
      expect(near.light).toBeGreaterThan(0);
      expect(Math.abs(near.sum / exact - 1)).toBeLessThan(near.light);
    }
  });

  it('has the inputs in the columns where the kernel has', () => {
    const ranges = kernelRanges(Tensor.fromNumbers('float32', [2, 2], weights), {
      ...sides,
      inputs: 'columns',
    });
    const [rows, columns] = [Float64Array.of(1, 2), Float64Array.of(3, 1)];
    const { square, read, written } = softRange(ranges, Float64Array.of(...rows, ...columns), 3);
    // W s_column / s_row: 3, 2, 4.5 and 2.
    const powers = [3, 2, 4.5, 2].map((weight) => weight ** 8);
    expect(square / powers.reduce((sum, one) => sum + one) ** (2 / 8)).toBeCloseTo(1, 12);
    expect(read[0]! / read[1]!).toBeCloseTo((powers[0]! + powers[2]!) / (powers[1]! + powers[3]!), 8);
    expect(written[0]! / written[1]!).toBeCloseTo((powers[0]! + powers[1]!) / (powers[2]! + powers[3]!), 8);
  });

  it('stays finite where factors are as far from 1 as they may be', () => {
    for (const ranges of [matrix(), pairs()]) {
      for (const far of [
        [1e3, 1e3, 1e-3, 1e-3],
        [1e-3, 1e-3, 1e3, 1e3],
      ]) {
        const { square } = softRange(ranges, Float64Array.from(far), 5);
        expect(Math.sqrt(square) / Math.max(...scaledWeights(weights, far))).toBeCloseTo(1, 1);
      }
    }
  });

  it('is 0 of a kernel of zeros', () => {
    const zeros = Tensor.fromNumbers('float32', [2, 2], [0, 0, 0, 0]);
    const pairSides: KernelSides = {
      kind: 'pairs',
      inputs: Int32Array.of(0, 0, 1, 1),
      outputs: Int32Array.of(2, 3, 2, 3),
    };
    for (const one of [sides, pairSides]) {
      expect(softRange(kernelRanges(zeros, one), Float64Array.from(scales), 5)).toMatchObject({
        square: 0,
        sum: 0,
      });
    }
  });
});

function random(shape: readonly number[], seed: number): Tensor {
  const numbers = seededRandom(seed);
  const size = shape.reduce((product, one) => product * one, 1);
  return Tensor.fromNumbers(
    'float64',
    shape,
    Array.from({ length: size }, () => numbers.normal()),
  );
}

function factors(count: number, seed: number): Float64Array {
  const numbers = seededRandom(seed);
  return Float64Array.from({ length: count }, () => Math.exp(0.1 * numbers.normal()));
}

function wide(inputs: 'rows' | 'columns'): KernelSides {
  const [rows, columns] = [
    Int32Array.from({ length: 40 }, (_, at) => at),
    Int32Array.from({ length: 60 }, (_, at) => 40 + at),
  ];
  return { kind: 'matrix', rows, columns, inputs };
}

/** Up to rounding. */
function near(value: number): unknown {
  return expect.closeTo(value, 12);
}
