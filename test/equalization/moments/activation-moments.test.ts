import { beforeAll, describe, expect, it } from 'vitest';
import {
  type ActivationMoments,
  activationMoments,
} from '../../../src/equalization/moments/activation-moments.ts';
import type { ChannelDistribution } from '../../../src/equalization/moments/channel-distribution.ts';
import { measureMoments } from '../../../src/equalization/moments/measured-moments.ts';
import { FEATURE_CORRELATION } from '../../../src/equalization/moments/neighbour-correlation.ts';
import { buildGraph } from '../../../src/model/graph.ts';
import type { Model } from '../../../src/model/model.ts';
import { foldAllBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, type LayerSpec, layer, nested } from '../../support/model-builder.ts';
import { seededRandom } from '../../support/random.ts';

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create({ backend: 'cpu' });
});

/**
 * Normal values, of another mean and deviation in each channel; of 64 samples, with that correlation between the positions of
 * a channel.
 */
function normalInput(
  shape: readonly number[],
  { seed = 3, samples = 64, correlation = 0 }: { seed?: number; samples?: number; correlation?: number } = {},
): Tensor {
  const random = seededRandom(seed);
  const channels = shape.at(-1) ?? 1;
  const each = shape.reduce((product, one) => product * one, 1);
  const shared = Array.from({ length: samples * channels }, () => (correlation > 0 ? random.normal() : 0));
  const values = Float32Array.from({ length: samples * each }, (_, index) => {
    const channel = index % channels;
    const common = shared[Math.floor(index / each) * channels + channel] ?? NaN;
    const deviations = Math.sqrt(correlation) * common + Math.sqrt(1 - correlation) * random.normal();
    return 0.7 - 0.5 * channel + (0.6 + 0.4 * channel) * deviations;
  });
  return Tensor.of('float32', [samples, ...shape], values);
}

/** Computed against measured moments of the last layer, in deviations. */
async function worstError(layers: readonly LayerSpec[], inputs: readonly Tensor[]): Promise<number> {
  const model = buildModel(layers, { seed: 4 });
  const computed = activationMoments(model, { inputs });
  const measured = await measureMoments(model, runner, inputs);
  const name = layers.at(-1)!.name;
  const [made, seen] = [computed.ofLayer(name), measured.ofLayer(name)];
  if (!made || !seen) throw new Error(`no moments of ${name}`);
  expect(made.mean).toHaveLength(seen.mean.length);
  const errors = [...seen.mean].flatMap((mean, channel) => {
    const deviation = Math.sqrt(seen.variance[channel]!);
    const spread = Math.sqrt(made.variance[channel]!);
    return [Math.abs(made.mean[channel]! - mean) / deviation, Math.abs(spread / deviation - 1)];
  });
  return Math.max(...errors);
}

const image = input('x', [6, 6, 2]);
const conv = (name: string, config: object = {}, from?: readonly string[]): LayerSpec =>
  layer('Conv2D', name, { filters: 3, kernel_size: 3, ...config }, from ? { from } : {});

