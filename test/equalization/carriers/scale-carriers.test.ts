import { describe, expect, it } from 'vitest';
import { carryScales } from '../../../src/equalization/carriers/scale-carriers.ts';
import { activationMoments } from '../../../src/equalization/moments/activation-moments.ts';
import { channelRange } from '../../../src/model/channels.ts';
import type { Model } from '../../../src/model/model.ts';
import { describeSkip } from '../../../src/model/skip-reason.ts';
import { fakeQuantize } from '../../../src/quantization/fake-quantize.ts';
import { QUANTIZER_PRESETS } from '../../../src/quantization/quantizer.ts';
import { compareOutputs } from '../../../src/verification/comparing/compare-outputs.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';
import { randomInputs } from '../../support/run-model.ts';

/** float32 rounds gamma and the kernel anew, and the error of a few layers adds up. */
const ROUNDING = 2e-6;

const runner = await TfjsRunner.create({ backend: 'cpu' });

async function difference(one: Model, other: Model): Promise<number> {
  const inputs = randomInputs(one);
  const [expected] = await runner.run(one, inputs);
  const [actual] = await runner.run(other, inputs);
  if (!expected || !actual) throw new Error('no output');
  return compareOutputs(expected, actual).maxRelative;
}

const conv = { filters: 6, kernel_size: [3, 3], padding: 'same' };

