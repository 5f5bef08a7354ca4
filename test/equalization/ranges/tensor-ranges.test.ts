import { describe, expect, it } from 'vitest';
import { expectedRanges, tensorRanges } from '../../../src/equalization/ranges/tensor-ranges.ts';
import type { Model } from '../../../src/model/model.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

/** What the batch norm writes has the means 0, 1 and 2 and the deviations 1, 1 and 5, and 6 of them are expected at most. */
const network = (): Model =>
  buildModel([
    input('x', [3]),
    layer(
      'BatchNormalization',
      'bn',
      { epsilon: 1e-9 },
      { weights: { gamma: [1, 1, 5], beta: [0, 1, 2], movingMean: [0, 0, 0], movingVariance: [4, 4, 4] } },
    ),
    layer('ReLU', 'relu'),
    layer('Dense', 'classes', { units: 2, activation: 'softmax' }),
  ]);

describe('expectedRanges', () => {
  it('has what statistics tell, and the channel that decides', () => {
    const ranges = expectedRanges(network());
    expect([...ranges.keys()]).toEqual(['x#0:0', 'bn#0:0', 'relu#0:0', 'classes#0:0']);
    const bn = ranges.get('bn#0:0');
    expect(bn).toMatchObject({ path: 'bn', source: 'statistics', widestChannel: 2 });
    expect([bn?.min, bn?.max, bn?.widthWithout].map((value) => Math.round(value ?? NaN))).toEqual([
      // -28 to 32; without the last channel -6 to 7.
      -28, 32, 13,
    ]);
    const relu = ranges.get('relu#0:0');
    expect([relu?.min, relu?.max, relu?.widthWithout].map((value) => Math.round(value ?? NaN))).toEqual([
      0, 32, 7,
    ]);
    expect(ranges.get('classes#0:0')).toMatchObject({ min: 0, max: 1, source: 'given' });
  });

  it('takes ranges of inputs', () => {
    const ranges = expectedRanges(network(), { inputRanges: [{ min: -3, max: 4 }] });
    expect(ranges.get('x#0:0')).toMatchObject({ min: -3, max: 4, source: 'given', widestChannel: undefined });
    expect(() => expectedRanges(network(), { inputRanges: [] })).toThrow(
      /^0 input ranges for a model with 1 inputs/,
    );
  });

  it('leaves out what nothing tells', () => {
    const model = buildModel([input('x', [3]), layer('Dense', 'dense', { units: 2 })]);
    expect(expectedRanges(model).size).toBe(0);
  });
});

describe('tensorRanges', () => {
  it('measures with stand-ins what nothing tells, or throws', async () => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'dense', { units: 2 }, { weights: { kernel: [1, 0, 0, 1], bias: [0, 0] } }),
    ]);
    await expect(tensorRanges(model)).rejects.toThrow(
      /^x: nothing tells the range of the input x and of 1 more/,
    );
    const runner = await TfjsRunner.create({ backend: 'cpu' });
    const standIns = { runner, inputs: [Tensor.fromNumbers('float32', [2, 2], [1, -2, 3, 4])] };
    const ranges = await tensorRanges(model, { standIns });
    expect([...ranges].map(([key, { min, max, source }]) => [key, min, max, source])).toEqual([
      ['x#0:0', -2, 4, 'stand-ins'],
      ['dense#0:0', -2, 4, 'stand-ins'],
    ]);
  });
});