describe('activationMoments', () => {
  /**
   * What the positions of a sample have in common counts once for each of 2048 samples: a standard error of 1 % of a
   * deviation for a mean, and of 2 % for a deviation. Outputs of linear layers are normal, and the rules are exact but for
   * borders.
   */
  it.each<[string, LayerSpec[]]>([
    ['Conv2D', [image, conv('conv')]],
    ['Conv2D with groups', [image, conv('conv', { groups: 2, filters: 4 })]],
    ['Conv2D with a ReLU6', [image, conv('conv', { activation: 'relu6' })]],
    ['Conv2D with swish', [image, conv('conv', { activation: 'swish' })]],
    ['DepthwiseConv2D', [image, layer('DepthwiseConv2D', 'conv', { kernel_size: 3, depth_multiplier: 2 })]],
    ['SeparableConv2D', [image, layer('SeparableConv2D', 'conv', { kernel_size: 2, filters: 3 })]],
  ])('%s', async (_, layers) => {
    const inputs = [normalInput([6, 6, 2], { samples: 2048, correlation: FEATURE_CORRELATION })];
    expect(await worstError(layers, inputs)).toBeLessThan(0.12);
  });

  /** 64 x 36 independent values a channel: a standard error of 2 % of a deviation. */
  it.each<[string, LayerSpec[]]>([
    ['Dense on positions', [image, layer('Dense', 'dense', { units: 4 })]],
    ['Flatten and Dense', [image, layer('Flatten', 'flat'), layer('Dense', 'dense', { units: 4 })]],
    ['Reshape', [image, layer('Reshape', 'reshape', { target_shape: [36, 2] })]],
    ['ReLU', [image, layer('ReLU', 'relu')]],
    ['LeakyReLU', [image, layer('LeakyReLU', 'relu')]],
    ['PReLU', [image, layer('PReLU', 'relu', { shared_axes: [1, 2] })]],
    ['ELU', [image, layer('ELU', 'relu', { alpha: 1 })]],
    ['sigmoid', [image, layer('Activation', 'act', { activation: 'sigmoid' })]],
    ['Dropout', [image, layer('Dropout', 'drop')]],
    ['UpSampling2D', [image, layer('UpSampling2D', 'up')]],
    ['Cropping2D', [image, layer('Cropping2D', 'crop', { cropping: 1 })]],
    [
      'a batch norm that is an affine map',
      [
        image,
        layer('ReLU', 'relu', { max_value: 1 }),
        layer(
          'BatchNormalization',
          'bn',
          { epsilon: 0 },
          { weights: { movingMean: [0, 0], movingVariance: [1, 1] } },
        ),
        layer('ReLU', 'cap'),
      ],
    ],
    ['a tensor times itself', [image, layer('Multiply', 'square', {}, { from: ['x', 'x'] })]],
  ])('%s', async (_, layers) => {
    expect(await worstError(layers, [normalInput([6, 6, 2])])).toBeLessThan(0.12);
  });

  const gate = (from: string, to: string): LayerSpec[] => [
    layer('Rescaling', 'plus', { scale: 1, offset: 3 }, { from: [from] }),
    layer('ReLU', 'cap', { max_value: 6 }),
    layer('Rescaling', to, { scale: 1 / 6, offset: 0 }),
  ];
  const times = (...from: string[]): LayerSpec => layer('Multiply', 'times', {}, { from });

  it.each<[string, LayerSpec[]]>([
    ['x times its gate', [...gate('conv', 'gate'), times('conv', 'gate')]],
    ['its gate times x', [...gate('conv', 'gate'), times('gate', 'conv')]],
    [
      'divided behind',
      [
        ...gate('conv', 'unused').slice(0, 2),
        times('conv', 'cap'),
        layer('Rescaling', 'sixth', { scale: 1 / 6, offset: 0 }),
      ],
    ],
  ])('a hard swish in several layers is as one: %s', (_, layers) => {
    const first = [image, conv('conv', { kernel_size: 1 })];
    const last = (all: LayerSpec[]): ChannelDistribution | undefined => {
      const model = buildModel(all);
      const [output] = buildGraph(model).outputs;
      return output && activationMoments(model, { inputs: [normalInput([6, 6, 2])] }).of(output);
    };
    const one = last([...first, layer('Activation', 'hard', { activation: 'hard_swish' })]);
    const several = last([...first, ...layers]);
    for (const part of ['mean', 'variance', 'low', 'high'] as const) {
      for (const [channel, value] of (one?.[part] ?? []).entries()) {
        expect(several?.[part][channel]).toBeCloseTo(value, 12);
      }
    }
    expect(one?.mean).toHaveLength(3);
  });

  it('takes slopes of positions, which a PReLU shares between channels, for none of channels', () => {
    // As many positions as channels.
    const model = buildModel([
      input('x', [2, 2, 4]),
      layer('PReLU', 'relu', { shared_axes: [3] }, { weights: { alpha: [1, 2, 3, 4] } }),
    ]);
    const moments = activationMoments(model, { inputs: [normalInput([2, 2, 4])] });
    const [output] = buildGraph(model).outputs;
    expect(output && moments.of(output)).toBeUndefined();
  });

  it.each(['Add', 'Subtract', 'Average', 'Maximum', 'Minimum'])(
    '%s of independent tensors',
    async (merge) => {
      const layers = [
        input('x', [6, 6, 2]),
        input('y', [6, 6, 2]),
        layer(merge, 'merge', {}, { from: ['x', 'y'] }),
      ];
      const inputs = [normalInput([6, 6, 2]), normalInput([6, 6, 2], { seed: 9 })];
      expect(await worstError(layers, inputs)).toBeLessThan(0.12);
    },
  );

  it('a gate that multiplies, and channels side by side', async () => {
    const inputs = [normalInput([6, 6, 2]), normalInput([1, 1, 2], { seed: 9 })];
    const gate = [
      input('x', [6, 6, 2]),
      input('y', [1, 1, 2]),
      layer('Multiply', 'm', {}, { from: ['x', 'y'] }),
    ];
    // The gate has 64 values a channel: a standard error of 12 %.
    expect(await worstError(gate, inputs)).toBeLessThan(0.3);
    const beside = [
      input('x', [6, 6, 2]),
      input('y', [6, 6, 3]),
      layer('Concatenate', 'c', {}, { from: ['x', 'y'] }),
    ];
    expect(
      await worstError(beside, [normalInput([6, 6, 2]), normalInput([6, 6, 3], { seed: 9 })]),
    ).toBeLessThan(1e-6);
    const along = [
      input('x', [6, 6, 2]),
      input('y', [3, 6, 2]),
      layer('Concatenate', 'c', { axis: 1 }, { from: ['x', 'y'] }),
    ];
    expect(
      await worstError(along, [normalInput([6, 6, 2]), normalInput([3, 6, 2], { seed: 9 })]),
    ).toBeLessThan(1e-6);
  });

  it('average pooling keeps the mean', async () => {
    const model = buildModel([image, layer('GlobalAveragePooling2D', 'pool')]);
    const inputs = [normalInput([6, 6, 2])];
    const made = activationMoments(model, { inputs }).ofLayer('pool')!;
    const seen = (await measureMoments(model, runner, inputs)).ofLayer('pool')!;
    for (const [channel, mean] of seen.mean.entries()) expect(made.mean[channel]).toBeCloseTo(mean, 5);
  });
});