describe('carryScales', () => {
  it('computes W / r, gamma r / sigma and beta + (b - mean) gamma / sigma', () => {
    const model = buildModel([
      input('in', [2]),
      layer('Dense', 'dense', { units: 2 }, { weights: { kernel: [4, -0.5, -2, 0.25], bias: [1, 3] } }),
      layer(
        'BatchNormalization',
        'bn',
        { epsilon: 0.001 },
        {
          weights: {
            gamma: [3, -2],
            beta: [0.5, 1],
            movingMean: [2, 4],
            // sigma is 0.5 and 2.
            movingVariance: [0.249, 3.999],
          },
        },
      ),
    ]);
    const { carried, left } = carryScales(model, { symmetricGrid: true });
    const bn = model.layer('bn');
    const dense = model.layer('dense');
    expect(left).toEqual([]);
    expect([...(carried[0]?.factors ?? [])]).toEqual([4, 0.5]);
    expect([...dense.requireWeight('kernel').values()]).toEqual([1, -1, -0.5, 0.5]);
    expect(dense.weight('bias')).toBeUndefined();
    expect(dense.operation).toMatchObject({ useBias: false });
    const gamma = bn.requireWeight('gamma').toFloat64();
    expect(gamma[0]).toBeCloseTo(24, 5);
    expect(gamma[1]).toBeCloseTo(-0.5, 6);
    // 0.5 + (1 - 2) * 6 and 1 + (3 - 4) * -1.
    const beta = bn.requireWeight('beta').toFloat64();
    expect(beta[0]).toBeCloseTo(-5.5, 5);
    expect(beta[1]).toBeCloseTo(2, 6);
    expect([...bn.requireWeight('movingMean').values()]).toEqual([0, 0]);
  });

  it.each([1e-3, 1e-5, 1.1e-5, 2e-5, 0.0123, 0.3, 1, 1e-7])('a variance that makes 1 with %f', (epsilon) => {
    const model = buildModel([
      input('in', [2]),
      layer('Dense', 'dense', { units: 2 }),
      layer('BatchNormalization', 'bn', { epsilon }),
    ]);
    carryScales(model);
    const [variance = Number.NaN] = model.layer('bn').requireWeight('movingVariance').toFloat64();
    expect(Math.fround(variance + Math.fround(epsilon))).toBe(1);
  });

  it.each([1.5, 40])('an epsilon of %f, with which none makes 1', async (epsilon) => {
    const model = buildModel([
      input('in', [3]),
      layer('Dense', 'dense', { units: 4 }),
      layer('BatchNormalization', 'bn', { epsilon }),
    ]);
    const original = model.clone();
    carryScales(model);
    expect(await difference(original, model)).toBeLessThan(ROUNDING);
  });

  const kinds: Record<string, ReturnType<typeof layer>> = {
    conv: layer('Conv2D', 'kernel', conv),
    'grouped conv': layer('Conv2D', 'kernel', { ...conv, groups: 2 }),
    'depthwise with multiplier': layer('DepthwiseConv2D', 'kernel', {
      kernel_size: [3, 3],
      depth_multiplier: 3,
    }),
    transpose: layer('Conv2DTranspose', 'kernel', { ...conv, strides: [2, 2] }),
    separable: layer('SeparableConv2D', 'kernel', { ...conv, depth_multiplier: 2 }),
    'without bias': layer('Conv2D', 'kernel', { ...conv, use_bias: false }),
    dense: layer('Dense', 'kernel', { units: 5 }),
  };
  const batchNorms: Record<string, object> = {
    whole: {},
    'without gamma': { scale: false },
    'without beta': { center: false },
    bare: { scale: false, center: false },
  };
  for (const [kind, spec] of Object.entries(kinds)) {
    it.each(Object.keys(batchNorms))(
      `${kind}, batch norm %s: the same function, equal ranges`,
      async (form) => {
        const model = buildModel([
          input('in', [6, 6, 4]),
          spec,
          layer('BatchNormalization', 'bn', { epsilon: 1e-3, ...batchNorms[form] }),
          layer('ReLU', 'relu', { max_value: 6 }),
          layer('Conv2D', 'last', { filters: 3, kernel_size: [1, 1] }),
        ]);
        const original = model.clone();
        const turned = model.clone();
        const { carried, left } = carryScales(model, { symmetricGrid: true });
        expect(carried.map((one) => one.layer)).toEqual(['kernel']);
        expect(left.map(describeSkip)).toEqual([
          'last keeps its scale: no batch norm stands behind it, but an output of the model',
        ]);
        for (const range of channelRange(model.layer('kernel'), 'output')) expect(range).toBeCloseTo(1, 6);
        expect(await difference(original, model)).toBeLessThan(ROUNDING);
        carryScales(turned);
        // The largest float32 below 1 and its like.
        for (const range of channelRange(turned.layer('kernel'), 'output'))
          expect(range).toBeLessThan(1 + 1e-6);
        expect(await difference(original, turned)).toBeLessThan(ROUNDING);
      },
    );
  }

  it('turns channels around so that all reach further up than down', async () => {
    const kernel = [0.5, -4, -0.25, 2, 0.125, -4];
    const model = buildModel([
      input('in', [3]),
      layer('Dense', 'dense', { units: 2 }, { weights: { kernel } }),
      layer('BatchNormalization', 'bn'),
    ]);
    const original = model.clone();
    const { carried } = carryScales(model);
    expect([...(carried[0]?.factors ?? [])]).toEqual([0.5, -4]);
    expect([...model.layer('dense').requireWeight('kernel').values()]).toEqual([1, 1, -0.5, -0.5, 0.25, 1]);
    expect(await difference(original, model)).toBeLessThan(ROUNDING);
  });

  it('channels first', async () => {
    const first = { data_format: 'channels_first' };
    const model = buildModel([
      input('in', [4, 6, 6]),
      layer('Conv2D', 'kernel', { ...conv, ...first, activation: 'relu' }),
      layer('DepthwiseConv2D', 'depthwise', { kernel_size: [3, 3], ...first }),
      layer('BatchNormalization', 'bn', { axis: 1 }),
    ]);
    const original = model.clone();
    const { carried } = carryScales(model);
    expect(carried.map(({ layer: path }) => path)).toEqual(['depthwise']);
    expect(await difference(original, model)).toBeLessThan(ROUNDING);
  });

  it('a shared layer with a batch norm behind each call', async () => {
    const model = buildModel([
      input('in', [6, 6, 4]),
      layer('MaxPooling2D', 'pool', { pool_size: [2, 2], strides: [1, 1], padding: 'same' }),
      layer('Conv2D', 'shared', conv, { calls: [['in'], ['pool']] }),
      layer('BatchNormalization', 'bn1', {}, { from: ['shared'] }),
      layer('BatchNormalization', 'bn2', {}, { from: ['shared:1'] }),
      layer('Add', 'add', {}, { from: ['bn1', 'bn2'] }),
    ]);
    const original = model.clone();
    const { carried } = carryScales(model);
    expect(carried[0]?.batchNorms).toEqual(['bn1', 'bn2']);
    expect(await difference(original, model)).toBeLessThan(ROUNDING);
  });

  it('leaves dead channels and what it cannot carry alone', async () => {
    const model = buildModel(
      [
        input('in', [2]),
        layer('Dense', 'dead', { units: 2 }, { weights: { kernel: [0, 0.5, 0, 0.25], bias: [100, 0] } }),
        layer('BatchNormalization', 'bn'),
        layer('Dense', 'several', { units: 2 }),
        layer('BatchNormalization', 'one'),
        layer('Add', 'sum', {}, { from: ['several', 'one'] }),
        layer('Dense', 'nan', { units: 2 }, { weights: { kernel: [Number.NaN, 1, 1, 1] } }),
        layer('BatchNormalization', 'behind'),
      ],
      { outputs: ['sum', 'behind'] },
    );
    const original = model.clone();
    const { carried, left } = carryScales(model, { symmetricGrid: true });
    expect([...(carried[0]?.factors ?? [])]).toEqual([1, 0.5]);
    expect(left.map(describeSkip)).toEqual([
      'several keeps its scale: its output goes to sum as well',
      'nan keeps its scale: NaN or Inf in nan/kernel, output channel 0',
    ]);
    expect(await difference(original, model)).toBeLessThan(ROUNDING);
  });

  it('keeps what the batch norms told of distributions', () => {
    const model = buildModel([
      input('in', [6, 6, 4]),
      layer('Conv2D', 'conv', conv),
      layer('BatchNormalization', 'bn'),
      layer('ReLU', 'relu', { max_value: 6 }),
      layer('Conv2D', 'last', { filters: 3, kernel_size: [1, 1] }),
    ]);
    const before = activationMoments(model);
    carryScales(model);
    const after = activationMoments(model);
    for (const path of ['bn', 'relu']) {
      for (const kind of ['mean', 'variance'] as const) {
        const expected = before.ofLayer(path)?.[kind];
        expect(expected?.length).toBe(6);
        for (const [channel, value] of (expected ?? []).entries()) {
          expect(after.ofLayer(path)?.[kind][channel]).toBeCloseTo(value, 10);
        }
      }
    }
  });

  it('makes channels of very different ranges survive a quantizer per tensor', async () => {
    const kernel = Array.from({ length: 4 * 6 }, (_, index) => Math.sin(index) * 10 ** (index % 6));
    const model = buildModel([
      input('in', [4]),
      layer('Dense', 'dense', { units: 6 }, { weights: { kernel } }),
      layer(
        'BatchNormalization',
        'bn',
        {},
        {
          weights: {
            movingMean: [0, 0, 0, 0, 0, 0],
            movingVariance: [1, 1e2, 1e4, 1e6, 1e8, 1e10],
          },
        },
      ),
    ]);
    const original = model.clone();
    carryScales(model);
    const quantized = (one: Model): Model => fakeQuantize(one, QUANTIZER_PRESETS['tfjs-uint8']);
    expect(await difference(original, quantized(original))).toBeGreaterThan(0.1);
    expect(await difference(original, quantized(model))).toBeLessThan(0.02);
  });
});
