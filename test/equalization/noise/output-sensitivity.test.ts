import { describe, expect, it } from 'vitest';
import { activationMoments } from '../../../src/equalization/moments/activation-moments.ts';
import { outputSensitivity } from '../../../src/equalization/noise/output-sensitivity.ts';
import type { JsonObject } from '../../../src/json/value.ts';
import { normalCdf } from '../../../src/kernels/normal-distribution.ts';
import { buildGraph } from '../../../src/model/graph.ts';
import type { LayerStatistics } from '../../../src/model/layer.ts';
import type { Model } from '../../../src/model/model.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';

const dense = (
  name: string,
  units: number,
  kernel: readonly number[],
  config: JsonObject = {},
  from?: string,
): LayerSpec =>
  layer(
    'Dense',
    name,
    { units, use_bias: false, ...config },
    { weights: { kernel }, ...(from ? { from: [from] } : {}) },
  );

const normal = (mean: readonly number[], variance: readonly number[]): LayerStatistics => ({
  mean: Float64Array.from(mean),
  variance: Float64Array.from(variance),
});

/** The sensitivity of the outputs to what each layer writes, by its name. */
function sensitivitiesOf(model: Model): Record<string, number[]> {
  const { calls } = outputSensitivity(buildGraph(model), activationMoments(model));
  return Object.fromEntries([...calls].map(([call, values]) => [call.path, [...values]]));
}

/** The same where the input is an output too, so that no other tensor is all that the outputs depend on. */
function sensitivities(
  layers: readonly LayerSpec[],
  statistics: Readonly<Record<string, LayerStatistics>> = {},
  outputs: readonly string[] = [layers.at(-1)?.name ?? ''],
): Record<string, number[]> {
  const beside = layer('Dropout', 'beside', {}, { from: ['x'] });
  const model = buildModel([...layers, beside], { outputs: [...outputs, 'beside'] });
  for (const [path, one] of Object.entries(statistics)) model.layer(path).statistics = one;
  return sensitivitiesOf(model);
}

const close = (...values: number[]): unknown[] => values.map((value) => expect.closeTo(value, 6));
const x = input('x', [2]);
/** Read by channels a and b: 1 + 4 and 9 + 16. */
const last = dense('last', 2, [1, 2, 3, -4]);

