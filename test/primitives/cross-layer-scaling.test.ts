import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/json/value.ts';
import type { Layer } from '../../src/model/layer.ts';
import type { Model } from '../../src/model/model.ts';
import type { SkipReason } from '../../src/model/skip-reason.ts';
import { CrossLayerScaling } from '../../src/primitives/cross-layer-scaling.ts';
import { findClsSets } from '../../src/primitives/layer-groups.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import {
  buildModel,
  type GivenWeights,
  input,
  type LayerSpec,
  layer,
  nested,
} from '../support/model-builder.ts';
import { randomInputs, relativeDifference, runModel } from '../support/run-model.ts';

const conv = (name: string, config: JsonObject = {}, weights: GivenWeights = {}): LayerSpec =>
  layer('Conv2D', name, { filters: 2, kernel_size: 1, ...config }, { weights });
const depthwise = (name: string, config: JsonObject = {}, weights: GivenWeights = {}): LayerSpec =>
  layer('DepthwiseConv2D', name, { kernel_size: 1, ...config }, { weights });
const relu = (name = 'relu', config: JsonObject = {}): LayerSpec => layer('ReLU', name, config);
const x = input('x', [4, 4, 2]);

const values = (one: Layer, name: 'kernel' | 'depthwiseKernel' | 'bias'): number[] => [
  ...one.requireWeight(name).toFloat64(),
];

/** Sets as names, and the reasons for what is in none. */
function search(model: Model): {
  sets: { layers: string[]; relu: readonly boolean[] }[];
  reasons: SkipReason[];
} {
  const reasons: SkipReason[] = [];
  const sets = findClsSets(model, { onSkip: (reason) => reasons.push(reason) });
  return { sets: sets.map(({ paths, reluBetween }) => ({ layers: [...paths], relu: reluBetween })), reasons };
}

/** Ranges r1 = 8, 1 and r2 = 2, 16, so that s = 2, 1/4. */
const pairModel = (): Model =>
  buildModel([
    x,
    conv('one', {}, { kernel: [8, -1, -4, 0.5], bias: [4, 1] }),
    relu(),
    conv('two', {}, { kernel: [1, -2, 16, 8], bias: [7, 9] }),
  ]);

/** Ranges 2, 8 | 4, 1 | 27, 1, so that c = 6, 2. */
const tripleModel = (): Model =>
  buildModel([
    x,
    conv('one', {}, { kernel: [2, -8, 1, 4], bias: [6, 12] }),
    relu('relu1'),
    depthwise('two', {}, { depthwiseKernel: [4, -1], bias: [9, 2] }),
    conv('three', {}, { kernel: [27, 9, -1, 0.5], bias: [7, 9] }),
  ]);

describe('scaling a pair', () => {
  it('is W1 / s, b1 / s and W2 s with s = r1 / sqrt(r1 r2)', () => {
    const model = pairModel();
    const [one, two] = [model.layer('one'), model.layer('two')];
    const s = CrossLayerScaling.scaleClsSetWithConvLayers([one, two]);
    expect([...s]).toEqual([expect.closeTo(2, 14), 0.25]);
    // Weights are float32, so that the last digit of s is rounded away.
    expect(values(one, 'kernel')).toEqual([4, -4, -2, 2]);
    expect(values(one, 'bias')).toEqual([2, 4]);
    expect(values(two, 'kernel')).toEqual([2, -4, 4, 2]);
    expect(values(two, 'bias')).toEqual([7, 9]);
  });

  it('needs no bias', () => {
    const model = buildModel([x, conv('one', { use_bias: false }), conv('two')]);
    CrossLayerScaling.scaleClsSetWithConvLayers([model.layer('one'), model.layer('two')]);
    expect(model.layer('one').weight('bias')).toBeUndefined();
  });

  it('goes to the inputs of the right group', () => {
    const model = buildModel([
      x,
      conv('one', {}, { kernel: [8, -1, -4, 0.5], bias: [4, 1] }),
      conv('two', { groups: 2 }, { kernel: [2, 16], bias: [0, 0] }),
    ]);
    const [one, two] = [model.layer('one'), model.layer('two')];
    CrossLayerScaling.scaleClsSetWithConvLayers([one, two]);
    expect(values(one, 'kernel')).toEqual([4, -4, -2, 2]);
    expect(values(two, 'kernel')).toEqual([4, 4]);
  });
});