describe('channels first', () => {
  it('are found by computation and by measurement', async () => {
    const first = { data_format: 'channels_first' };
    const model = buildModel([
      input('x', [2, 6, 6]),
      layer('Conv2D', 'conv', { filters: 3, kernel_size: 3, ...first }),
      layer('ReLU', 'relu'),
      layer('DepthwiseConv2D', 'depthwise', { kernel_size: 3, ...first }),
      layer('Flatten', 'flat', first),
      layer('Dense', 'dense', { units: 2 }),
    ]);
    const random = seededRandom(5);
    // Channel 0 around 2, channel 1 around -1.
    const values = Float32Array.from({ length: 64 * 72 }, (_, index) =>
      Math.floor(index / 36) % 2 === 0 ? 2 + random.normal() : -1 + 0.5 * random.normal(),
    );
    const inputs = [Tensor.of('float32', [64, 2, 6, 6], values)];
    const computed = activationMoments(model, { inputs });
    const measured = await measureMoments(model, runner, inputs);
    for (const name of ['x', 'conv', 'relu', 'depthwise', 'dense']) {
      const [made, seen] = [computed.ofLayer(name)!, measured.ofLayer(name)!];
      expect(made.mean).toHaveLength(seen.mean.length);
      for (const [channel, mean] of seen.mean.entries()) {
        // As above: some parts of a hundred of a deviation; a Dense sums 64 samples only, and
        // a channel behind a ReLU may be 0 throughout.
        expect(Math.abs(made.mean[channel]! - mean)).toBeLessThan(
          0.5 * Math.sqrt(seen.variance[channel]!) + 1e-9,
        );
      }
    }
    expect(measured.ofLayer('x')!.mean[0]).toBeCloseTo(2, 1);
    expect(computed.ofLayer('flat')!.mean).toHaveLength(12);
  });

  it('do not matter for a tensor without positions', async () => {
    const first = { data_format: 'channels_first' };
    const model = buildModel([
      input('x', [2, 4, 4]),
      layer('GlobalAveragePooling2D', 'pool', first),
      layer('ReLU', 'relu'),
      layer('Dense', 'dense', { units: 2 }),
    ]);
    const values = Float32Array.from({ length: 32 }, (_, index) => (index < 16 ? 2 : -1));
    const inputs = [Tensor.of('float32', [1, 2, 4, 4], values)];
    const measured = await measureMoments(model, runner, inputs);
    const computed = activationMoments(model, { inputs });
    for (const moments of [measured, computed]) {
      expect(measuredOf(moments, 'pool')).toEqual([2, -1]);
      expect(measuredOf(moments, 'relu')).toEqual([2, 0]);
      expect(moments.ofLayer('dense')!.mean[0]).toBeCloseTo(measuredOf(measured, 'dense')[0]!, 5);
    }
  });
});