describe('outputSensitivity', () => {
  it('sums squares of weights back through a chain', () => {
    const found = sensitivities([x, dense('first', 2, [9, 9, 9, 9]), dense('second', 2, [1, 0, 2, 1]), last]);
    expect(found).toEqual({ last: [1, 1], second: [5, 25], first: [5, 4 * 5 + 25] });
  });

  it('lets the share of values through a ReLU at which it is active', () => {
    const first = dense('first', 2, [1, 1, 1, 1], { activation: 'relu' });
    const found = sensitivities([x, first, last], { first: normal([0, 1], [1, 4]) });
    expect(found['first']).toEqual(close(0.5 * 5, normalCdf(0.5) * 25));
    // Without statistics it passes all.
    expect(sensitivities([x, first, last])['first']).toEqual([5, 25]);
  });

  it('knows the values before a ReLU of its own layer', () => {
    const layers = [x, dense('first', 2, [1, 1, 1, 1]), layer('ReLU', 'relu'), last];
    const found = sensitivities(layers, { first: normal([0, 1], [1, 4]) });
    expect(found['first']).toEqual(close(0.5 * 5, normalCdf(0.5) * 25));
  });

  it('knows the values before a ReLU of a layer without statistics, however the ReLU is written', () => {
    const bias = { weights: { kernel: [1, 1, 1, 1], bias: [-3, 0] } };
    const bn = layer(
      'BatchNormalization',
      'bn',
      { epsilon: 0 },
      { weights: { gamma: [1, 1], beta: [0, 0], movingMean: [5, 5], movingVariance: [2, 2] } },
    );
    const fused = [x, bn, layer('Dense', 'first', { units: 2, activation: 'relu' }, bias), last];
    const split = [x, bn, layer('Dense', 'first', { units: 2 }, bias), layer('ReLU', 'relu'), last];
    const found = sensitivities(fused)['first'];
    // N(-3, 1 + 1) and N(0, 1 + 1).
    expect(found).toEqual(close(5 * normalCdf(-3 / Math.SQRT2), 25 * 0.5));
    expect(sensitivities(split)['first']).toEqual(found);
  });

  it('lets a part through a ReLU that is never active, and all where nothing varies above 0', () => {
    const first = dense('first', 2, [1, 1, 1, 1], { activation: 'relu' });
    const dead = sensitivities([x, first, last], { first: normal([-50, -1], [1, 0]) });
    expect(dead['first']).toEqual(close(1e-3 * 5, 1e-3 * 25));
    const still = sensitivities([x, first, last], { first: normal([1, 50], [0, 1]) });
    expect(still['first']).toEqual(close(5, 25));
  });

  it('has the maximum of a ReLU6 and the slope of a leaky one', () => {
    const statistics = { first: normal([6, 3], [1, 1e-6]) };
    const relu6 = [x, dense('first', 2, [1, 1, 1, 1]), layer('ReLU', 'relu', { max_value: 6 }), last];
    expect(sensitivities(relu6, statistics)['first']).toEqual(close(0.5 * 5, 25));
    const leaky = [x, dense('first', 2, [1, 1, 1, 1]), layer('LeakyReLU', 'leaky', { alpha: 0.2 }), last];
    // Half the values, and the other half with the slope squared.
    expect(sensitivities(leaky, { first: normal([0, -50], [1, 1]) })['first']).toEqual(
      close((0.5 + 0.04 * 0.5) * 5, 0.04 * 25),
    );
  });

  it('adds up the ways behind a residual', () => {
    const layers = [
      x,
      dense('first', 2, [1, 1, 1, 1]),
      dense('second', 2, [1, 0, 2, 1]),
      layer('Add', 'add', {}, { from: ['first', 'second'] }),
      last,
    ];
    expect(sensitivities(layers)).toEqual({ last: [1, 1], second: [5, 25], first: [5 + 5, 25 + 45] });
    const average = layers.map((spec) =>
      spec.name === 'add' ? layer('Average', 'add', {}, { from: ['first', 'second'] }) : spec,
    );
    // Half of each operand: a quarter of the squares.
    expect(sensitivities(average)['second']).toEqual([5 / 4, 25 / 4]);
    expect(sensitivities(average)['first']).toEqual([5 / 4 + 5 / 4, 25 / 4 + 45 / 4]);
  });

  it('counts what is an output itself, and what others read besides', () => {
    const layers = [x, dense('first', 2, [1, 1, 1, 1]), last];
    expect(sensitivities(layers, {}, ['last', 'first'])).toEqual({ last: [1, 1], first: [1 + 5, 1 + 25] });
  });

  it('leaves out what no output hears', () => {
    const layers = [x, dense('first', 2, [1, 1, 1, 1]), last, dense('unheard', 1, [1, 1], {}, 'first')];
    expect(sensitivities(layers, {}, ['last'])).toEqual({ last: [1, 1], first: [5, 25] });
  });

  it('multiplies with the squares of a batch norm', () => {
    const bn = layer(
      'BatchNormalization',
      'bn',
      { epsilon: 0 },
      { weights: { gamma: [2, -1], beta: [0, 0], movingMean: [0, 0], movingVariance: [4, 0.25] } },
    );
    // gamma / deviation: 1 and -2.
    expect(sensitivities([x, dense('first', 2, [1, 1, 1, 1]), bn, last])['first']).toEqual(close(5, 4 * 25));
  });

  it('shares the channels of a concatenation out', () => {
    const layers = [
      x,
      dense('first', 1, [1, 1], {}, 'x'),
      dense('second', 1, [1, 1], {}, 'x'),
      layer('Concatenate', 'both', {}, { from: ['first', 'second'] }),
      last,
    ];
    expect(sensitivities(layers)).toEqual({ last: [1, 1], first: [5], second: [25] });
  });

  it('shares a concatenation out by its places, where an addition binds its channels together too', () => {
    const layers = [
      x,
      dense('a', 1, [1, 1], {}, 'x'),
      dense('b', 1, [1, 1], {}, 'x'),
      layer('Add', 'added', {}, { from: ['a', 'b'] }),
      layer('Concatenate', 'both', {}, { from: ['a', 'b'] }),
      dense('last', 1, [10, 1]),
    ];
    expect(sensitivities(layers, {}, ['last', 'added'])).toEqual({ last: [1], a: [101], b: [2] });
  });

  it('counts a tensor beside its poolings once for each', () => {
    const pool = (name: string, from: string): LayerSpec =>
      layer('MaxPooling2D', name, { pool_size: 3, strides: 1, padding: 'same' }, { from: [from] });
    const layers = [
      input('x', [4, 4, 1]),
      layer('Conv2D', 'conv', { filters: 2, kernel_size: 1, use_bias: false }),
      pool('once', 'conv'),
      pool('twice', 'once'),
      layer('Concatenate', 'pyramid', {}, { from: ['conv', 'once', 'twice'] }),
      layer(
        'Conv2D',
        'last',
        { filters: 1, kernel_size: 1, use_bias: false },
        { weights: { kernel: [1, 2, 3, 4, 5, 6] } },
      ),
    ];
    expect(sensitivities(layers)['conv']).toEqual([1 + 9 + 25, 4 + 16 + 36]);
  });

  it('tells the two ways of a skip apart that is added and concatenated', () => {
    const conv = (name: string, filters: number, kernel: readonly number[], from?: string): LayerSpec =>
      layer(
        'Conv2D',
        name,
        { filters, kernel_size: 1, use_bias: false },
        { weights: { kernel }, ...(from ? { from: [from] } : {}) },
      );
    const layers = [
      input('x', [2, 2, 1]),
      conv('skip', 2, [1, 1]),
      conv('down', 2, [1, 0, 0, 1], 'skip'),
      layer('UpSampling2D', 'up', { size: 1 }),
      layer('Add', 'added', {}, { from: ['skip', 'up'] }),
      layer('Concatenate', 'joined', {}, { from: ['added', 'skip'] }),
      conv('last', 1, [1, 2, 3, 4]),
    ];
    // down: what the addition hears. skip: that, through down as much again, and its own place in the concatenation.
    expect(sensitivities(layers)).toEqual({ last: [1], down: [1, 4], skip: [1 + 1 + 9, 4 + 4 + 16] });
  });

  it('hears each part of a concatenation of positions as much as the whole', () => {
    const layers = [
      input('x', [2, 2]),
      layer('Dense', 'a', { units: 2, use_bias: false }, { from: ['x'] }),
      layer('Dense', 'b', { units: 2, use_bias: false }, { from: ['x'] }),
      layer('Concatenate', 'both', { axis: 1 }, { from: ['a', 'b'] }),
      last,
    ];
    expect(sensitivities(layers)).toEqual({ last: [1, 1], a: [5, 25], b: [5, 25] });
  });

  it('goes through a gate, which is heard as loudly as what it lets through', () => {
    const layers = [
      input('x', [2, 2, 1]),
      layer('Conv2D', 'conv', { filters: 2, kernel_size: 1, use_bias: false }),
      layer('GlobalAveragePooling2D', 'pool', { keepdims: true }),
      layer('Conv2D', 'gate', { filters: 2, kernel_size: 1, activation: 'sigmoid', use_bias: false }),
      layer('Multiply', 'multiply', {}, { from: ['conv', 'gate'] }),
      layer(
        'Conv2D',
        'last',
        { filters: 1, kernel_size: 1, use_bias: false },
        { weights: { kernel: [3, 4] } },
      ),
    ];
    expect(sensitivities(layers)['gate']).toEqual([9, 16]);
  });

  it('sums the positions of a channel before a Flatten', () => {
    const layers = [
      input('x', [2, 2, 1]),
      layer('Conv2D', 'conv', { filters: 2, kernel_size: 1 }),
      layer('Flatten', 'flat'),
      dense('last', 1, [1, 2, 3, 4, 5, 6, 7, 8]),
    ];
    expect(sensitivities(layers)['conv']).toEqual([1 + 9 + 25 + 49, 4 + 16 + 36 + 64]);
  });

  it('takes the taps of a depthwise at a border by their share', () => {
    const layers = [
      input('x', [1, 3, 1]),
      layer('Conv2D', 'conv', { filters: 1, kernel_size: 1 }),
      layer(
        'DepthwiseConv2D',
        'depthwise',
        { kernel_size: [1, 3], padding: 'same' },
        { weights: { depthwiseKernel: [3, 1, -6] } },
      ),
    ];
    // The outer taps meet 2 of 3 positions. Alike: (2 + 1 - 4)², which counts for 0.9; else 6 + 1 + 24, for the rest.
    expect(sensitivities(layers)).toEqual({ depthwise: [1], conv: close(0.9 * 1 + 0.1 * 31) });
  });

  it('goes through both kernels of a SeparableConv', () => {
    const layers = [
      input('x', [2, 2, 2]),
      layer('Conv2D', 'conv', { filters: 2, kernel_size: 1 }),
      layer(
        'SeparableConv2D',
        'separable',
        { filters: 2, kernel_size: 1 },
        { weights: { depthwiseKernel: [2, 3], pointwiseKernel: [1, 2, 3, -4] } },
      ),
    ];
    expect(sensitivities(layers)['conv']).toEqual(close(4 * 5, 9 * 25));
  });
});