describe('scaling a triple', () => {
  it('is W1 / s12, W2 s12 / s23 and W3 s23, so that all ranges are the cube root', () => {
    const model = tripleModel();
    const [one, two, three] = [model.layer('one'), model.layer('two'), model.layer('three')];
    const [s12, s23] = CrossLayerScaling.scaleClsSetWithDepthwiseConvLayers([one, two, three]);
    const close = (expected: number[]): unknown => expected.map((value) => expect.closeTo(value, 6));
    expect([...s12]).toEqual(close([2 / 6, 8 / 2]));
    expect([...s23]).toEqual(close([6 / 27, 2 / 1]));
    expect(values(one, 'kernel')).toEqual(close([6, -2, 3, 1]));
    expect(values(one, 'bias')).toEqual(close([18, 3]));
    expect(values(two, 'depthwiseKernel')).toEqual(close([6, -2]));
    expect(values(two, 'bias')).toEqual(close([(9 * 27) / 6, 1]));
    expect(values(three, 'kernel')).toEqual(close([6, 2, -2, 1]));
    expect(values(three, 'bias')).toEqual([7, 9]);
  });
});

describe('CrossLayerScaling.scaleModel', () => {
  it('scales the sets that it finds, and says by how much', async () => {
    const model = tripleModel();
    const inputs = randomInputs(model);
    const before = await runModel(model, inputs);
    const [info, ...others] = CrossLayerScaling.scaleModel(model);
    expect(others).toEqual([]);
    expect(
      info?.clsPairInfoList.map(({ layer1, layer2, reluActivationBetweenLayers }) => [
        layer1.name,
        layer2.name,
        reluActivationBetweenLayers,
      ]),
    ).toEqual([
      ['one', 'two', true],
      ['two', 'three', false],
    ]);
    expect(info?.clsPairInfoList[0]?.scaleFactor[1]).toBeCloseTo(4, 12);
    expect(relativeDifference(before, await runModel(model, inputs))).toBeLessThan(1e-6);
  });

  it('does by name what it does all at once', () => {
    const [all, given] = [tripleModel(), tripleModel()];
    CrossLayerScaling.scaleModel(all);
    CrossLayerScaling.scaleClsSets([[given.layer('one'), given.layer('two'), given.layer('three')]]);
    for (const name of ['one', 'three']) {
      expect(values(given.layer(name), 'kernel')).toEqual(values(all.layer(name), 'kernel'));
    }
  });

  it('scales sets one after the other: the second sees what the first left', () => {
    const model = buildModel([
      x,
      conv('one', {}, { kernel: [4, 4, 4, 4], bias: [0, 0] }),
      conv('two', {}, { kernel: [1, 1, 1, 1], bias: [0, 0] }),
      conv('three', {}, { kernel: [8, 8, 8, 8], bias: [0, 0] }),
    ]);
    const infos = CrossLayerScaling.scaleModel(model);
    // one, two: s = 2, both ranges 2. two, three: ranges 2 and 8, s = 1/2, both 4.
    expect(infos.map(({ clsPairInfoList: [pair] }) => pair?.scaleFactor[0])).toEqual([
      2,
      expect.closeTo(0.5, 14),
    ]);
    expect(values(model.layer('two'), 'kernel')).toEqual([4, 4, 4, 4]);
  });
});

