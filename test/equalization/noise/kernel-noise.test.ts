import { describe, expect, it } from 'vitest';
import { correctBias } from '../../../src/equalization/biases/bias-correction.ts';
import { activationMoments } from '../../../src/equalization/moments/activation-moments.ts';
import { measureMoments } from '../../../src/equalization/moments/measured-moments.ts';
import { type KernelNoise, kernelNoise } from '../../../src/equalization/noise/kernel-noise.ts';
import { type KernelQuantizer, kernelQuantizer } from '../../../src/equalization/noise/quantized-kernels.ts';
import type { LayerStatistics } from '../../../src/model/layer.ts';
import type { Model } from '../../../src/model/model.ts';
import { QUANTIZER_PRESETS } from '../../../src/quantization/quantizer.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, buildSequential, input, type LayerSpec, layer } from '../../support/model-builder.ts';
import { seededRandom } from '../../support/random.ts';

const INT8 = QUANTIZER_PRESETS['int8-per-tensor'];

const dense = (name: string, units: number, kernel?: readonly number[], config = {}): LayerSpec =>
  layer('Dense', name, { units, use_bias: false, ...config }, kernel ? { weights: { kernel } } : {});

const normal = (mean: readonly number[], variance: readonly number[]): LayerStatistics => ({
  mean: Float64Array.from(mean),
  variance: Float64Array.from(variance),
});

/** Adds these errors to the kernels `layer/name`, and none to others. */
const adding =
  (errors: Readonly<Record<string, readonly number[]>>): KernelQuantizer =>
  (owner, name) => {
    const kernel = owner.requireWeight(name);
    const added = errors[`${owner.path}/${name}`] ?? [];
    const values = kernel.toFloat64().map((value, index) => value + (added[index] ?? 0));
    return Tensor.of('float64', kernel.shape, values);
  };

function damages(noises: readonly KernelNoise[]): Record<string, number> {
  return Object.fromEntries(noises.map(({ layer: { path }, name, damage }) => [`${path}/${name}`, damage]));
}

/** An exact sum of float32 numbers that decimals stand for. */
const close = (value: number): number => expect.closeTo(value, 6);

describe('kernelNoise', () => {
  const chain = (): Model => {
    const model = buildModel([input('x', [1]), dense('first', 2, [1, 1]), dense('last', 2, [1, 0, 0, 3])]);
    model.layer('first').statistics = normal([1, 2], [4, 9]);
    return model;
  };
  const errors = adding({ 'last/kernel': [0.1, 0, 0, 0.2] });

  it('has the mean and the variance of what the errors make of the inputs', () => {
    const model = chain();
    const noises = kernelNoise(model, activationMoments(model), errors);
    // Means 0.1 * 1 and 0.2 * 2, variances 0.01 * 4 and 0.04 * 9.
    expect(damages(noises)['last/kernel']).toEqual(close(0.01 + 0.16 + 0.04 + 0.36));
    expect(noises.at(-1)).toMatchObject({ isKnown: true, isCorrected: false });
  });

  it('leaves the mean out where the bias takes it', () => {
    const model = chain();
    const noises = kernelNoise(model, activationMoments(model), errors, { corrected: true });
    expect(damages(noises)['last/kernel']).toEqual(close(0.04 + 0.36));
    expect(noises.at(-1)?.isCorrected).toBe(true);
  });

  it('goes on to the outputs by what they hear of a channel', () => {
    const model = buildModel([
      input('x', [1]),
      dense('first', 2, [1, 1]),
      dense('second', 2, [1, 0, 0, 1]),
      dense('last', 1, [2, 3]),
    ]);
    model.layer('first').statistics = normal([0, 0], [1, 4]);
    const noises = kernelNoise(
      model,
      activationMoments(model),
      adding({ 'second/kernel': [0.1, 0, 0, 0.1] }),
    );
    // All channels go into one output; what varies behind `second`, 4 * 1 + 9 * 4, is what varies there.
    expect(damages(noises)).toMatchObject({
      'second/kernel': close(4 * 0.01 * 1 + 9 * 0.01 * 4),
      'last/kernel': 0,
    });
  });

  it('takes the calls of a shared layer together, of which one bias takes the average', () => {
    const model = buildModel([
      input('x', [1]),
      dense('a', 1, [1]),
      layer('Dense', 'b', { units: 1, use_bias: false }, { from: ['x'], weights: { kernel: [1] } }),
      layer(
        'Dense',
        'shared',
        { units: 1, use_bias: false },
        { calls: [['a'], ['b']], weights: { kernel: [1] } },
      ),
      layer('Add', 'both', {}, { from: ['shared:0', 'shared:1'] }),
    ]);
    model.layer('a').statistics = normal([1], [1]);
    model.layer('b').statistics = normal([3], [1]);
    const moments = activationMoments(model);
    const shared = adding({ 'shared/kernel': [0.1] });
    const plain = damages(kernelNoise(model, moments, shared));
    // Means 0.1 and 0.3, variances 0.01 each.
    expect(plain['shared/kernel']).toEqual(close(0.01 + 0.09 + 0.02));
    const corrected = damages(kernelNoise(model, moments, shared, { corrected: true }));
    expect(corrected['shared/kernel']).toEqual(close(0.01 + 0.01 + 0.02));
  });

  it('has both kernels of a SeparableConv', () => {
    const model = buildModel([
      input('x', [1, 1, 1]),
      layer('Conv2D', 'first', { filters: 2, kernel_size: 1, use_bias: false }),
      layer(
        'SeparableConv2D',
        'both',
        { filters: 1, kernel_size: 1, use_bias: false },
        { weights: { depthwiseKernel: [2, 3], pointwiseKernel: [5, 7] } },
      ),
    ]);
    model.layer('first').statistics = normal([1, 1], [1, 4]);
    const moments = activationMoments(model);
    const noises = kernelNoise(
      model,
      moments,
      adding({ 'both/depthwiseKernel': [0.1, 0], 'both/pointwiseKernel': [0, 0.1] }),
    );
    expect(damages(noises)).toEqual({
      'first/kernel': 0,
      // Mean 0.1 and variance 0.01 on the first channel, which goes on by 5.
      'both/depthwiseKernel': close(25 * (0.01 + 0.01)),
      // The second channel has mean 3 and variance 9 * 4 there.
      'both/pointwiseKernel': close(0.01 * 9 + 0.01 * 36),
    });
  });

  it('says where nothing tells how inputs vary, and corrects nothing there', () => {
    const model = buildModel([input('x', [2]), dense('last', 1, [1, 1])]);
    const quantizer = adding({ 'last/kernel': [0.1, 0.2] });
    const [noise] = kernelNoise(model, activationMoments(model), quantizer, { corrected: true });
    // As if means were 0 and variances 1.
    expect(noise).toMatchObject({ isKnown: false, isCorrected: false, damage: close(0.01 + 0.04) });
  });

  it('leaves out kernels that cannot be quantized', () => {
    const model = buildSequential([input('x', [2]), dense('nan', 2, [1, NaN, 1, 1]), dense('last', 1)]);
    const noises = kernelNoise(model, activationMoments(model), INT8);
    expect(noises.map(({ layer: { path } }) => path)).toEqual(['last']);
    expect(kernelNoise(buildModel([input('x', [2])]), activationMoments(model), INT8)).toEqual([]);
  });

  it('refuses a quantizer that contradicts itself', () => {
    const model = chain();
    expect(() => kernelNoise(model, activationMoments(model), { ...INT8, bits: 1 })).toThrow(RangeError);
  });
});

