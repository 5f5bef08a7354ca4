import { describe, expect, it } from 'vitest';
import { type AbsorptionRecord, absorbBiases } from '../../../src/equalization/biases/bias-absorption.ts';
import type { Model } from '../../../src/model/model.ts';
import { describeSkip } from '../../../src/model/skip-reason.ts';
import { foldAllBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import { compareOutputs } from '../../../src/verification/comparing/compare-outputs.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';
import { randomInputs } from '../../support/run-model.ts';

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

/** Distributions of the output of the convolution, `[channels]`; deviations may be negative, as a gamma is. */
interface Outputs {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

const HIGH: Outputs = { mean: [5, 5, 5, 0.1], deviation: [0.2, 0.2, -0.2, 0.1] };

/** A convolution whose output is about 5 with a deviation of 0.2, and what follows. */
function folded(...behind: LayerSpec[]): Model {
  return foldedWith(HIGH, ...behind);
}

function foldedWith({ mean, deviation }: Outputs, ...behind: LayerSpec[]): Model {
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
          gamma: deviation,
          beta: mean,
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
const head = layer('Dense', 'head', { units: 3 });

describe('absorbBiases', () => {
  it('moves the mean less three deviations past a ReLU', async () => {
    const model = folded(layer('ReLU', 'relu'), last);
    const original = model.clone();
    const before = model.layer('first').statistics;
    const { absorbed, left } = absorbBiases(model);
    expect(absorbed).toHaveLength(1);
    expect(absorbed[0]).toMatchObject({ from: 'first', into: 'last', throughRelu: true });
    const expected = [4.4, 4.4, 4.4, 0];
    for (const [channel, amount] of (absorbed[0]?.amounts ?? []).entries()) {
      expect(amount).toBeCloseTo(expected[channel] ?? NaN, 6);
      const mean = model.layer('first').statistics?.mean[channel];
      expect(mean).toBeCloseTo((before?.mean[channel] ?? NaN) - amount, 10);
    }
    expect(left.map(({ code }) => code)).toEqual(['model-output']);
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

  it.each<[string, LayerSpec[]]>([
    ['a global pooling to Dense', [layer('ReLU', 'relu'), layer('GlobalAveragePooling2D', 'pool'), head]],
    ['a pooling to Dense on the last of four dimensions', [layer('MaxPooling2D', 'pool'), head]],
  ])('goes on from %s', async (_, behind) => {
    const model = folded(...behind);
    const original = model.clone();
    expect(absorbBiases(model).absorbed[0]).toMatchObject({ from: 'first', into: 'head' });
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
      'a dropout in training mode',
      'layer-between',
      [layer('Dropout', 'drop', { rate: 0.5, trainable: false }, { kwargs: { training: true } }), last],
    ],
    [
      'a pooling over other axes',
      'data-format',
      [layer('MaxPooling2D', 'pool', { pool_size: 1, data_format: 'channels_first' }), last],
    ],
    [
      'several readers',
      'several-consumers',
      [layer('ReLU', 'relu'), layer('Add', 'sum', {}, { from: ['relu', 'first'] })],
    ],
  ])('leaves the bias alone before %s', (_, code, behind) => {
    const model = folded(...behind);
    const weights = [...model.allLayers()].flatMap(({ layer: one }) => [...one.weights.values()]);
    const { absorbed, left } = absorbBiases(model);
    expect(absorbed).toEqual([]);
    expect(left.map((reason) => reason.code)).toContain(code);
    expect(left.every((reason) => describeSkip(reason).includes(reason.layers[0] ?? '?'))).toBe(true);
    expect([...model.allLayers()].flatMap(({ layer: one }) => [...one.weights.values()])).toEqual(weights);
  });

  it('leaves layers alone of whose output nothing is known', () => {
    const model = buildModel([
      input('in', [8, 8, 2]),
      layer('Conv2D', 'first', { filters: 4, kernel_size: [1, 1], activation: 'relu' }),
      last,
    ]);
    const { absorbed, left } = absorbBiases(model);
    expect(absorbed).toEqual([]);
    expect(left.map(({ code }) => code)).toEqual(['no-batch-norm', 'model-output']);
  });
});

describe('absorbBiases for a quantizer of activations', () => {
  const int8 = { bits: 8, symmetric: false, rounding: 'half-away' } as const;
  const relu = layer('ReLU', 'relu');

  function expectRange({ absorbed: [one] }: AbsorptionRecord, before: number[], after: number[]): void {
    const { expectedRange } = one ?? {};
    expect([...(expectedRange?.before ?? [])].map((end) => Number(end.toFixed(6)))).toEqual(before);
    expect([...(expectedRange?.after ?? [])].map((end) => Number(end.toFixed(6)))).toEqual(after);
  }

  it('moves no more than the range takes, and in no other channels', async () => {
    // The second channel has up to 1 + 6 * 0.5 = 4 and nothing below its mean less 3 deviations: it decides the range.
    const model = foldedWith({ mean: [5, 1, 3, 0.1], deviation: [0.2, 0.5, 0.1, 0.1] }, relu, last);
    const original = model.clone();
    const record = absorbBiases(model, { activations: int8 });
    // 5 + 6 * 0.2 = 6.2 comes down to 4, less than the 5 - 3 * 0.2 = 4.4 that could go; 3 + 6 * 0.1 is below 4.
    expectRange(record, [0, 6.2], [0, 4]);
    expect([...(record.absorbed[0]?.amounts ?? [])].map((amount) => Number(amount.toFixed(6)))).toEqual([
      2.2, 0, 0, 0,
    ]);
    expect(await difference(original, model)).toBeLessThan(ROUNDING);
    // Biases are stored in float32, statistics are not: nothing is left to gain.
    expect(absorbBiases(model, { activations: int8 }).absorbed).toEqual([]);
  });

  it('leaves a bias where another channel needs the range, and says so', () => {
    const model = foldedWith({ mean: [5, 1, 1, 0], deviation: [0.2, 1.2, 1, 1] }, relu, last);
    const weights = [...model.allLayers()].flatMap(({ layer: one }) => [...one.weights.values()]);
    const { absorbed, left } = absorbBiases(model, { activations: int8 });
    expect(absorbed).toEqual([]);
    const [reason] = left;
    expect(reason).toMatchObject({ code: 'no-smaller-range', layers: ['first', 'last'] });
    expect(reason && describeSkip(reason)).toMatch(
      /bias of first is not absorbed into last: .* 0\.00 to 8\.20, would be 0\.00 to 8\.20/,
    );
    expect([...model.allLayers()].flatMap(({ layer: one }) => [...one.weights.values()])).toEqual(weights);
    // Without a quantizer it does not have to help.
    expect(absorbBiases(model).absorbed[0]?.amounts[0]).toBeCloseTo(4.4, 6);
  });

  it('leaves a bias for a gain below a hundredth of the range', () => {
    const outputs = (highest: number): Outputs => ({
      mean: [5, 2, 0, 0],
      deviation: [0.2, highest, 0.1, 0.1],
    });
    // 6.2 against 2 + 6 * 0.695 = 6.17, and against 6.08.
    const codes = [0.695, 0.68].map(
      (deviation) =>
        absorbBiases(foldedWith(outputs(deviation), relu, last), { activations: int8 }).absorbed.length,
    );
    expect(codes).toEqual([0, 1]);
  });

  it('moves the whole mean where no ReLU stands between, which centres the range', async () => {
    const model = foldedWith({ mean: [5, -4, 1, 0], deviation: [0.5, 0.5, 0.5, 0.5] }, last);
    const original = model.clone();
    const record = absorbBiases(model, { activations: int8 });
    expectRange(record, [-7, 8], [-3, 3]);
    expect(await difference(original, model)).toBeLessThan(ROUNDING);
  });

  it('counts what a symmetric range goes without', () => {
    // -3 to 3 instead of 0 to 6: as wide, but symmetric -6 to 6 was twice that.
    const outputs: Outputs = { mean: [3, 3, 3, 3], deviation: [0.5, 0.5, 0.5, 0.5] };
    const moved = [false, true].map((symmetric) => {
      const model = foldedWith(outputs, last);
      return absorbBiases(model, { activations: { ...int8, symmetric } }).absorbed.length;
    });
    expect(moved).toEqual([0, 1]);
  });

  it.each<[string, RegExp, LayerSpec[]]>([
    [
      'zero padding',
      /bias of first is not absorbed: pad pads with zeros/,
      [relu, layer('ZeroPadding2D', 'pad'), last],
    ],
    [
      'padding of its own',
      /not absorbed: last pads with zeros \(same\)/,
      [relu, layer('Conv2D', 'last', { filters: 3, kernel_size: [3, 3], padding: 'same' })],
    ],
    [
      'a ReLU with a maximum',
      /ReLU with the maximum 6 in relu6/,
      [layer('ReLU', 'relu6', { max_value: 6 }), last],
    ],
    ['the end of the model', /or what activations and poolings make of it, is one of the model/, [relu]],
  ])('names what stands in the way: %s', (_, sentence, behind) => {
    const { absorbed, left } = absorbBiases(folded(...behind), { activations: int8 });
    expect(absorbed).toEqual([]);
    expect(left.map(describeSkip)[0]).toMatch(sentence);
  });

  it('refuses a quantizer that is none', () => {
    const activations = { ...int8, bits: 1 };
    expect(() => absorbBiases(folded(relu, last), { activations })).toThrow(/2 to 16 bits, not 1/);
  });
});
