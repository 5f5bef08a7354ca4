import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cancelErrors,
  cancelKernelErrors,
  type RoundedKernel,
  type RoundedWeights,
} from '../../src/kernels/cancelling-rounding.ts';
import {
  type ChannelIndex,
  channelOfPair,
  channelOfPairs,
  channelsOf,
  pairSteps,
} from '../../src/kernels/pair-ranges.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { seededRandom } from '../support/random.ts';

/** Weights on a grid of whole numbers that share one input, all rounded to the nearest. */
function oneInput(weights: readonly number[], mean = 0): RoundedWeights {
  return {
    error: Float64Array.from(weights, (weight) => Math.round(weight) - weight),
    other: Float64Array.from(weights, (weight) => {
      const nearest = Math.round(weight);
      return (nearest > weight ? nearest - 1 : nearest + 1) - weight;
    }),
    input: new Int32Array(weights.length),
    mean: Float64Array.of(mean),
    variance: Float64Array.of(1),
  };
}

function objective({ error, input, mean, variance }: RoundedWeights, p: number, c: number): number {
  const sums = new Float64Array(mean.length);
  let own = 0;
  for (const [at, value] of error.entries()) {
    sums[input[at]!] = sums[input[at]!]! + value;
    own += variance[input[at]!]! * value * value;
  }
  const total = sums.reduce((sum, value, index) => sum + value * mean[index]!, 0);
  const together = sums.reduce((sum, value, index) => sum + value * value * variance[index]!, 0);
  return (1 - p) * own + p * together + c * total * total;
}

/** The errors after every move that makes the objective smaller was made, the best first, by trying all. */
function greedily(weights: RoundedWeights, p: number, c: number): number[] {
  const { error, other, ...rest } = weights;
  const [now, then] = [error.slice(), other.slice()];
  for (;;) {
    const before = objective({ ...rest, error: now, other: then }, p, c);
    const changes = [...now.keys()].map((at) => {
      const moved = now.slice();
      moved[at] = then[at]!;
      return objective({ ...rest, error: moved, other: then }, p, c) - before;
    });
    const best = changes.indexOf(Math.min(...changes));
    // Less is rounding.
    if (!(changes[best]! < -1e-12)) return [...now];
    [now[best], then[best]] = [then[best]!, now[best]!];
  }
}

describe('cancelErrors', () => {
  it('moves the weight whose error costs least', () => {
    // Errors -0.4, -0.375, -0.45 add up to -1.225; the last one moved makes it -0.225.
    const weights = oneInput([1.4, 2.375, 3.45]);
    expect(cancelErrors(weights, { positions: 1, channels: 0 })).toBe(1);
    const moved = weights.error.map((value) => Math.round(value * 1000) / 1000);
    expect([...moved].sort((a, b) => a - b)).toHaveLength(3);
    expect(Math.abs(weights.error.reduce((sum, value) => sum + value, 0))).toBeCloseTo(0.225, 12);
  });

  it('moves nothing where inputs do not vary together', () => {
    const weights = oneInput([1.4, 2.4, 3.4], 5);
    const before = weights.error.slice();
    expect(cancelErrors(weights, { positions: 0, channels: 0 })).toBe(0);
    expect(weights.error).toEqual(before);
  });

  it('cancels over inputs with means that go up and down together', () => {
    const weights: RoundedWeights = {
      error: Float64Array.of(-0.4, -0.45),
      other: Float64Array.of(0.6, 0.55),
      input: Int32Array.of(0, 1),
      mean: Float64Array.of(1, 1),
      variance: Float64Array.of(0.01, 0.01),
    };
    expect(cancelErrors(weights, { positions: 0, channels: 1 })).toBe(1);
    expect([...weights.error]).toEqual([-0.4, 0.55]);
    expect([...weights.other]).toEqual([0.6, -0.45]);
  });

  it('leaves weights with one level alone, and takes none', () => {
    const weights = oneInput([1.4, 2.4, 3.4]);
    weights.other.fill(Number.NaN);
    expect(cancelErrors(weights, { positions: 1, channels: 0 })).toBe(0);
    expect(cancelErrors(oneInput([]), { positions: 1, channels: 1 })).toBe(0);
  });

  it('moves the one that gains most, again and again, over several inputs', () => {
    const random = seededRandom(3);
    for (let round = 0; round < 50; round++) {
      const input = Int32Array.from({ length: 24 }, (_, at) => Math.floor(at / 4));
      const error = Float64Array.from(input, () => random.uniform() - 0.5);
      const weights: RoundedWeights = {
        error,
        other: error.map((value) => (value > 0 ? value - 1 : value + 1)),
        input,
        mean: Float64Array.from({ length: 6 }, () => 3 * random.uniform() - 1),
        variance: Float64Array.from({ length: 6 }, () => random.uniform()),
      };
      const expected = greedily(weights, 0.9, 0.3);
      cancelErrors(weights, { positions: 0.9, channels: 0.3 });
      expect([...weights.error]).toEqual(expected);
    }
  });

  it('never makes the expected error larger, and ends', () => {
    const number = fc.double({ min: -20, max: 20, noNaN: true });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(number, { maxLength: 40 }), number, share, share, (list, mean, p, c) => {
        const weights = oneInput(list, mean);
        const before = objective(weights, p, c);
        cancelErrors(weights, { positions: p, channels: c });
        expect(objective(weights, p, c)).toBeLessThanOrEqual(before + 1e-9);
        expect(weights.error.every((error) => Math.abs(error) <= 1)).toBe(true);
      }),
    );
  });
});

