/**
 * Layers that several calls share, as siamese encoders and heads on several feature maps have them: what is done to them is
 * what would be done to as many copies.
 */
import { describe, expect, test } from 'vitest';
import { absorbBiases } from '../../src/equalization/biases/bias-absorption.ts';
import { equalize } from '../../src/equalization/equalize.ts';
import { activationMoments } from '../../src/equalization/moments/activation-moments.ts';
import type { EqualizeOptions } from '../../src/equalization/options.ts';
import type { Model } from '../../src/model/model.ts';
import type { SkipReason } from '../../src/model/skip-reason.ts';
import { foldAllBatchNorms, foldGivenBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
import { CrossLayerScaling } from '../../src/primitives/cross-layer-scaling.ts';
import { findClsSets } from '../../src/primitives/layer-groups.ts';
import { allIn } from '../../src/primitives/pass.ts';
import {
  buildModel,
  type GivenWeights,
  input,
  type LayerSpec,
  layer,
  nested,
} from '../support/model-builder.ts';
import { seededRandom } from '../support/random.ts';
import { randomInputs, relativeDifference, runModel } from '../support/run-model.ts';

const CHANNELS = 8;
const SHAPE = [6, 6, 3];

/** The weights of an encoder by the names of its layers. */
const WEIGHTS: Readonly<Record<string, GivenWeights>> = (() => {
  const random = seededRandom(5);
  const numbers = (count: number, value: () => number): number[] => Array.from({ length: count }, value);
  const normals = (count: number): number[] => numbers(count, () => random.normal());
  const bn = (): GivenWeights => ({
    gamma: numbers(CHANNELS, () => 0.1 + 3 * random.uniform()),
    beta: normals(CHANNELS),
    movingMean: normals(CHANNELS),
    movingVariance: numbers(CHANNELS, () => 0.2 + random.uniform()),
  });
  return {
    c1: { kernel: normals(27 * CHANNELS), bias: normals(CHANNELS) },
    b1: bn(),
    c2: { kernel: normals(9 * CHANNELS * CHANNELS), bias: normals(CHANNELS) },
    b2: bn(),
  };
})();

type Calls = readonly (readonly string[])[];

/** `suffix` tells copies apart; `calls` are those of the first layer, which the others follow. */
function encoder(suffix: string, calls: Calls, relu: LayerSpec['config']): LayerSpec[] {
  const conv = { filters: CHANNELS, kernel_size: 3, padding: 'same' };
  const classes = ['Conv2D', 'BatchNormalization', 'ReLU', 'Conv2D', 'BatchNormalization'];
  const names = ['c1', 'b1', 'r1', 'c2', 'b2'];
  return names.map((name, index) => {
    const before = names[index - 1];
    const reads = before === undefined ? calls : calls.map((_, call) => [`${before}${suffix}:${call}`]);
    const config = name.startsWith('c') ? conv : name === 'r1' ? relu : {};
    return layer(classes[index] ?? '', name + suffix, config, {
      calls: reads,
      weights: WEIGHTS[name] ?? {},
    });
  });
}

const inputs = [input('a', SHAPE), input('b', SHAPE)];
const merge = (from: readonly string[]): LayerSpec => layer('Average', 'merged', {}, { from });

/** The same network three times: with two copies of an encoder, with one that is called twice, and with its layers alone. */
const siamese = (relu: LayerSpec['config'] = {}): Record<'copies' | 'nested' | 'flat', Model> => ({
  copies: buildModel([
    ...inputs,
    ...encoder('_a', [['a']], relu),
    ...encoder('_b', [['b']], relu),
    merge(['b2_a', 'b2_b']),
  ]),
  nested: buildModel([
    ...inputs,
    nested('enc', [input('x', SHAPE), ...encoder('', [['x']], relu)], { calls: [['a'], ['b']] }),
    merge(['enc:0', 'enc:1']),
  ]),
  flat: buildModel([...inputs, ...encoder('', [['a'], ['b']], relu), merge(['b2:0', 'b2:1'])]),
});

const values = (model: Model, name: string, weight: 'kernel' | 'bias'): Float64Array =>
  model.layer(name).requireWeight(weight).toFloat64();

describe.each(['nested', 'flat'] as const)('an encoder that is called twice, %s', (form) => {
  const path = (name: string): string => (form === 'nested' ? `enc/${name}` : name);

  test('has its batch norms folded once, as copies have', async () => {
    const { copies, [form]: model } = siamese();
    const fed = randomInputs(model, 2);
    const before = await runModel(model, fed);
    const [pairs] = foldAllBatchNorms(model, { onSkip: (reason) => expect(reason).toBeUndefined() });
    expect(pairs.map((pair) => pair.map((one) => one.path)).sort()).toEqual([
      [path('c1'), path('b1')],
      [path('c2'), path('b2')],
    ]);
    // Sums in float32, in another order.
    expect(relativeDifference(await runModel(model, fed), before)).toBeLessThan(1e-5);
    foldAllBatchNorms(copies);
    for (const name of ['c1', 'c2']) {
      for (const weight of ['kernel', 'bias'] as const) {
        expect(values(model, path(name), weight)).toEqual(values(copies, `${name}_a`, weight));
      }
    }
  });

  test.each<EqualizeOptions>([
    { target: 'float' },
    { target: 'int8-per-tensor' },
    { target: 'int8-per-tensor', objective: 'equal-ranges', activations: 'float' },
    { target: 'int8-per-channel' },
  ])('is equalized as copies are, %o', async (options) => {
    const { copies, [form]: model } = siamese({ max_value: 6 });
    const fed = randomInputs(model, 2);
    const before = await runModel(model, fed);
    const shared = await equalize(model, options);
    const apart = await equalize(copies, options);
    const [scaled] = allIn(shared.report.passes, 'regions');
    expect(scaled?.channels).toBe(options.target === 'int8-per-channel' ? undefined : CHANNELS);
    for (const name of ['c1', 'c2']) {
      for (const weight of ['kernel', 'bias'] as const) {
        const expected = values(apart.model, `${name}_a`, weight);
        const difference = relativeDifference(
          [Float32Array.from(values(shared.model, path(name), weight))],
          [Float32Array.from(expected)],
        );
        // The descent to the least noise stops where a step changes its logarithm by less than 1e-4, and the bottom is flat: what is
        // left of a factor is of the order of the root of that.
        expect(difference).toBeLessThan(options.target === 'int8-per-tensor' ? 1e-2 : 1e-6);
      }
    }
    const exact = await equalize(model, { ...options, biasCorrection: 'none' });
    expect(relativeDifference(await runModel(exact.model, fed), before)).toBeLessThan(1e-5);
  });

  test('is scaled as copies are by the steps of the reference', async () => {
    const { copies, [form]: model } = siamese();
    const fed = randomInputs(model, 2);
    const before = await runModel(model, fed);
    foldAllBatchNorms(model);
    foldAllBatchNorms(copies);
    expect(findClsSets(model).map(({ paths }) => paths)).toEqual([[path('c1'), path('c2')]]);
    CrossLayerScaling.scaleModel(model);
    CrossLayerScaling.scaleModel(copies);
    expect(values(model, path('c2'), 'kernel')).toEqual(values(copies, 'c2_a', 'kernel'));
    expect(relativeDifference(await runModel(model, fed), before)).toBeLessThan(1e-5);
  });

  test('has the moments of all its calls together, and absorbs no bias', () => {
    const { copies, [form]: model } = siamese();
    foldAllBatchNorms(model);
    foldAllBatchNorms(copies);
    const moments = activationMoments(model);
    const alone = activationMoments(copies);
    for (const name of ['c1', 'r1', 'c2']) {
      expect(moments.ofLayer(path(name))?.mean).toEqual(alone.ofLayer(`${name}_a`)?.mean);
    }
    const { absorbed, left } = absorbBiases(model);
    expect(absorbed).toEqual([]);
    expect(left).toContainEqual({ code: 'shared-layer', edit: 'absorb', layers: [path('c1')], calls: 2 });
  });
});

test('the steps of the reference leave a layer alone whose calls lead to different layers', () => {
  const conv = { filters: 3, kernel_size: 1 };
  const model = buildModel([
    input('x', [4, 4, 3]),
    layer('ReLU', 'relu'),
    layer('Conv2D', 'shared', conv, { calls: [['x'], ['relu']] }),
    layer('Conv2D', 'one', conv, { from: ['shared:0'] }),
    layer('Conv2D', 'two', conv, { from: ['shared:1'] }),
    layer('Add', 'sum', {}, { from: ['one', 'two'] }),
  ]);
  const left: SkipReason[] = [];
  expect(findClsSets(model, { onSkip: (reason) => left.push(reason) })).toEqual([]);
  expect(left).toContainEqual({ code: 'shared-layer', layers: ['shared'], calls: 2 });
});

describe('a batch norm beside a shared layer stays', () => {
  const conv = { filters: 3, kernel_size: 1 };
  const x = input('x', [4, 4, 3]);
  const reasons = (model: Model): SkipReason[] => {
    const left: SkipReason[] = [];
    expect(foldAllBatchNorms(model, { onSkip: (reason) => left.push(reason) })[0]).toEqual([]);
    return left;
  };

  test('where each call has one of its own', () => {
    const model = buildModel([
      x,
      layer('Conv2D', 'neck', conv, { calls: [['x'], ['neck:0']] }),
      layer('BatchNormalization', 'bn0', {}, { from: ['neck:0'] }),
      layer('BatchNormalization', 'bn1', {}, { from: ['neck:1'] }),
      layer('Add', 'sum', {}, { from: ['bn0', 'bn1'] }),
    ]);
    expect(reasons(model)).toEqual([
      { code: 'shared-layer', layers: ['bn0', 'neck'], calls: 2 },
      { code: 'shared-layer', layers: ['bn1', 'neck'], calls: 2 },
    ]);
  });

  test('where it reads another layer too', () => {
    const model = buildModel([
      x,
      layer('Conv2D', 'one', conv),
      layer('Conv2D', 'two', conv, { from: ['x'] }),
      layer('BatchNormalization', 'bn', {}, { calls: [['one'], ['two']] }),
      layer('Add', 'sum', {}, { from: ['bn:0', 'bn:1'] }),
    ]);
    expect(reasons(model)).toEqual([{ code: 'shared-layer', layers: ['bn', 'bn'], calls: 2 }]);
  });

  test('where one call of it trains, or is read by something else', () => {
    const pair = (calls: Calls): LayerSpec[] => [
      layer('Conv2D', 'conv', conv, { calls }),
      layer('BatchNormalization', 'bn', {}, { calls: calls.map((_, call) => [`conv:${call}`]) }),
    ];
    const model = buildModel([
      x,
      layer('ReLU', 'relu'),
      ...pair([['x'], ['relu']]),
      layer('Add', 'sum', {}, { from: ['bn:0', 'bn:1', 'conv:1'] }),
    ]);
    expect(reasons(model)).toEqual([
      { code: 'several-consumers', layers: ['bn', 'conv'], consumers: ['sum'] },
    ]);
  });
});

test('a batch norm in front of a shared layer is folded into it where they go in step', async () => {
  const calls = [['x'], ['y']];
  const model = buildModel([
    input('x', [4, 4, 3]),
    input('y', [4, 4, 3]),
    layer('BatchNormalization', 'bn', {}, { calls }),
    layer('Conv2D', 'conv', { filters: 2, kernel_size: 1 }, { calls: [['bn:0'], ['bn:1']] }),
    layer('Concatenate', 'both', {}, { from: ['conv:0', 'conv:1'] }),
  ]);
  const fed = randomInputs(model, 2);
  const before = await runModel(model, fed);
  foldGivenBatchNorms(model, [[model.layer('bn'), model.layer('conv')]]);
  expect(model.layers.map(({ name }) => name).sort()).toEqual(['both', 'conv', 'x', 'y']);
  expect(relativeDifference(await runModel(model, fed), before)).toBeLessThan(1e-5);
});