function withBatchNorms(): Model {
  return buildModel([
    image,
    conv('conv'),
    layer('BatchNormalization', 'bn', { epsilon: 1e-3 }),
    layer('ReLU', 'relu'),
    nested('body', [
      input('in', [4, 4, 3]),
      layer('Conv2D', 'inner', { filters: 2, kernel_size: 1 }),
      layer('Softmax', 'unknown'),
      layer('Conv2D', 'behind', { filters: 2, kernel_size: 1 }),
    ]),
    layer('BatchNormalization', 'bn2'),
  ]);
}

describe('moments from batch norms', () => {
  it('are beta and gamma behind one, and the moving statistics in front of it', () => {
    const model = withBatchNorms();
    const moments = activationMoments(model);
    const bn = model.layer('bn');
    const values = (name: 'beta' | 'gamma' | 'movingMean' | 'movingVariance'): number[] => [
      ...bn.requireWeight(name).toFloat64(),
    ];
    expect([...moments.ofLayer('bn')!.mean]).toEqual(values('beta'));
    expect([...moments.ofLayer('conv')!.mean]).toEqual(values('movingMean'));
    expect([...moments.ofLayer('conv')!.variance]).toEqual(values('movingVariance'));
    for (const [channel, gamma] of values('gamma').entries()) {
      const variance = values('movingVariance')[channel]!;
      expect(moments.ofLayer('bn')!.variance[channel]).toBeCloseTo(
        (gamma * gamma * variance) / (variance + 1e-3),
        12,
      );
    }
    // Behind Softmax nothing is known until a batch norm reads it.
    expect(moments.ofLayer('body/unknown')).toBeUndefined();
    expect(moments.ofLayer('body/behind')).toBeDefined();
    expect(moments.ofLayer('bn2')).toBeDefined();
  });

  it('stay after folding, by tensor and by path, in copies too', () => {
    const model = withBatchNorms();
    const before = activationMoments(model);
    foldAllBatchNorms(model);
    const copy = model.clone();
    const after = activationMoments(copy);
    expect(after.ofLayer('conv')).toEqual(before.ofLayer('bn'));
    expect(after.ofLayer('relu')).toEqual(before.ofLayer('relu'));
    const call = buildGraph(copy).callsOf(copy.layer('body/inner'))[0]!;
    expect(after.of(call.output())).toEqual(after.ofLayer('body/inner'));
    // The moments of one copy serve for another.
    const original = buildGraph(model).callsOf(model.layer('body/inner'))[0]!;
    expect(after.of(original.output())).toEqual(after.ofLayer('body/inner'));
  });

  it('in front of a batch norm with factors in it are not read off it, because its moving variance lacks them', () => {
    const model = withBatchNorms();
    const bn = model.layer('bn');
    bn.statistics = { mean: Float64Array.of(1, 2, 3), variance: Float64Array.of(4, 5, 6) };
    const moments = activationMoments(model);
    expect([...moments.ofLayer('bn')!.mean]).toEqual([1, 2, 3]);
    expect(moments.ofLayer('conv')).toBeUndefined();
  });

  it('name the layer at which they are lost', () => {
    const model = withBatchNorms();
    const moments = activationMoments(model);
    const graph = buildGraph(model);
    const ends = (name: string): string | undefined =>
      moments.endOf(graph.callsOf(model.layer(name))[0]!.inputs[0]!);
    expect(ends('conv')).toBe('x');
    expect(ends('body/behind')).toBe('body/unknown');
    expect(ends('relu')).toBeUndefined();
    expect(() => activationMoments(model, { inputs: [] })).toThrow(
      new RangeError('0 inputs for a model with 1'),
    );
  });
});