/** A kernel `[positions, rows, columns]` on a grid of steps of 1/8. */
function randomKernel(
  [positions, rows, columns]: readonly [number, number, number],
  output: ChannelIndex,
  input: ChannelIndex,
): { kernel: RoundedKernel; tensor: Tensor } {
  const random = seededRandom(positions + rows + columns);
  const weights = Float32Array.from({ length: positions * rows * columns }, () => 2 * random.uniform() - 1);
  const tensor = Tensor.of('float32', [positions, rows, columns], weights);
  const inputs = channelsOf(tensor, input);
  return {
    tensor,
    kernel: {
      weights,
      levels: weights.map((weight) => Math.round(weight * 8) / 8 + 0),
      pairs: rows * columns,
      pairsOfOutput: pairSteps(tensor, output),
      inputOfPair: channelOfPairs(tensor, input),
      ranges: Array.from({ length: channelsOf(tensor, output) }, (_, index) => ({
        step: 1 / 8,
        low: -1,
        high: index % 3 === 0 ? 0.75 : 1,
      })),
      mean: Float64Array.from({ length: inputs }, () => 3 * random.uniform() - 1),
      variance: Float64Array.from({ length: inputs }, () => random.uniform()),
    },
  };
}

/** The levels of {@link cancelKernelErrors}, an output after the other with the pairs that belong to it. */
function plainly(
  { weights, levels, ranges, mean, variance }: RoundedKernel,
  { tensor, output, input }: { tensor: Tensor; output: ChannelIndex; input: ChannelIndex },
): { levels: number[]; moved: number } {
  const made = [...levels];
  const { rows, columns } = tensor;
  const pairs = Array.from(
    { length: rows * columns },
    (_, pair) => [Math.floor(pair / columns), pair % columns] as const,
  );
  let moved = 0;
  for (const [channel, { step, low, high }] of ranges.entries()) {
    const own = pairs.filter(([row, column]) => channelOfPair(tensor, output, row, column) === channel);
    const places = own.flatMap(([row, column], index) =>
      Array.from({ length: weights.length / pairs.length }, (_, position) => ({
        flat: (position * rows + row) * columns + column,
        index,
      })),
    );
    const inputs = own.map(([row, column]) => channelOfPair(tensor, input, row, column));
    const one: RoundedWeights = {
      error: Float64Array.from(places, ({ flat }) => levels[flat]! - weights[flat]!),
      other: Float64Array.from(places, ({ flat }) => {
        const level = levels[flat]!;
        const isEnd = level < low + step / 2 || level > high - step / 2;
        return (isEnd ? NaN : level > weights[flat]! ? level - step : level + step) - weights[flat]!;
      }),
      input: Int32Array.from(places, ({ index }) => index),
      mean: Float64Array.from(inputs, (at) => mean[at]!),
      variance: Float64Array.from(inputs, (at) => variance[at]!),
    };
    moved += cancelErrors(one, { positions: 0.9, channels: 0.3 });
    for (const [at, { flat }] of places.entries()) made[flat] = weights[flat]! + one.error[at]!;
  }
  return { levels: [...Float32Array.from(made)], moved };
}

describe('cancelKernelErrors', () => {
  const shapes = [
    ['a convolution', [9, 5, 37], 'columns', { kind: 'rows' }],
    ['one of a single position', [1, 40, 16], 'columns', { kind: 'rows' }],
    ['one in groups', [4, 3, 18], 'columns', { kind: 'groups', groups: 2 }],
    ['a transposed one', [4, 19, 6], 'rows', { kind: 'columns' }],
    ['a depthwise one', [9, 12, 3], 'pairs', { kind: 'rows' }],
    ['a single output', [3, 7, 1], 'columns', { kind: 'rows' }],
  ] as const;
  it.each(shapes)('%s: the same as an output after the other', (_, shape, kind, input) => {
    const output: ChannelIndex = { kind };
    const { kernel, tensor } = randomKernel(shape, output, input);
    const expected = plainly(kernel, { tensor, output, input });
    const moved = cancelKernelErrors(kernel, { positions: 0.9, channels: 0.3 });
    expect([...kernel.levels]).toEqual(expected.levels);
    expect(moved).toBe(expected.moved);
    expect(moved).toBeGreaterThan(0);
  });

  it.each([[[0, 3, 4]], [[2, 0, 4]], [[2, 3, 0]]] as const)(
    'moves nothing in a kernel of shape %j',
    (shape) => {
      const { kernel } = randomKernel(shape, { kind: 'columns' }, { kind: 'rows' });
      expect(cancelKernelErrors(kernel, { positions: 0.9, channels: 0.3 })).toBe(0);
    },
  );
});