describe('the search for sets', () => {
  it('slides over chains: each layer ends one pair and begins the next', () => {
    const { sets, reasons } = search(
      buildModel([x, conv('a'), relu(), conv('b'), conv('c', { activation: 'relu' }), conv('d')]),
    );
    expect(sets).toEqual([
      { layers: ['a', 'b'], relu: [true] },
      { layers: ['b', 'c'], relu: [false] },
      { layers: ['c', 'd'], relu: [true] },
    ]);
    expect(reasons).toEqual([]);
  });

  it('makes a triple around a depthwise layer, and pairs at the ends of a chain', () => {
    const chain = [x, depthwise('d0'), conv('a'), depthwise('d1'), conv('b'), depthwise('d2')];
    expect(search(buildModel(chain)).sets.map(({ layers }) => layers)).toEqual([
      ['d0', 'a'],
      ['a', 'd1', 'b'],
      ['b', 'd2'],
    ]);
  });

  it('makes pairs where the multiplier of a depthwise layer is not 1: no one factor goes through it', () => {
    const chain = [x, conv('a'), depthwise('d', { depth_multiplier: 2 }), conv('b')];
    expect(search(buildModel(chain)).sets.map(({ layers }) => layers)).toEqual([
      ['a', 'd'],
      ['d', 'b'],
    ]);
  });

  it('crosses ReLU, PReLU, zero padding and batch norms that do nothing', () => {
    const identity = layer(
      'BatchNormalization',
      'bn',
      { epsilon: 0 },
      { weights: { gamma: [1, 1], beta: [0, 0], movingMean: [0, 0], movingVariance: [1, 1] } },
    );
    for (const [between, isRelu] of [
      [relu('between'), true],
      [layer('Activation', 'between', { activation: 'relu' }), true],
      [layer('PReLU', 'between', { shared_axes: [1, 2] }), true],
      [layer('ZeroPadding2D', 'between'), false],
      [identity, false],
    ] as const) {
      const { sets } = search(buildModel([x, conv('a'), between, conv('b')]));
      expect(sets).toEqual([{ layers: ['a', 'b'], relu: [isRelu] }]);
    }
  });

  it('crosses a fused leaky ReLU, which is no ReLU to high-bias fold', () => {
    const { sets } = search(buildModel([x, conv('a', { activation: 'leaky_relu' }), conv('b')]));
    expect(sets).toEqual([{ layers: ['a', 'b'], relu: [false] }]);
  });

  it('scales transposed convolutions, on either side', () => {
    const up = layer('Conv2DTranspose', 'up', { filters: 3, kernel_size: 2, strides: 2 });
    expect(search(buildModel([x, conv('a'), up, conv('b')])).sets.map(({ layers }) => layers)).toEqual([
      ['a', 'up'],
      ['up', 'b'],
    ]);
  });

  it.each<[string, readonly LayerSpec[], Partial<SkipReason>]>([
    [
      'a ReLU6',
      [relu('r', { max_value: 6 })],
      { code: 'activation-between', layers: ['a'], between: 'r (ReLU)' },
    ],
    [
      'a ReLU with a maximum of 5',
      [relu('r', { max_value: 5 })],
      { code: 'activation-between', layers: ['a'] },
    ],
    ['a ReLU with a threshold', [relu('r', { threshold: 1 })], { code: 'activation-between', layers: ['a'] }],
    [
      'a sigmoid',
      [layer('Activation', 's', { activation: 'sigmoid' })],
      { code: 'activation-between', layers: ['a'], activation: 'sigmoid' },
    ],
    [
      'a LeakyReLU',
      [layer('LeakyReLU', 'l')],
      { code: 'layer-between', layers: ['a'], between: 'l (LeakyReLU)' },
    ],
    [
      'pooling',
      [layer('MaxPooling2D', 'p')],
      { code: 'layer-between', layers: ['a'], between: 'p (MaxPooling2D)' },
    ],
    [
      'a batch norm that does something',
      [layer('BatchNormalization', 'bn')],
      { code: 'layer-between', layers: ['a'], between: 'bn (BatchNormalization)' },
    ],
    ['a layer that nobody knows', [layer('Custom', 'odd')], { code: 'layer-between', layers: ['a'] }],
  ])('stops at %s', (_, between, reason) => {
    // Shapes end at the custom layer, so that what follows it must need none.
    const behind = between[0]?.className === 'Custom' ? [] : [conv('b')];
    const { sets, reasons } = search(buildModel([x, conv('a'), ...between, ...behind]));
    expect(sets).toEqual([]);
    expect(reasons[0]).toMatchObject(reason);
  });

  it.each(['tanh', 'swish', 'relu6', 'softmax'])('stops at a fused %s', (activation) => {
    const { sets, reasons } = search(buildModel([x, conv('a', { activation }), conv('b')]));
    expect(sets).toEqual([]);
    expect(reasons[0]).toMatchObject({ code: 'activation-between', layers: ['a'], between: 'a (Conv2D)' });
  });

  it('stops at outputs of the model, however the function would change', () => {
    const { sets, reasons } = search(
      buildModel([x, conv('a'), relu(), conv('b')], { outputs: ['b', 'relu'] }),
    );
    expect(sets).toEqual([]);
    expect(reasons[0]).toMatchObject({ code: 'model-output', layers: ['a', 'b'] });
  });

  it('stops where a tensor has several readers', () => {
    const { sets, reasons } = search(
      buildModel([x, conv('a'), conv('b'), layer('Add', 'add', {}, { from: ['a', 'b'] })]),
    );
    expect(sets).toEqual([]);
    expect(reasons[0]).toMatchObject({ code: 'several-consumers', layers: ['a', 'b'], consumers: ['add'] });
  });

  it('leaves shared layers, Dense and separable convolutions alone', () => {
    const shared = buildModel([
      x,
      layer('Conv2D', 'a', { filters: 2, kernel_size: 1 }, { calls: [['x'], ['a']] }),
      layer('Conv2D', 'b', { filters: 2, kernel_size: 1 }, { from: ['a:1'] }),
    ]);
    expect(search(shared).sets).toEqual([]);
    expect(search(shared).reasons[0]).toMatchObject({ code: 'shared-layer', layers: ['a'], calls: 2 });
    const kinds = buildModel([
      x,
      layer('SeparableConv2D', 'separable', { filters: 2, kernel_size: 1 }),
      layer('Dense', 'dense', { units: 2 }),
      conv('conv'),
    ]);
    expect(search(kinds).sets).toEqual([]);
    expect(search(kinds).reasons.map(({ code, layers }) => [code, layers[0]])).toEqual([
      ['layer-kind', 'separable'],
      ['layer-kind', 'dense'],
      ['no-partner', 'conv'],
    ]);
  });

  it('gives a reason for two depthwise layers in a row instead of an exception', () => {
    const { sets, reasons } = search(buildModel([x, depthwise('d1'), depthwise('d2'), conv('b')]));
    expect(sets.map(({ layers }) => layers)).toEqual([['d2', 'b']]);
    expect(reasons).toEqual([{ code: 'consecutive-depthwise', layers: ['d1', 'd2'] }]);
  });

  it('scales inside a nested model, but not into it', () => {
    const { sets, reasons } = search(
      buildModel([
        x,
        conv('front'),
        nested('body', [input('in', [4, 4, 2]), conv('a'), relu(), conv('b')]),
        conv('behind'),
      ]),
    );
    expect(sets.map(({ layers }) => layers)).toEqual([
      ['body/a', 'body/b'],
      ['body/b', 'behind'],
    ]);
    expect(reasons).toEqual([{ code: 'nested-model', layers: ['front', 'body/a'], model: 'body' }]);
  });

  it('does not pair layers whose channels lie on different axes', () => {
    const model = buildModel([
      input('x', [3, 2, 2]),
      conv('first', { data_format: 'channels_first' }),
      conv('last', { data_format: 'channels_last' }),
    ]);
    const { sets, reasons } = search(model);
    expect(sets).toEqual([]);
    expect(reasons).toContainEqual({ code: 'data-format', layers: ['first', 'last'] });
  });

  it('keeps a layer with a NaN out of every set', () => {
    const model = buildModel([x, conv('a'), conv('b', {}, { kernel: [1, NaN, 1, 1] }), conv('c'), conv('d')]);
    const { sets, reasons } = search(model);
    expect(sets.map(({ layers }) => layers)).toEqual([['c', 'd']]);
    expect(reasons).toEqual([
      { code: 'non-finite', layers: ['a', 'b'], where: 'b/kernel, output channel 1' },
      { code: 'non-finite', layers: ['b'], where: 'b/kernel, output channel 1' },
    ]);
  });

  it('keeps a kernel of whole numbers out of every set', () => {
    const model = buildModel([x, conv('a'), conv('b'), conv('c'), conv('d')]);
    model.layer('b').setWeight('kernel', Tensor.of('int8', [1, 1, 2, 2], Int8Array.of(1, 2, 3, 4)));
    const { sets, reasons } = search(model);
    expect(sets.map(({ layers }) => layers)).toEqual([['c', 'd']]);
    expect(reasons).toContainEqual({ code: 'not-float', layers: ['b'], where: 'b/kernel', dtype: 'int8' });
    const [a, b] = [model.layer('a'), model.layer('b')];
    expect(() => CrossLayerScaling.scaleClsSets([[a, b]])).toThrow('clsSets[0]: b/kernel is int8');
  });

  it('lists sets in the order of the layers, whatever the branches', () => {
    const model = buildModel([
      x,
      layer('Conv2D', 'left1', { filters: 2, kernel_size: 1 }, { from: ['x'] }),
      layer('Conv2D', 'right1', { filters: 2, kernel_size: 1 }, { from: ['x'] }),
      layer('Conv2D', 'left2', { filters: 2, kernel_size: 1 }, { from: ['left1'] }),
      layer('Conv2D', 'right2', { filters: 2, kernel_size: 1 }, { from: ['right1'] }),
      layer('Add', 'add', {}, { from: ['left2', 'right2'] }),
    ]);
    expect(search(model).sets.map(({ layers }) => layers)).toEqual([
      ['left1', 'left2'],
      ['right1', 'right2'],
    ]);
  });
});