describe('what stands before an activation', () => {
  const dense = { units: 2, use_bias: true };
  const weights = { kernel: [1, 0, 0, 2], bias: [-3, 1] };
  const inputs = [Tensor.fromNumbers('float32', [2, 2], [1, 3, 3, 3])];
  /** Of the layer's call, computed from these inputs. */
  const momentsBefore = (layers: readonly LayerSpec[], name: string): number[][] | undefined => {
    const model = buildModel([input('x', [2]), ...layers]);
    const moments = activationMoments(model, { inputs });
    const found = moments.before(buildGraph(model).callsOf(model.layer(name))[0]!);
    return found && [[...found.mean], [...found.variance]];
  };
  // Channel 0 of the input has 1 and 3, channel 1 has 3 twice.
  const expected = [
    [2 - 3, 2 * 3 + 1],
    [1, 0],
  ];

  it('is the same for an activation that is fused and for a layer of its own', () => {
    const fused = layer('Dense', 'dense', { ...dense, activation: 'relu' }, { weights });
    const linear = layer('Dense', 'dense', dense, { weights });
    expect(momentsBefore([fused], 'dense')).toEqual(expected);
    expect(momentsBefore([linear, layer('ReLU', 'relu')], 'relu')).toEqual(expected);
    expect(momentsBefore([linear, layer('ReLU', 'relu')], 'dense')).toEqual(expected);
  });

  it('is what a layer says of itself where its input is not known', () => {
    const model = buildModel([
      input('x', [2]),
      layer('Softmax', 'unknown'),
      layer('Dense', 'dense', { ...dense, activation: 'relu' }),
    ]);
    const call = buildGraph(model).callsOf(model.layer('dense'))[0]!;
    expect(activationMoments(model).before(call)).toBeUndefined();
    const statistics = { mean: Float64Array.of(1, 2), variance: Float64Array.of(3, 4) };
    model.layer('dense').statistics = statistics;
    expect(activationMoments(model).before(call)).toMatchObject(statistics);
  });

  it('is that of all uses of a nested model together', () => {
    const model = buildModel([
      input('x', [2]),
      input('y', [2]),
      nested(
        'body',
        [input('in', [2]), layer('Dense', 'dense', { ...dense, activation: 'relu' }, { weights })],
        {
          calls: [['x'], ['y']],
        },
      ),
      layer('Add', 'add', {}, { from: ['body', 'body:1'] }),
    ]);
    const moments = activationMoments(model, {
      inputs: [...inputs, Tensor.fromNumbers('float32', [2, 2], [5, 3, 7, 3])],
    });
    const found = moments.before(buildGraph(model).callsOf(model.layer('body/dense'))[0]!);
    // Means -1 and 3 of variances 1: together 1, and 1 + 2².
    expect([found?.mean, found?.variance].map((values) => [...(values ?? [])])).toEqual([
      [1, 7],
      [5, 0],
    ]);
  });
});

