import { describe, expect, it } from 'vitest';
import { absorbBiases } from '../../src/equalization/bias-absorption.ts';
import type { Model } from '../../src/model/model.ts';
import { foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
import { describeSkip } from '../../src/primitives/skip-reason.ts';
import { compareOutputs } from '../../src/verification/compare.ts';
import { TfjsRunner } from '../../src/verification/runner.ts';
import { buildModel, input, type LayerSpec, layer } from '../support/model-builder.ts';
import { randomInputs } from '../support/run-model.ts';

/** Biases are rounded to float32 twice. */
const ROUNDING = 2e-6;
const runner = await TfjsRunner.create({ backend: 'cpu' });

async function difference(one: Model, other: Model): Promise<number> {
  const inputs = randomInputs(one);
  const [expected] = await runner.run(one, inputs);
  const [actual] = await runner.run(other, inputs);
  if (!expected || !actual) throw new Error('no output');
  return compareOutputs(expected, actual).maxRelative;
}

/** A convolution whose output is about 5 with a deviation of 0.2, and what follows. */
function folded(...behind: LayerSpec[]): Model {
  const model = buildModel([
    input('in', [8, 8, 2]),
    layer(
      'Conv2D',
      'first',
      { filters: 4, kernel_size: [1, 1] },
      { weights: { kernel: [0.1, -0.1, 0.2, 0.1, 0.1, 0.2, -0.1, 0.1] } },
    ),
    layer(
      'BatchNormalization',
      'bn',
      { epsilon: 0 },
      {
        weights: {
          gamma: [0.2, 0.2, -0.2, 0.1],
          beta: [5, 5, 5, 0.1],
          movingMean: [0, 0, 0, 0],
          movingVariance: [0.5, 0.5, 0.5, 0.5],
        },
      },
    ),
    ...behind,
  ]);
  foldAllBatchNorms(model);
  return model;
}

const last = layer('Conv2D', 'last', { filters: 3, kernel_size: [3, 3] });

describe('absorbBiases', () => {
  it('moves the mean less three deviations past a ReLU', async () => {
    const model = folded(layer('ReLU', 'relu'), last);
    const original = model.clone();
    const before = model.layer('first').statistics;
    const { absorbed, skipped } = absorbBiases(model);
    expect(absorbed).toHaveLength(1);
    expect(absorbed[0]).toMatchObject({ from: 'first', into: 'last', throughRelu: true });
    const expected = [4.4, 4.4, 4.4, 0];
    for (const [channel, amount] of (absorbed[0]?.amounts ?? []).entries()) {
      expect(amount).toBeCloseTo(expected[channel] ?? NaN, 6);
      const mean = model.layer('first').statistics?.mean[channel];
      expect(mean).toBeCloseTo((before?.mean[channel] ?? NaN) - amount, 10);
    }
    expect(skipped.map(({ code }) => code)).toEqual(['model-output']);
    expect(await difference(original, model)).toBeLessThan(ROUNDING);
  });

  it.each<[string, LayerSpec[]]>([
    ['nothing', []],
    ['a pooling', [layer('AveragePooling2D', 'pool', { pool_size: [3, 3], padding: 'same' })]],
    ['a dropout', [layer('Dropout', 'drop', { rate: 0.5 })]],
  ])('moves the whole mean through %s, which is exact', async (_, between) => {
    const model = folded(
      ...between,
      layer('DepthwiseConv2D', 'depthwise', { kernel_size: [1, 1], padding: 'same' }),
    );
    const original = model.clone();
    const { absorbed } = absorbBiases(model);
    expect(absorbed[0]).toMatchObject({ into: 'depthwise', throughRelu: false });
    expect(absorbed[0]?.amounts[3]).toBeCloseTo(0.1, 6);
    expect(await difference(original, model)).toBeLessThan(ROUNDING);
  });

  it('gives a bias to a layer that has none', async () => {
    const model = folded(layer('Conv2D', 'last', { filters: 3, kernel_size: [3, 3], use_bias: false }));
    const original = model.clone();
    absorbBiases(model);
    expect(model.layer('last').operation).toMatchObject({ useBias: true });
    expect(await difference(original, model)).toBeLessThan(ROUNDING);
  });

  it.each<[string, string, LayerSpec[]]>([
    ['zero padding', 'padding', [layer('ReLU', 'relu'), layer('ZeroPadding2D', 'pad'), last]],
    [
      'padding of its own',
      'padding',
      [layer('Conv2D', 'last', { filters: 3, kernel_size: [3, 3], padding: 'same' })],
    ],
    ['a ReLU with a maximum', 'activation-between', [layer('ReLU', 'relu6', { max_value: 6 }), last]],
    ['a sigmoid', 'activation-between', [layer('Activation', 'sigmoid', { activation: 'sigmoid' }), last]],
    [
      'a transposed convolution',
      'transposed-convolution',
      [layer('Conv2DTranspose', 'last', { filters: 3, kernel_size: [2, 2] })],
    ],
    ['a reshape', 'layer-between', [layer('Flatten', 'flatten'), layer('Dense', 'dense', { units: 2 })]],
    [
      'several readers',
      'several-consumers',
      [layer('ReLU', 'relu'), layer('Add', 'sum', {}, { from: ['relu', 'first'] })],
    ],
  ])('leaves the bias alone before %s', (_, code, behind) => {
    const model = folded(...behind);
    const weights = [...model.allLayers()].flatMap(({ layer: one }) => [...one.weights.values()]);
    const { absorbed, skipped } = absorbBiases(model);
    expect(absorbed).toEqual([]);
    expect(skipped.map((reason) => reason.code)).toContain(code);
    expect(skipped.every((reason) => describeSkip(reason).includes(reason.layers[0] ?? '?'))).toBe(true);
    expect([...model.allLayers()].flatMap(({ layer: one }) => [...one.weights.values()])).toEqual(weights);
  });

  it('leaves layers alone of whose output nothing is known', () => {
    const model = buildModel([
      input('in', [8, 8, 2]),
      layer('Conv2D', 'first', { filters: 4, kernel_size: [1, 1], activation: 'relu' }),
      last,
    ]);
    const { absorbed, skipped } = absorbBiases(model);
    expect(absorbed).toEqual([]);
    expect(skipped.map(({ code }) => code)).toEqual(['no-batch-norm', 'model-output']);
  });
});