describe('sets given by hand', () => {
  const model = buildModel([
    x,
    conv('a'),
    depthwise('d'),
    conv('b'),
    layer('Conv2D', 'wide', { filters: 5, kernel_size: 1 }),
    layer('Dense', 'dense', { units: 2 }),
    conv('broken', {}, { kernel: [1, 2, Infinity, 4] }),
    depthwise('double', { depth_multiplier: 2 }),
  ]);
  const [a, d, b, wide, dense, broken, double] = ['a', 'd', 'b', 'wide', 'dense', 'broken', 'double'].map(
    (name) => model.layer(name),
  ) as [Layer, Layer, Layer, Layer, Layer, Layer, Layer];

  it.each<[string, readonly (readonly Layer[])[], string]>([
    [
      'a Dense layer',
      [
        [a, b],
        [wide, dense],
      ],
      'clsSets[1]: dense is a Dense; only Conv, depthwise and transposed Conv layers are scaled',
    ],
    ['channels that do not match', [[wide, a]], 'clsSets[0]: wide writes 5 channels, a reads 2'],
    [
      'a triple without a depthwise layer in the middle',
      [[a, b, wide]],
      'clsSets[0]: b in the middle is no depthwise layer with a multiplier of 1',
    ],
    [
      'a depthwise layer with a multiplier in the middle',
      [[b, double, a]],
      'clsSets[0]: double in the middle is no depthwise layer with a multiplier of 1',
    ],
    [
      'a weight that is no number',
      [[a, broken]],
      'clsSets[0]: NaN or Inf in broken/kernel, output channel 0',
    ],
    ['one layer', [[a]], 'clsSets[0]: 1 layers instead of 2 or 3'],
  ])('are refused for %s, and none is scaled', (_, sets, message) => {
    const before = model.layers.map((one) => [...one.weights.values()]);
    const given = sets as unknown as Parameters<typeof CrossLayerScaling.scaleClsSets>[0];
    expect(() => CrossLayerScaling.scaleClsSets(given)).toThrow(new TypeError(message));
    expect(model.layers.map((one) => [...one.weights.values()])).toEqual(before);
  });

  it('keep the order of their factors', () => {
    const copy = model.clone();
    const [first, second] = CrossLayerScaling.scaleClsSets([
      [copy.layer('a'), copy.layer('d'), copy.layer('b')],
      [copy.layer('b'), copy.layer('wide')],
    ]);
    expect(first).toHaveLength(2);
    expect(second).toBeInstanceOf(Float64Array);
    expect(d.requireWeight('depthwiseKernel')).not.toBe(copy.layer('d').requireWeight('depthwiseKernel'));
  });
});

