import { describe, expect, it } from 'vitest';
import {
  addConstantResponse,
  type ChannelIndex,
  channelMaxAbs,
  channelOfPair,
  channelsOf,
} from '../../src/kernels/pair-ranges.ts';
import { Tensor } from '../../src/tensor/tensor.ts';

/** Two positions of [2 rows, 4 columns]; the largest magnitudes of the pairs are 1 to 8. */
const KERNEL = Tensor.fromNumbers(
  'float32',
  [2, 2, 4],
  [1, -2, 0, 4, 0.5, 6, -7, 0, -0.5, 1, 3, -1, -5, 0, 2, 8],
);
const ROWS: ChannelIndex = { kind: 'rows' };
const COLUMNS: ChannelIndex = { kind: 'columns' };
const PAIRS: ChannelIndex = { kind: 'pairs' };
const GROUPS: ChannelIndex = { kind: 'groups', groups: 2 };

describe('channels of pairs', () => {
  it('count rows, columns, pairs, or rows for each group', () => {
    expect([ROWS, COLUMNS, PAIRS, GROUPS].map((index) => channelsOf(KERNEL, index))).toEqual([2, 4, 8, 4]);
  });

  it('number them as Keras does', () => {
    const channels = (index: ChannelIndex): number[] =>
      [0, 1].flatMap((row) => [0, 1, 2, 3].map((column) => channelOfPair(KERNEL, index, row, column)));
    expect(channels(ROWS)).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    expect(channels(COLUMNS)).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
    expect(channels(PAIRS)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    // Columns 0 and 1 are the first group, which reads channels 0 and 1; columns 2 and 3 read channels 2 and 3.
    expect(channels(GROUPS)).toEqual([0, 0, 2, 2, 1, 1, 3, 3]);
  });
});

describe('channelMaxAbs', () => {
  it('is the largest magnitude over kernel positions and pairs', () => {
    expect([...channelMaxAbs(KERNEL, ROWS)]).toEqual([4, 8]);
    expect([...channelMaxAbs(KERNEL, COLUMNS)]).toEqual([5, 6, 7, 8]);
    expect([...channelMaxAbs(KERNEL, PAIRS)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([...channelMaxAbs(KERNEL, GROUPS)]).toEqual([2, 6, 4, 8]);
  });

  it('follows the factors of the tensor, negative ones too', () => {
    const scaled = KERNEL.scaled('rows', [10, 1]).scaled('columns', [1, -1, 2, 1]);
    expect([...channelMaxAbs(scaled, COLUMNS)]).toEqual([10, 20, 60, 40]);
    expect([...channelMaxAbs(scaled.scaled('pairs', [0, 0, 0, 0, 1, 1, 1, 1]), COLUMNS)]).toEqual([
      5, 6, 14, 8,
    ]);
  });

  it('is the magnitude where there is one position, whose reduction has signs', () => {
    const dense = Tensor.fromNumbers('float32', [2, 2], [1, -2, -3, 1]);
    expect([...channelMaxAbs(dense, ROWS)]).toEqual([2, 3]);
  });

  it('is NaN or infinite where a weight of the channel is', () => {
    const broken = Tensor.fromNumbers('float32', [2, 1, 3], [NaN, 1, 2, 3, -Infinity, 4]);
    expect([...channelMaxAbs(broken, COLUMNS)]).toEqual([NaN, Infinity, 4]);
  });

  it('keeps the largest and smallest numbers of float32 and float64', () => {
    const single = Tensor.fromNumbers('float32', [1, 2], [3.4e38, 1e-45]);
    expect([...channelMaxAbs(single, COLUMNS)]).toEqual([...Float32Array.of(3.4e38, 1e-45)]);
    const double = Tensor.fromNumbers('float64', [2, 1, 2], [1e300, 0, 0, 5e-324]);
    expect([...channelMaxAbs(double, COLUMNS)]).toEqual([1e300, 5e-324]);
  });

  it('is 0 for channels without pairs', () => {
    const empty = Tensor.of('float32', [1, 0, 2], new Float32Array(0));
    expect([...channelMaxAbs(empty, COLUMNS)]).toEqual([0, 0]);
  });
});

describe('addConstantResponse', () => {
  const respond = (tensor: Tensor, input: number[], from: ChannelIndex, to: ChannelIndex): number[] => {
    const target = new Float64Array(channelsOf(tensor, to));
    addConstantResponse(tensor, input, from, to, target);
    return [...target];
  };
  // Sums over the two positions: [[0.5, -1, 3, 3], [-4.5, 6, -5, 8]].

  it('adds up what a constant input makes of each output channel', () => {
    expect(respond(KERNEL, [1, 10], ROWS, COLUMNS)).toEqual([-44.5, 59, -47, 83]);
    expect(respond(KERNEL, [1, 10, 100, 1000], COLUMNS, ROWS)).toEqual([3290.5, 7555.5]);
    expect(respond(KERNEL, [1, 10], ROWS, PAIRS)).toEqual([0.5, -1, 3, 3, -45, 60, -50, 80]);
  });

  it('keeps groups apart', () => {
    expect(respond(KERNEL, [1, 10, 100, 1000], GROUPS, COLUMNS)).toEqual([
      0.5 - 45,
      -1 + 60,
      300 - 5000,
      300 + 8000,
    ]);
  });

  it('follows the factors of the tensor, and adds to what is there', () => {
    const target = Float64Array.of(1000, 1000, 1000, 1000);
    addConstantResponse(KERNEL.scaled('rows', [2, 0]), [1, 10], ROWS, COLUMNS, target);
    expect([...target]).toEqual([1001, 998, 1006, 1006]);
  });
});

describe('firstNonFinitePair of a tensor', () => {
  it('finds a NaN or an infinity, whatever its position, and nothing in a sound kernel', () => {
    expect(KERNEL.firstNonFinitePair()).toBe(-1);
    const values = Float32Array.from(KERNEL.values() as Float32Array);
    values[8 + 6] = NaN;
    expect(Tensor.of('float32', [2, 2, 4], values).firstNonFinitePair()).toBe(6);
    values[3] = -Infinity;
    expect(Tensor.of('float32', [2, 2, 4], values).firstNonFinitePair()).toBe(3);
    expect(Tensor.of('float32', [2, 4], values.slice(0, 8)).firstNonFinitePair()).toBe(3);
  });
});