function measuredOf(moments: ActivationMoments, path: string): number[] {
  return [...(moments.ofLayer(path)?.mean ?? [])];
}

describe('a merge with a constant among what it reads', () => {
  it.each(['Add', 'Average', 'Maximum', 'Concatenate'])('is lost behind %s', (className) => {
    const model = buildModel([
      image,
      layer('BatchNormalization', 'bn'),
      layer(className, 'merge', {}, { from: ['bn', 'bn'] }),
    ]);
    expect(activationMoments(model).ofLayer('merge')).toBeDefined();
    for (const call of model.calls) {
      if (call.layer.name === 'merge') call.args = [{ list: [{ tensor: 0 }, { tensor: 1 }, { value: 5 }] }];
    }
    const moments = activationMoments(model);
    expect(moments.ofLayer('bn')).toBeDefined();
    expect(moments.ofLayer('merge')).toBeUndefined();
    expect(moments.endOf(buildGraph(model).outputs[0]!)).toBe('merge');
  });

  it('and so it is where channels lie on different axes', () => {
    const model = buildModel([
      input('x', [3, 3, 3]),
      layer('BatchNormalization', 'last'),
      layer('BatchNormalization', 'first', { axis: 1 }, { from: ['x'] }),
      conv('a', { kernel_size: 1 }, ['last']),
      conv('b', { kernel_size: 1, data_format: 'channels_first' }, ['first']),
      layer('Add', 'merge', {}, { from: ['a', 'b'] }),
    ]);
    const moments = activationMoments(model);
    expect([moments.ofLayer('a'), moments.ofLayer('merge')]).toEqual([expect.anything(), undefined]);
  });
});

describe('behind a batch norm in training mode', () => {
  it('values are beta and gamma, whatever the stored statistics are', () => {
    const weights = { gamma: [2, -3], beta: [1, 5], movingMean: [0, NaN], movingVariance: [NaN, 1] };
    const kwargs = { training: true };
    const model = buildModel([image, layer('BatchNormalization', 'bn', {}, { weights, kwargs })]);
    expect(activationMoments(model).ofLayer('bn')).toMatchObject({
      mean: Float64Array.of(1, 5),
      variance: Float64Array.of(4, 9),
    });
  });
});

describe('measureMoments', () => {
  it('takes all samples and positions, whatever the batches', async () => {
    const model = buildModel([input('x', [2, 1]), layer('ReLU', 'relu')]);
    const inputs = [Tensor.fromNumbers('float32', [3, 2, 1], [1, -2, 3, 4, 5, -6])];
    const moments = await measureMoments(model, runner, inputs, { batchSize: 2 });
    const { mean, variance } = moments.ofLayer('relu')!;
    expect([mean[0], variance[0]]).toEqual([13 / 6, 51 / 6 - (13 / 6) ** 2]);
    const some = await measureMoments(model, runner, inputs, {
      wantsTensor: ({ isModelOutput }) => isModelOutput,
    });
    expect(some.size).toBe(1);
  });

  it('tells the calls of a shared layer apart', async () => {
    const model = buildModel([
      input('x', [1]),
      input('y', [1]),
      layer('ReLU', 'relu', {}, { calls: [['x'], ['y']] }),
      layer('Add', 'add', {}, { from: ['relu', 'relu:1'] }),
    ]);
    const inputs = [1, 5].map((value) => Tensor.fromNumbers('float32', [1, 1], [value]));
    const moments = await measureMoments(model, runner, inputs);
    expect(measuredOf(moments, 'relu')).toEqual([1]);
    expect([...moments.ofLayer('relu', 1)!.mean]).toEqual([5]);
    expect(measuredOf(moments, 'add')).toEqual([6]);
  });
});