describe('CrossLayerScaling.createClsSetInfoList', () => {
  const model = tripleModel();
  const [one, two, three] = [model.layer('one'), model.layer('two'), model.layer('three')];
  const s = Float64Array.of(1, 2);
  const create = CrossLayerScaling.createClsSetInfoList;

  it('pairs layers, factors and flags', () => {
    const [pair, triple] = create(
      [
        [one, two],
        [one, two, three],
      ],
      [s, [s, Float64Array.of(3, 4)]],
      [true, [false, true]],
    );
    expect(pair?.clsPairInfoList).toMatchObject([
      { layer1: one, layer2: two, scaleFactor: s, reluActivationBetweenLayers: true },
    ]);
    expect(triple?.clsPairInfoList).toMatchObject([
      { layer1: one, layer2: two, scaleFactor: s, reluActivationBetweenLayers: false },
      { layer1: two, layer2: three, scaleFactor: Float64Array.of(3, 4), reluActivationBetweenLayers: true },
    ]);
  });

  it('says which list is too short', () => {
    expect(() => create([[one, two]], [], [true])).toThrow(
      new RangeError('1 sets, but 0 scale factors and 1 ReLU flags'),
    );
    expect(() => create([[one, two]], [s], [])).toThrow(
      new RangeError('1 sets, but 1 scale factors and 0 ReLU flags'),
    );
  });

  it('says which entry does not fit', () => {
    expect(() =>
      create(
        [
          [one, two],
          [one, two, three],
        ],
        [s, s],
        [true, [true, true]],
      ),
    ).toThrow(
      new RangeError(
        'entry 1 (one, two, three): a set of 3 layers needs 2 scale factors and ReLU flags, not 1 and 2',
      ),
    );
    expect(() => create([[one, two]], [s], [[true, false]])).toThrow(
      new RangeError(
        'entry 0 (one, two): a set of 2 layers needs 1 scale factors and ReLU flags, not 1 and 2',
      ),
    );
    expect(() => create([[one, two]], [Float64Array.of(1, 2, 3)], [true])).toThrow(
      new RangeError('entry 0: 3 scale factors for the 2 output channels of one'),
    );
  });

  it('makes nothing of nothing', () => {
    expect(create([], [], [])).toEqual([]);
  });
});

