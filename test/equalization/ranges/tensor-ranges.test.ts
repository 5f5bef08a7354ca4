import { describe, expect, it } from 'vitest';
import { expectedRanges, tensorRanges } from '../../../src/equalization/ranges/tensor-ranges.ts';
import type { Model } from '../../../src/model/model.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';

const runner = await TfjsRunner.create({ backend: 'cpu' });

/** A convolution of known statistics, two channels of mean 1 and 0 and deviations 0.5 and 2, and what stands behind it. */
function behind(...layers: LayerSpec[]): Model {
  const model = buildModel(
    [input('x', [4, 4, 3]), layer('Conv2D', 'conv', { filters: 2, kernel_size: 1 }), ...layers],
    { seed: 5 },
  );
  model.layer('conv').statistics = { mean: Float64Array.of(1, 0), variance: Float64Array.of(0.25, 4) };
  return model;
}

/** Smallest and largest value expected of what a layer writes; the input is between -1 and 1. */
async function rangeOf(model: Model, path: string): Promise<[number, number] | undefined> {
  const ranges = await tensorRanges(model, { inputRanges: [{ min: -1, max: 1 }] });
  const found = [...ranges.values()].find((one) => one.path === path);
  return found && [found.min, found.max];
}

describe('tensorRanges without data', () => {
  it('is the mean and 6 deviations to both sides, 0 included', async () => {
    expect(await rangeOf(behind(), 'conv')).toEqual([-12, 12]);
    const ranges = await tensorRanges(behind(), { inputRanges: [{ min: 2, max: 3 }] });
    expect(ranges.get('x#0:0')).toMatchObject({ min: 2, max: 3, source: 'given', path: 'x' });
    expect(ranges.get('conv#0:0')).toMatchObject({ source: 'statistics', widestChannel: 1 });
  });

  it('ends where activations end', async () => {
    expect(await rangeOf(behind(layer('ReLU', 'relu')), 'relu')).toEqual([0, 12]);
    expect(await rangeOf(behind(layer('ReLU', 'relu', { max_value: 6 })), 'relu')).toEqual([0, 6]);
    const [low, high] = (await rangeOf(behind(layer('Activation', 'a', { activation: 'swish' })), 'a')) ?? [];
    expect(low).toBeCloseTo(-0.27846, 4);
    // Matched by a normal variable: of N(0, 4) a swish has the mean 0.77 and the deviation 1.15.
    expect(high).toBeGreaterThan(6);
    expect(high).toBeLessThan(9);
    const gate = behind(
      layer('Activation', 'gate', { activation: 'sigmoid' }),
      layer('Multiply', 'product', {}, { from: ['conv', 'gate'] }),
    );
    expect(await rangeOf(gate, 'product')).toEqual([low, high]);
  });

  it('is added up by sums, and kept by pooling', async () => {
    const sum = behind(layer('Add', 'sum', {}, { from: ['conv', 'conv'] }));
    const [low = 0, high = 0] = (await rangeOf(sum, 'sum')) ?? [];
    expect(high).toBeCloseTo(6 * Math.sqrt(8), 6);
    expect(low).toBeCloseTo(-high, 6);
    const pooled = behind(layer('ReLU', 'relu', { max_value: 6 }), layer('GlobalAveragePooling2D', 'pool'));
    const range = await rangeOf(pooled, 'pool');
    expect(range?.[0]).toBe(0);
    expect(range?.[1]).toBeLessThanOrEqual(6);
  });

  it('is wider where channels may agree that were taken for independent', async () => {
    const channels = 64;
    const model = buildModel([
      input('x', [channels]),
      layer('Dense', 'told', { units: channels }),
      layer('Dense', 'classes', { units: 1, use_bias: false }),
    ]);
    const kernel = new Float64Array(channels).fill(1);
    model.layer('classes').setWeight('kernel', Tensor.fromNumbers('float32', [channels, 1], kernel));
    const variance = new Float64Array(channels).fill(1);
    model.layer('told').statistics = { mean: new Float64Array(channels), variance };
    // The deviation of the sum is 8, were they independent, and up to 8 times that: 6 * 8 * 8 / 6.
    expect((await rangeOf(model, 'classes'))?.[1]).toBeCloseTo(64, 4);
  });

  it('names what nothing tells, and measures it on stand-ins', async () => {
    const model = buildModel([
      input('x', [3]),
      layer('Dense', 'a', { units: 2 }),
      layer('Dense', 'b', { units: 2 }),
    ]);
    await expect(tensorRanges(model)).rejects.toThrow(
      /^x: nothing tells the range of the input x and of 2 more tensors: no batch norm, and no samples; give inputs/,
    );
    const inputs = [Tensor.fromNumbers('float32', [2, 3], [1, -2, 0.5, 3, 0, 0])];
    const ranges = await tensorRanges(model, { standIns: { runner, inputs } });
    expect([...ranges.values()].map(({ source }) => source)).toEqual(['stand-ins', 'stand-ins', 'stand-ins']);
    let asked = 0;
    const standIns = () => {
      asked++;
      return Promise.resolve({ runner, inputs });
    };
    expect(await tensorRanges(model, { standIns })).toEqual(ranges);
    expect(asked).toBe(1);
    // What is known takes nothing to measure with.
    const known = buildModel([input('in', [4]), layer('Activation', 'sigmoid', { activation: 'sigmoid' })]);
    await tensorRanges(known, { inputRanges: [{ min: 0, max: 1 }], standIns });
    expect(asked).toBe(1);
    expect(ranges.get('x#0:0')).toMatchObject({ min: -2, max: 3 });
  });

  it('refuses other than a range an input', async () => {
    await expect(tensorRanges(behind(), { inputRanges: [] })).rejects.toThrow(
      new RangeError('0 input ranges for a model with 1 inputs'),
    );
  });
});

describe('tensorRanges with samples', () => {
  it('is the smallest and the largest value on them', async () => {
    const model = behind(layer('ReLU', 'relu'));
    const values = Array.from({ length: 2 * 4 * 4 * 3 }, (_, index) => Math.sin(index));
    const inputs = [Tensor.fromNumbers('float32', [2, 4, 4, 3], values)];
    const ranges = await tensorRanges(model, { samples: { runner, inputs, batchSize: 1 } });
    const [made] = await runner.run(model, inputs);
    const largest = Math.max(...(made?.toFloat64() ?? []));
    expect(ranges.get('relu#0:0')).toMatchObject({ min: 0, max: largest, source: 'samples' });
    expect(ranges.get('x#0:0')?.min).toBeCloseTo(Math.min(...values), 6);
  });

  it('names the layer whose values are not finite', async () => {
    const inputs = [Tensor.fromNumbers('float32', [1, 4, 4, 3], new Float64Array(48).fill(Number.NaN))];
    await expect(tensorRanges(behind(), { samples: { runner, inputs } })).rejects.toThrow(
      /^x: its values range from NaN to NaN on these inputs/,
    );
  });
});

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