describe('from layer to layer', () => {
  /** The sensitivity as it comes through the layers, and balanced; what they write has these variances. */
  const both = (
    layers: readonly LayerSpec[],
    variances: Readonly<Record<string, readonly number[]>>,
  ): { plain: Record<string, number[]>; balanced: Record<string, number[]> } => {
    const statistics = Object.fromEntries(
      Object.entries(variances).map(([path, values]) => [
        path,
        normal(
          values.map(() => 0),
          values,
        ),
      ]),
    );
    const model = buildModel(layers);
    for (const [path, one] of Object.entries(statistics)) model.layer(path).statistics = one;
    return { plain: sensitivities(layers, statistics), balanced: sensitivitiesOf(model) };
  };

  it('carries as much at every place that all goes through as at the last', () => {
    const layers = [
      x,
      dense('a', 2, [1, 1, 1, 1]),
      dense('b', 2, [1, 2, 3, 4]),
      dense('c', 2, [1, 1, 1, -1]),
    ];
    const { plain, balanced } = both(layers, { a: [1, 1], b: [2, 3], c: [7, 9] });
    expect(plain).toEqual({ c: [1, 1], b: [2, 2], a: [10, 50] });
    // Behind c 7 + 9 vary; behind b 2 * 2 + 3 * 2 would be heard, behind a 10 + 50.
    expect(balanced).toEqual({ c: [1, 1], b: close(3.2, 3.2), a: close(10 * (16 / 60), 50 * (16 / 60)) });
  });

  it('takes the calls of parallel ways by the place behind them', () => {
    const layers = [
      x,
      dense('a', 2, [1, 0, 0, 1]),
      dense('left', 2, [1, 0, 0, 1], {}, 'a'),
      dense('right', 2, [3, 0, 0, 3], {}, 'a'),
      layer('Add', 'add', {}, { from: ['left', 'right'] }),
      dense('last', 2, [1, 0, 0, 2]),
    ];
    const { plain, balanced } = both(layers, { a: [1, 1], left: [1, 1], right: [9, 9], last: [20, 80] });
    expect(plain).toMatchObject({ left: [1, 4], right: [1, 4], a: [10, 40] });
    // Behind the addition 1 * 10 + 4 * 10 is heard of 100, behind a 10 + 40.
    expect(balanced).toMatchObject({ left: close(2, 8), right: close(2, 8), a: close(20, 80), last: [1, 1] });
  });

  it('leaves all as it is where nothing is known', () => {
    const layers = [x, dense('a', 2, [1, 1, 1, 1]), dense('b', 2, [1, 2, 3, 4])];
    const { plain, balanced } = both(layers, {});
    expect(balanced).toEqual(plain);
  });

  it('passes over places where nothing varies', () => {
    const layers = [x, dense('a', 2, [1, 1, 1, 1]), dense('b', 2, [1, 2, 3, 4])];
    const { plain, balanced } = both(layers, { a: [0, 0], b: [2, 3] });
    expect(balanced).toEqual(plain);
  });
});