describe('channels that are dead', () => {
  it('keep their weights and biases, for there is nothing to make equal', () => {
    const model = buildModel([
      x,
      conv('one', {}, { kernel: [0, 1, 0, 1], bias: [1e10, 1] }),
      conv('two', {}, { kernel: [3, 3, 1, 1], bias: [0, 0] }),
    ]);
    const [factors] = CrossLayerScaling.scaleModel(model);
    expect(factors?.clsPairInfoList[0]?.scaleFactor[0]).toBe(1);
    expect(values(model.layer('one'), 'bias')[0]).toBe(Number(Float32Array.of(1e10)[0]));
    expect(values(model.layer('two'), 'kernel').slice(0, 2)).toEqual([3, 3]);
  });

  it('stay finite where the ranges are as far apart as float32 allows', () => {
    const model = buildModel([
      x,
      conv('one', {}, { kernel: [1e38, 1e-38, 0, 0], bias: [1, 1] }),
      conv('two', {}, { kernel: [1e-38, 0, 1e38, 0], bias: [0, 0] }),
    ]);
    CrossLayerScaling.scaleModel(model);
    for (const name of ['one', 'two']) {
      for (const value of values(model.layer(name), 'kernel')) expect(Number.isFinite(value)).toBe(true);
    }
  });

  it('keep a factor of 1 where the bias, divided by it, would be infinite', () => {
    const model = buildModel([
      x,
      conv('one', {}, { kernel: [1e-38, 1, 0, 1], bias: [1e30, 1] }),
      conv('two', {}, { kernel: [1, 1, 1, 1], bias: [0, 0] }),
    ]);
    // s = sqrt(1e-38 / 1) = 1e-19 would make the bias 1e49, past the 3.4e38 of float32.
    const [scaled] = CrossLayerScaling.scaleModel(model);
    expect(scaled?.clsPairInfoList[0]?.scaleFactor[0]).toBe(1);
    expect(values(model.layer('one'), 'bias')[0]).toBe(Math.fround(1e30));
  });
});
