import { describe, expect, it } from 'vitest';
import { TENSOR_COUNT, tensorNoise } from '../../../src/equalization/noise/rounded-tensors.ts';
import { tensorKey } from '../../../src/model/graph.ts';
import type { Model } from '../../../src/model/model.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';

/** Writes channels of these deviations, and the mean 0. */
const normal = (name: string, deviations: readonly number[]): LayerSpec => {
  const filled = (value: number): number[] => deviations.map(() => value);
  const weights = {
    ...{ gamma: deviations, beta: filled(0) },
    ...{ movingMean: filled(0), movingVariance: filled(4) },
  };
  return layer('BatchNormalization', name, { epsilon: 1e-9 }, { weights });
};

/** Two channels, of which the second has `deviation`, into one output that has 3 and 1 of them. */
const network = (deviation: number): Model =>
  buildModel([
    input('x', [2]),
    normal('bn', [1, deviation]),
    layer('Dense', 'dense', { units: 1 }, { weights: { kernel: [3, 1], bias: [0] } }),
  ]);

const noiseOf = (model: Model, key: string) =>
  tensorNoise(model).known.find(({ tensor }) => tensorKey(tensor) === key);

describe('tensorNoise', () => {
  it('is step²/12 of what the outputs hear of each channel', () => {
    const noise = noiseOf(network(1), 'bn#0:0');
    // 6 deviations to both sides; no kernel lies before, which counts 1 + 20 / 0.3 times.
    const weight = 1 + 20 / 0.3;
    const step = 12 / 254;
    expect(noise?.range).toMatchObject({ min: expect.closeTo(-6, 6), max: expect.closeTo(6, 6) });
    expect(noise?.damage).toBeGreaterThan(0);
    expect((noise?.damage ?? NaN) / (TENSOR_COUNT * weight * (step ** 2 / 12) * (3 ** 2 + 1))).toBeCloseTo(
      1,
      2,
    );
    expect(noise?.loneChannel).toBeUndefined();
    // What is written counts 1 + 20 times.
    const written = noiseOf(network(1), 'dense#0:0');
    const width = (written?.range.max ?? NaN) - (written?.range.min ?? NaN);
    const own = TENSOR_COUNT * 21 * ((width / 254) ** 2 / 12);
    expect((written?.damage ?? NaN) / own).toBeCloseTo(1, 2);
  });

  it('grows with the square of the range, which a channel may set alone', () => {
    const [one, ten] = [1, 10].map((deviation) => noiseOf(network(deviation), 'bn#0:0'));
    // Scales are float32.
    expect((ten?.damage ?? NaN) / (one?.damage ?? NaN)).toBeCloseTo(100, 3);
    expect([one?.loneChannel, ten?.loneChannel]).toEqual([undefined, 1]);
    expect(noiseOf(network(1.9), 'bn#0:0')?.loneChannel).toBeUndefined();
    expect(noiseOf(network(2.1), 'bn#0:0')?.loneChannel).toBe(1);
  });

  it('takes ranges of inputs, and tells of which tensors nothing is known', () => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'dense', { units: 1 }, { weights: { kernel: [3, 1], bias: [0] } }),
    ]);
    expect(tensorNoise(model).unknown.map(tensorKey)).toEqual(['x#0:0', 'dense#0:0']);
    const { known, unknown } = tensorNoise(model, { inputRanges: [{ min: 0, max: 1 }] });
    expect(unknown.map(tensorKey)).toEqual(['dense#0:0']);
    const weight = 1 + 20 / 0.3;
    expect(known[0]?.damage).toBeCloseTo(TENSOR_COUNT * weight * (1 / 255 ** 2 / 12) * (3 ** 2 + 1), 9);
  });
});