describe('kernelNoise, beside what is measured', () => {
  const SAMPLES = 256;
  /** One kernel after the other with outliers of its own, so that their steps differ. */
  const OUTLIERS: Readonly<Record<string, number>> = { a: 40, b: 1, c: 160, d: 4 };

  /** Dense layers with ReLUs, as wide as it takes for the paths through them to be independent. */
  function outlying(): Model {
    const model = buildModel(
      [
        input('x', [16]),
        dense('a', 48, undefined, { activation: 'relu' }),
        dense('b', 48, undefined, { activation: 'relu' }),
        dense('c', 48, undefined, { activation: 'relu' }),
        dense('d', 8),
      ],
      { seed: 3 },
    );
    for (const [path, times] of Object.entries(OUTLIERS)) {
      const owner = model.layer(path);
      const values = owner.requireWeight('kernel').toFloat64();
      values[7] = times * (values[7] ?? 0);
      owner.setWeight('kernel', Tensor.fromNumbers('float32', owner.requireWeight('kernel').shape, values));
    }
    return model;
  }

  it('ranks kernels as they are measured, each within a factor of 4', async () => {
    const random = seededRandom(1);
    const values = Float32Array.from({ length: SAMPLES * 16 }, () => random.normal());
    const inputs = [Tensor.of('float32', [SAMPLES, 16], values)];
    const runner = await TfjsRunner.create({ backend: 'cpu' });
    const model = outlying();
    const run = async (one: Model): Promise<Float64Array> =>
      (await runner.run(one, inputs, { batchSize: SAMPLES }))[0]?.toFloat64() ?? new Float64Array();
    const moments = await measureMoments(model, runner, inputs, { batchSize: SAMPLES });
    const expected = await run(model);
    const quantizer = kernelQuantizer(INT8);
    for (const corrected of [false, true]) {
      const compared: { predicted: number; measured: number }[] = [];
      for (const {
        layer: { path },
        damage,
      } of kernelNoise(model, moments, INT8, { corrected })) {
        const copy = model.clone();
        const alone: KernelQuantizer = (owner, name) =>
          owner.path === path ? quantizer(owner, name) : owner.requireWeight(name);
        if (corrected) correctBias(copy, alone, moments);
        copy.layer(path).weights.set('kernel', alone(copy.layer(path), 'kernel'));
        const outputs = await run(copy);
        const squares = outputs.map((value, index) => (value - (expected[index] ?? NaN)) ** 2);
        const measured = squares.reduce((sum, one) => sum + one, 0) / SAMPLES;
        compared.push({ predicted: damage, measured });
      }
      const order = (of: 'predicted' | 'measured'): number[] =>
        [...compared.keys()].sort((a, b) => (compared[b]?.[of] ?? 0) - (compared[a]?.[of] ?? 0));
      expect(compared).toHaveLength(4);
      expect(order('predicted')).toEqual(order('measured'));
      for (const { predicted, measured } of compared) {
        // Paths are taken for independent, and a ReLU for one that halves all errors alike.
        expect(predicted / measured).toBeGreaterThan(1 / 4);
        expect(predicted / measured).toBeLessThan(4);
      }
    }
  });
});
