import { describe, expect, it } from 'vitest';
import { addConstantResponse, type ChannelIndex, channelsOf } from '../../src/kernels/pair-ranges.ts';
import { outerTaps, tapResponse } from '../../src/kernels/tap-response.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { seededRandom } from '../support/random.ts';

const ROWS: ChannelIndex = { kind: 'rows' };
const COLUMNS: ChannelIndex = { kind: 'columns' };
const PAIRS: ChannelIndex = { kind: 'pairs' };

function tensor(shape: readonly number[], values: readonly number[]): Tensor {
  return Tensor.fromNumbers('float32', shape, values);
}

describe('outerTaps', () => {
  it('has a value for each position and channel', () => {
    const taps = outerTaps(Float64Array.of(1, 0.5), [3, 4, 5]);
    expect(taps).toEqual({ positions: 2, channels: 3, values: Float64Array.of(3, 4, 5, 1.5, 2, 2.5) });
  });
});

describe('tapResponse', () => {
  it('sums over positions and input channels', () => {
    // Two positions, two inputs, two outputs: [[1, 2], [3, 4]] and [[5, 6], [7, 8]].
    const kernel = tensor([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
    const taps = outerTaps(Float64Array.of(1, 0.5), [10, 100]);
    // Output 0: 1*10 + 3*100 + (5*10 + 7*100) / 2; output 1: 2*10 + 4*100 + (6*10 + 8*100) / 2.
    expect([...tapResponse(kernel, { input: ROWS, output: COLUMNS }, taps, 1)]).toEqual([685, 850]);
    // The same with squares.
    expect([...tapResponse(kernel, { input: ROWS, output: COLUMNS }, taps, 2)]).toEqual([
      1 * 10 + 9 * 100 + (25 * 10 + 49 * 100) / 2,
      4 * 10 + 16 * 100 + (36 * 10 + 64 * 100) / 2,
    ]);
  });

  it('knows depthwise, transposed and grouped kernels', () => {
    const kernel = tensor([1, 2, 2], [1, 2, 3, 4]);
    const taps = outerTaps(Float64Array.of(1), [10, 100]);
    expect([...tapResponse(kernel, { input: ROWS, output: PAIRS }, taps, 1)]).toEqual([10, 20, 300, 400]);
    expect([...tapResponse(kernel, { input: COLUMNS, output: ROWS }, taps, 1)]).toEqual([210, 430]);
    // Two groups of one input each, two outputs a group.
    const grouped = tensor([1, 1, 4], [1, 2, 3, 4]);
    const input: ChannelIndex = { kind: 'groups', groups: 2 };
    expect([...tapResponse(grouped, { input, output: COLUMNS }, taps, 1)]).toEqual([10, 20, 300, 400]);
    // Back from the outputs to the inputs: 1 * 10 + 2 * 100 and 3 * 1000 + 4 * 10000.
    const behind = outerTaps(Float64Array.of(1), [10, 100, 1000, 10_000]);
    expect([...tapResponse(grouped, { input: COLUMNS, output: input }, behind, 1)]).toEqual([210, 43_000]);
  });

  it('is the response to a constant where all shares are 1, in kernels of many pieces too', () => {
    const random = seededRandom(3);
    // 3 x 3 positions of 250 x 260 are more than is read at a time.
    const values = Float64Array.from({ length: 9 * 250 * 260 }, random.normal);
    const kernel = Tensor.fromNumbers('float64', [3, 3, 250, 260], values).scaled(
      'columns',
      Float64Array.from({ length: 260 }, random.uniform),
    );
    for (const [input, output] of [
      [ROWS, COLUMNS],
      [COLUMNS, ROWS],
      [ROWS, PAIRS],
      [{ kind: 'groups', groups: 2 }, COLUMNS],
    ] as const) {
      const means = Float64Array.from({ length: channelsOf(kernel, input) }, random.normal);
      const expected = new Float64Array(channelsOf(kernel, output));
      addConstantResponse(kernel, means, input, output, expected);
      const actual = tapResponse(kernel, { input, output }, outerTaps(new Float64Array(9).fill(1), means), 1);
      // Sums of 2,250 terms in another order.
      for (const [channel, value] of expected.entries()) expect(actual[channel]).toBeCloseTo(value, 9);
    }
  });
});
