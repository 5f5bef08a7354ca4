import { beforeAll, describe, expect, it } from 'vitest';
import { correctBias } from '../../../src/equalization/biases/bias-correction.ts';
import { carryScales } from '../../../src/equalization/carriers/scale-carriers.ts';
import { activationMoments } from '../../../src/equalization/moments/activation-moments.ts';
import { measureMoments } from '../../../src/equalization/moments/measured-moments.ts';
import type { Model } from '../../../src/model/model.ts';
import { foldAllBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import { QUANTIZER_PRESETS } from '../../../src/quantization/quantizer.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';
import { seededRandom } from '../../support/random.ts';

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create({ backend: 'cpu' });
});

const MEANS = [0.7, -0.4, 0.1];
/** Small against what the outputs are made to deviate by, so that the flat picture is all that tells their means. */
const WIDE = 4;

/** A picture that is MEANS everywhere, so that the mean outputs of a layer are those of any input with these means. */
function flatPicture(size: number): Tensor {
  const values = Float32Array.from({ length: size * size * 3 }, (_, index) => MEANS[index % 3] ?? 0);
  return Tensor.of('float32', [1, size, size, 3], values);
}

/** Gives the first layer with a kernel the mean outputs that inputs with MEANS have, and a variance. */
async function trained(layers: readonly LayerSpec[], name = 'conv'): Promise<Model> {
  const model = buildModel([input('x', [6, 6, 3]), ...layers], { seed: 7 });
  const { mean } = (await measureMoments(model, runner, [flatPicture(6)])).ofLayer(name) ?? {};
  if (!mean) throw new Error(`no moments of ${name}`);
  model.layer(name).statistics = { mean, variance: new Float64Array(mean.length).fill(WIDE) };
  return model;
}

const conv = (filters: number, config: object = {}): LayerSpec =>
  layer('Conv2D', 'conv', { filters, kernel_size: 3, padding: 'same', ...config });

function expectMeans(model: Model, path = 'x'): void {
  const found = activationMoments(model).ofLayer(path);
  expect(found?.mean).toHaveLength(MEANS.length);
  // The mean outputs come out of the runner in float32.
  for (const [channel, mean] of MEANS.entries()) expect(found?.mean[channel]).toBeCloseTo(mean, 4);
}

describe('the means of inputs that are not given', () => {
  it.each<[string, LayerSpec[]]>([
    ['a convolution that sees borders', [conv(8)]],
    ['strides', [conv(8, { strides: 2 })]],
    ['groups', [conv(12, { groups: 3 })]],
    ['a depthwise convolution', [layer('DepthwiseConv2D', 'conv', { kernel_size: 3, depth_multiplier: 4 })]],
    ['a separable one', [layer('SeparableConv2D', 'conv', { kernel_size: 3, filters: 8 })]],
    ['a transposed one', [layer('Conv2DTranspose', 'conv', { kernel_size: 3, filters: 8, strides: 2 })]],
    ['a Dense', [layer('Dense', 'conv', { units: 8 })]],
    [
      'zero padding and a dropout in front',
      [layer('ZeroPadding2D', 'pad'), layer('Dropout', 'drop'), conv(8, { padding: 'valid' })],
    ],
  ])('are those that the statistics behind were made with: %s', async (_, layers) => {
    expectMeans(await trained(layers));
  });

  it('are found where a few outputs have statistics of other weights', async () => {
    const model = await trained([conv(16)]);
    const { statistics } = model.layer('conv');
    if (!statistics) throw new Error('no statistics');
    const { mean, variance } = statistics;
    for (const output of [2, 9, 13]) mean[output] = (mean[output] ?? 0) + 1;
    model.layer('conv').statistics = { mean, variance };
    const found = activationMoments(model).ofLayer('x');
    // Whatever is far off counts a little all the same; without the outliers the error is below 1e-4.
    for (const [channel, one] of MEANS.entries()) expect(found?.mean[channel]).toBeCloseTo(one, 2);
  });

  it('come out the same of a batch norm, after folding, and where it carries scales', async () => {
    const model = buildModel([input('x', [6, 6, 3]), conv(8), layer('BatchNormalization', 'bn')], {
      seed: 7,
    });
    const { mean } = (await measureMoments(model, runner, [flatPicture(6)])).ofLayer('conv') ?? {};
    model.layer('bn').setWeight('movingMean', Tensor.fromNumbers('float32', [8], [...(mean ?? [])]));
    expectMeans(model);
    const before = activationMoments(model).ofLayer('x')?.variance[0];
    for (const change of [foldAllBatchNorms, carryScales]) {
      const copy = model.clone();
      change(copy);
      expectMeans(copy);
      expect(activationMoments(copy).ofLayer('x')?.variance[0]).toBeCloseTo(before ?? Number.NaN, 4);
    }
  });

  it('are told of what a layer made that is not known', async () => {
    const scaled = await trained([layer('Rescaling', 'scale', { scale: 1 }), conv(8)]);
    expect(activationMoments(scaled).ofLayer('x')).toBeUndefined();
    expectMeans(scaled, 'scale');
  });

  it('let the first bias be corrected', async () => {
    const quantizer = QUANTIZER_PRESETS['int8-per-tensor'];
    const model = await trained([conv(8)]);
    const told = correctBias(model.clone(), quantizer, activationMoments(model));
    const given = correctBias(
      model.clone(),
      quantizer,
      activationMoments(model, { inputs: [flatPicture(6)] }),
    );
    expect(told.left).toEqual([]);
    for (const [output, shift] of (given.corrected[0]?.shift ?? []).entries()) {
      expect(told.corrected[0]?.shift[output]).toBeCloseTo(shift, 5);
    }
  });
});

