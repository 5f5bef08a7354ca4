import { describe, expect, it } from 'vitest';
import { type EqualRanges, equalRanges } from '../../../src/equalization/scaling/equal-ranges.ts';
import { kernelRanges } from '../../../src/equalization/scaling/kernel-ranges.ts';
import type { Region, RegionBias } from '../../../src/equalization/scaling/regions.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';

/** A region between `first` `[closed, channels]` and `second` `[channels, closed]`; classes 0 and 1 are closed. */
function pair(
  first: readonly number[],
  second: readonly number[],
  biases: readonly RegionBias[] = [],
): Region[] {
  const channels = Int32Array.from(first, (_, index) => index + 2);
  const made = (
    values: readonly number[],
    rows: Int32Array,
    columns: Int32Array,
  ): { path: string; ranges: ReturnType<typeof kernelRanges> } => ({
    path: '',
    ranges: kernelRanges(Tensor.fromNumbers('float64', [rows.length, columns.length], values), {
      kind: 'matrix',
      rows,
      columns,
      inputs: 'rows',
    }),
  });
  return [
    {
      classes: [...channels],
      sources: [made(first, Int32Array.of(0), channels)],
      sinks: [made(second, channels, Int32Array.of(1))],
      biases,
    },
  ];
}

function scalesOf({ scales }: EqualRanges): number[] {
  return [...scales].slice(2);
}

function solvePair(
  first: readonly number[],
  second: readonly number[],
  biases?: readonly RegionBias[],
): EqualRanges {
  return equalRanges(pair(first, second, biases), first.length + 2, { tolerance: 1e-9 });
}

describe('equalRanges', () => {
  it('scales a pair by the root of the ranges', () => {
    const solution = solvePair([4, -0.5, 1], [1, 2, 1]);
    expect(scalesOf(solution)).toEqual([expect.closeTo(2, 8), expect.closeTo(0.5, 8), 1]);
    expect(solution).toMatchObject({ dead: new Set(), clamped: new Set() });
    expect(solution.scales[0]).toBe(1);
  });

  it('scales a triple through a depthwise kernel by cube roots', () => {
    const [a, b, c] = [8, 1, 27];
    const [before, behind] = [Int32Array.of(2), Int32Array.of(3)];
    const matrix = (value: number, rows: Int32Array, columns: Int32Array): Region['sources'][0] => ({
      path: '',
      ranges: kernelRanges(Tensor.fromNumbers('float32', [1, 1], [value]), {
        kind: 'matrix',
        rows,
        columns,
        inputs: 'rows',
      }),
    });
    const first = matrix(a, Int32Array.of(0), before);
    const last = matrix(c, behind, Int32Array.of(1));
    const middle = {
      path: '',
      ranges: kernelRanges(Tensor.fromNumbers('float32', [1, 1], [b]), {
        kind: 'pairs',
        inputs: before,
        outputs: behind,
      }),
    };
    const regions: Region[] = [
      { classes: [2], sources: [first], sinks: [middle], biases: [] },
      { classes: [3], sources: [middle], sinks: [last], biases: [] },
    ];
    const { scales } = equalRanges(regions, 4, { tolerance: 1e-9 });
    // c = cbrt(8 * 1 * 27) = 6, s12 = r1 / c, s23 = c / r3.
    expect(scales[2]).toBeCloseTo(8 / 6, 7);
    expect(scales[3]).toBeCloseTo(6 / 27, 7);
  });

  it('settles channels that decide each other, of which there is more than one way', () => {
    const trunk = Int32Array.of(2, 3);
    const loop = {
      path: '',
      ranges: kernelRanges(Tensor.fromNumbers('float64', [2, 2], [0, 9, 1, 0]), {
        kind: 'matrix',
        rows: trunk,
        columns: trunk,
        inputs: 'rows',
      }),
    };
    const regions: Region[] = [{ classes: [...trunk], sources: [loop], sinks: [loop], biases: [] }];
    const solution = equalRanges(regions, 4, { tolerance: 1e-9 });
    // 9 s2 / s3 = 1 s3 / s2; of all such pairs that which moves least.
    expect(scalesOf(solution)[1]).toBeCloseTo(Math.sqrt(3), 7);
    expect(scalesOf(solution)[0]).toBeCloseTo(1 / Math.sqrt(3), 7);
  });

  it('counts dead channels, on either side, as a millionth of the largest', () => {
    const solution = solvePair([1, 0, 1e-7, 1], [4, 4, 4, 0]);
    // sqrt(1e-6 / 4) is below the limit of factors; sqrt(1 / 4e-6) is not above it.
    expect(scalesOf(solution)).toEqual([0.5, 1e-3, 1e-3, 500].map((scale) => expect.closeTo(scale, 6)));
    expect(solution.dead).toEqual(new Set([3, 4, 5]));
  });

  it('does not blow up the bias of a channel that is all but dead', () => {
    const bias = { classes: Int32Array.of(2, 3), magnitudes: Float64Array.of(0, 20) };
    const [alive, weak] = scalesOf(solvePair([1, 1e-5], [1, 1], [bias]));
    expect(alive).toBeCloseTo(1, 8);
    // The bias counts as 20 / 20 = 1.
    expect(weak).toBeCloseTo(1, 8);
    expect(scalesOf(solvePair([1, 1e-5], [1, 1]))[1]).toBeCloseTo(Math.sqrt(1e-5), 8);
  });

  it('stops factors at a thousand and says so', () => {
    const solution = solvePair([1e9, 1e9], [1, 1e5]);
    expect(scalesOf(solution)).toEqual([expect.closeTo(1000, 6), expect.closeTo(100, 6)]);
    expect(solution.clamped).toEqual(new Set([2]));
  });

  it('keeps factors at exactly 1 where the ranges match within the tolerance', () => {
    const regions = pair([1.001, 1], [1, 1.0005]);
    expect(scalesOf(equalRanges(regions, 4))).toEqual([1, 1]);
  });

  it('has nothing to do without regions', () => {
    expect(equalRanges([], 3)).toMatchObject({ scales: Float64Array.of(1, 1, 1) });
  });
});