describe('the variance of inputs that are not given', () => {
  const weights = [0.5, 0.2, -0.1, 0.3, 0.4, 0.4, -0.2, 0.6, 0.1, 0.5, 0.3, 0.7];

  function dense(variances: readonly number[], bias: readonly number[] = [0, 0, 0, 0, 0, 0]): Model {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'dense', { units: 6 }, { weights: { kernel: weights, bias } }),
    ]);
    // Inputs of mean 1 and 2.
    const mean = Float64Array.from(
      bias,
      (value, output) => value + (weights[output] ?? 0) + 2 * (weights[output + 6] ?? 0),
    );
    model.layer('dense').statistics = { mean, variance: Float64Array.from(variances) };
    return model;
  }

  const variances = Array.from({ length: 6 }, (_, output) => {
    const [one, other] = [weights[output] ?? 0, weights[output + 6] ?? 0];
    return 2.5 * (0.9 * (one + other) ** 2 + 0.1 * (one ** 2 + other ** 2));
  });

  it('is the one that outputs have where inputs are alike', () => {
    const found = activationMoments(dense(variances, [1, 2, 3, 4, 5, 6])).ofLayer('x');
    expect(found?.variance).toHaveLength(2);
    // The kernel is stored in float32.
    for (const one of found?.variance ?? []) expect(one).toBeCloseTo(2.5, 5);
    expect(found?.mean[0]).toBeCloseTo(1, 5);
    expect(found?.mean[1]).toBeCloseTo(2, 5);
  });

  it('is unknown, and all the rest, where nothing varies', () => {
    expect(activationMoments(dense([0, 0, 0, 0, 0, 0])).ofLayer('x')).toBeUndefined();
  });
});

describe('inputs stay unknown', () => {
  it.each<[string, LayerSpec[]]>([
    ['with too few outputs', [conv(5)]],
    [
      'of a depthwise convolution without a multiplier',
      [layer('DepthwiseConv2D', 'conv', { kernel_size: 3 })],
    ],
  ])('%s', async (_, layers) => {
    expect(activationMoments(await trained(layers)).ofLayer('x')).toBeUndefined();
  });

  it('where there is another layer between a convolution and its batch norm', async () => {
    const norm = layer('BatchNormalization', 'bn');
    const layers = (between: readonly LayerSpec[]): LayerSpec[] => [
      input('x', [6, 6, 3]),
      conv(8),
      ...between,
      norm,
    ];
    const direct = buildModel(layers([]), { seed: 7 });
    const { mean } = (await measureMoments(direct, runner, [flatPicture(6)])).ofLayer('conv') ?? {};
    const behind = buildModel(layers([layer('ReLU', 'relu')]), { seed: 7 });
    for (const model of [direct, behind]) {
      model.layer('bn').setWeight('movingMean', Tensor.fromNumbers('float32', [8], [...(mean ?? [])]));
    }
    expect(activationMoments(direct).ofLayer('x')).toBeDefined();
    expect(activationMoments(behind).ofLayer('x')).toBeUndefined();
  });

  it('where outputs contradict each other', async () => {
    const model = await trained([conv(16)]);
    const random = seededRandom(2);
    const mean = Float64Array.from({ length: 16 }, () => 4 * random.normal());
    model.layer('conv').statistics = { mean, variance: new Float64Array(16).fill(WIDE) };
    expect(activationMoments(model).ofLayer('x')).toBeUndefined();
  });

  it('where two channels are only ever read together', () => {
    const row = [0.5, 0.2, -0.1, 0.3, 0.4, 0.4];
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'dense', { units: 6 }, { weights: { kernel: [...row, ...row] } }),
    ]);
    model.layer('dense').statistics = {
      mean: Float64Array.from(row, (weight) => 3 * weight),
      variance: Float64Array.from(row, (weight) => weight ** 2),
    };
    expect(activationMoments(model).ofLayer('x')).toBeUndefined();
  });

  it('where a layer is called twice, whose statistics are those of both', async () => {
    const model = buildModel(
      [
        input('x', [3]),
        input('y', [3]),
        layer('Dense', 'dense', { units: 8 }, { calls: [['x'], ['y']] }),
        layer('Add', 'add', {}, { from: ['dense', 'dense:1'] }),
      ],
      { seed: 7 },
    );
    model.layer('dense').statistics = { mean: new Float64Array(8), variance: new Float64Array(8).fill(WIDE) };
    expect(activationMoments(model).ofLayer('x')).toBeUndefined();
  });

  it('but are those that are given', async () => {
    const model = await trained([conv(8)]);
    const zeros = Tensor.of('float32', [1, 6, 6, 3], new Float32Array(108));
    const { mean, variance } = activationMoments(model, { inputs: [zeros] }).ofLayer('x') ?? {};
    expect([mean, variance]).toEqual([new Float64Array(3), new Float64Array(3)]);
  });
});
