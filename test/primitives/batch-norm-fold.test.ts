import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/json/value.ts';
import type { Layer } from '../../src/model/layer.ts';
import type { Model } from '../../src/model/model.ts';
import type { SkipReason } from '../../src/model/skip-reason.ts';
import { foldAllBatchNorms, foldGivenBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
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
import { TRAINING_VERSIONS, trainingModel } from '../support/training-models.ts';

/** sigma = 2 and 0.5, so that a = gamma / sigma = 3 and -2, and d = beta - mean a = -2 and 9. */
const BN_WEIGHTS: GivenWeights = {
  gamma: [6, -1],
  beta: [1, 5],
  movingMean: [1, 2],
  movingVariance: [4, 0.25],
};
const batchNorm = (name = 'bn', config: JsonObject = {}, from?: readonly string[]): LayerSpec =>
  layer(
    'BatchNormalization',
    name,
    { epsilon: 0, ...config },
    { weights: BN_WEIGHTS, ...(from ? { from } : {}) },
  );
const conv = (name: string, config: JsonObject = {}, weights: GivenWeights = {}): LayerSpec =>
  layer('Conv2D', name, { filters: 2, kernel_size: 1, ...config }, { weights });

const values = (one: Layer, name: 'kernel' | 'depthwiseKernel' | 'bias'): number[] => [
  ...one.requireWeight(name).toFloat64(),
];
const names = (pairs: readonly (readonly [Layer, Layer])[]): string[][] =>
  pairs.map((pair) => pair.map(({ path }) => path));

/** The reasons for which batch norms of the model stay. */
function reasonsOf(model: Model): SkipReason[] {
  const reasons: SkipReason[] = [];
  foldAllBatchNorms(model, { onSkip: (reason) => reasons.push(reason) });
  return reasons;
}

describe('folding backward', () => {
  it('is W gamma / sigma and beta + (b - mean) gamma / sigma', () => {
    const model = buildModel([
      input('x', [1, 1, 2]),
      conv('conv', {}, { kernel: [1, 2, 3, 4], bias: [10, 20] }),
      batchNorm(),
    ]);
    const bn = model.layer('bn');
    const [pairs, same] = foldAllBatchNorms(model);
    expect(same).toBe(model);
    expect(names(pairs)).toEqual([['conv', 'bn']]);
    expect(values(model.layer('conv'), 'kernel')).toEqual([3, -4, 9, -8]);
    expect(values(model.layer('conv'), 'bias')).toEqual([10 * 3 - 2, 20 * -2 + 9]);
    expect(model.layers.map(({ name }) => name)).toEqual(['x', 'conv']);
    const folded = model.layer('conv');
    expect(bn.foldedInto).toEqual({ layer: folded, direction: 'backward', weights: folded.weights });
    expect([...bn.requireWeight('beta').toFloat64()]).toEqual([1, 5]);
  });

  it('gives a layer without bias one', () => {
    const model = buildModel([
      input('x', [1, 1, 2]),
      conv('conv', { use_bias: false }, { kernel: [1, 2, 3, 4] }),
      batchNorm(),
    ]);
    foldAllBatchNorms(model);
    expect(values(model.layer('conv'), 'bias')).toEqual([-2, 9]);
    expect(model.layer('conv').operation).toMatchObject({ kind: 'conv', useBias: true });
  });

  it('takes channel c m + j of a depthwise layer with multiplier m', () => {
    const model = buildModel([
      input('x', [1, 1, 1]),
      layer(
        'DepthwiseConv2D',
        'depthwise',
        { kernel_size: 1, depth_multiplier: 2, use_bias: false },
        { weights: { depthwiseKernel: [5, 7] } },
      ),
      batchNorm(),
    ]);
    foldAllBatchNorms(model);
    expect(values(model.layer('depthwise'), 'depthwiseKernel')).toEqual([15, -14]);
  });

  it('takes a missing gamma for 1 and a missing beta for 0', () => {
    const model = buildModel([
      input('x', [1, 1, 2]),
      conv('conv', { use_bias: false }, { kernel: [1, 2, 3, 4] }),
      batchNorm('bn', { scale: false, center: false }),
    ]);
    foldAllBatchNorms(model);
    expect(values(model.layer('conv'), 'kernel')).toEqual([0.5, 4, 1.5, 8]);
    expect(values(model.layer('conv'), 'bias')).toEqual([-0.5, -4]);
  });

  it('folds one batch norm after another into the same layer', () => {
    const model = buildModel([
      input('x', [1, 1, 2]),
      conv('conv', { use_bias: false }, { kernel: [1, 1, 1, 1] }),
      batchNorm('bn1'),
      batchNorm('bn2'),
    ]);
    const [pairs] = foldAllBatchNorms(model);
    expect(names(pairs)).toEqual([
      ['conv', 'bn1'],
      ['conv', 'bn2'],
    ]);
    expect(values(model.layer('conv'), 'kernel')).toEqual([9, 4, 9, 4]);
    expect(values(model.layer('conv'), 'bias')).toEqual([-2 * 3 - 2, 9 * -2 + 9]);
  });

  it('keeps the dtype of the layer', () => {
    const model = buildModel([input('x', [1, 1, 2]), conv('conv', { use_bias: false }), batchNorm()]);
    const one = model.layer('conv');
    one.setWeight('kernel', Tensor.fromNumbers('float64', [1, 1, 2, 2], [1, 2, 3, 4]));
    foldAllBatchNorms(model);
    expect([one.requireWeight('kernel').dtype, one.requireWeight('bias').dtype]).toEqual([
      'float64',
      'float64',
    ]);
  });
});

describe('folding forward', () => {
  it('adds W d to the bias, with the kernel as it was, and multiplies its inputs by a', () => {
    const model = buildModel([
      input('x', [1, 1, 2]),
      layer('ReLU', 'relu'),
      batchNorm(),
      conv('conv', {}, { kernel: [1, 2, 3, 4], bias: [10, 20] }),
    ]);
    const bn = model.layer('bn');
    const [pairs] = foldAllBatchNorms(model);
    expect(names(pairs)).toEqual([['conv', 'bn']]);
    expect(values(model.layer('conv'), 'kernel')).toEqual([3, 6, -6, -8]);
    expect(values(model.layer('conv'), 'bias')).toEqual([10 - 2 * 1 + 9 * 3, 20 - 2 * 2 + 9 * 4]);
    expect(bn.foldedInto?.direction).toBe('forward');
  });

  it.each<[string, LayerSpec]>([
    ['a depthwise layer', layer('DepthwiseConv2D', 'layer', { kernel_size: 2, depth_multiplier: 2 })],
    ['a convolution in groups', layer('Conv2D', 'layer', { filters: 4, kernel_size: 2, groups: 2 })],
    ['a separable convolution', layer('SeparableConv2D', 'layer', { filters: 3, kernel_size: 2 })],
    [
      'a 1x1 convolution under "same"',
      layer('Conv2D', 'layer', { filters: 3, kernel_size: 1, padding: 'same' }),
    ],
    ['a 1x1 transposed convolution', layer('Conv2DTranspose', 'layer', { filters: 3, kernel_size: 1 })],
    ['Dense on the last axis', layer('Dense', 'layer', { units: 3 })],
  ])('keeps the function in front of %s', async (_, reader) => {
    const model = buildModel([input('x', [3, 3, 2]), layer('ReLU', 'relu'), batchNorm(), reader]);
    const inputs = randomInputs(model);
    const before = await runModel(model, inputs);
    expect(names(foldAllBatchNorms(model)[0])).toEqual([['layer', 'bn']]);
    // float32 rounding alone is 1e-7.
    expect(relativeDifference(before, await runModel(model, inputs))).toBeLessThan(1e-6);
  });

  it.each<[string, readonly number[], JsonObject, LayerSpec, readonly number[]]>([
    ['Flatten', [1, 2, 2], {}, layer('Flatten', 'flatten'), [3, -2, 3, -2]],
    ['Reshape', [1, 2, 2], {}, layer('Reshape', 'flatten', { target_shape: [4] }), [3, -2, 3, -2]],
    ['Reshape to -1', [1, 2, 2], {}, layer('Reshape', 'flatten', { target_shape: [-1] }), [3, -2, 3, -2]],
    [
      'Flatten of channels that lie first',
      [2, 1, 2],
      { axis: 1 },
      layer('Flatten', 'flatten'),
      [3, 3, -2, -2],
    ],
    [
      'Flatten that moves the channels behind',
      [2, 1, 2],
      { axis: 1 },
      layer('Flatten', 'flatten', { data_format: 'channels_first' }),
      [3, -2, 3, -2],
    ],
  ])('spreads the channels over what %s makes of them', (_, shape, config, between, expected) => {
    const dense = layer('Dense', 'dense', { units: 1 }, { weights: { kernel: [1, 1, 1, 1], bias: [0] } });
    const model = buildModel([
      input('x', shape),
      layer('ReLU', 'relu'),
      batchNorm('bn', config),
      between,
      dense,
    ]);
    expect(names(foldAllBatchNorms(model)[0])).toEqual([['dense', 'bn']]);
    expect(values(model.layer('dense'), 'kernel')).toEqual(expected);
    expect(values(model.layer('dense'), 'bias')).toEqual([2 * -2 + 2 * 9]);
  });

  it('keeps the function in front of Flatten and Dense', async () => {
    const model = buildModel([
      input('x', [3, 3, 2]),
      layer('ReLU', 'relu'),
      batchNorm(),
      layer('Flatten', 'flatten'),
      layer('Dense', 'dense', { units: 3 }),
    ]);
    const inputs = randomInputs(model);
    const before = await runModel(model, inputs);
    expect(names(foldAllBatchNorms(model)[0])).toEqual([['dense', 'bn']]);
    expect(relativeDifference(before, await runModel(model, inputs))).toBeLessThan(1e-6);
  });

  it('comes after all backward folds, which win', () => {
    const model = buildModel([
      input('x', [1, 1, 2]),
      layer('ReLU', 'relu'),
      batchNorm('bn1'),
      conv('conv1'),
      batchNorm('bn2'),
      conv('conv2'),
    ]);
    expect(names(foldAllBatchNorms(model)[0])).toEqual([
      ['conv1', 'bn2'],
      ['conv1', 'bn1'],
    ]);
  });
});

describe('order of the folded pairs', () => {
  it('is reverse depth-first: the last branch first', () => {
    const model = buildModel([
      input('x', [1, 1, 2]),
      layer('Conv2D', 'left', { filters: 2, kernel_size: 1 }, { from: ['x'] }),
      layer('Conv2D', 'right', { filters: 2, kernel_size: 1 }, { from: ['x'] }),
      batchNorm('left_bn', {}, ['left']),
      batchNorm('right_bn', {}, ['right']),
      layer('Add', 'add', {}, { from: ['left_bn', 'right_bn'] }),
      conv('last'),
      batchNorm('last_bn'),
    ]);
    expect(names(foldAllBatchNorms(model)[0])).toEqual([
      ['right', 'right_bn'],
      ['left', 'left_bn'],
      ['last', 'last_bn'],
    ]);
  });
});

describe('what stays, and why', () => {
  const x = input('x', [4, 4, 2]);
  it.each<[string, () => Model, Partial<SkipReason>]>([
    [
      'fused-activation',
      () => buildModel([x, conv('conv', { activation: 'relu' }), batchNorm()]),
      { layers: ['bn', 'conv'], activation: 'relu' },
    ],
    [
      'several-consumers',
      () => buildModel([x, conv('conv'), batchNorm(), layer('Add', 'add', {}, { from: ['conv', 'bn'] })]),
      { layers: ['bn', 'conv'], consumers: ['add'] },
    ],
    [
      'model-output',
      () => buildModel([x, conv('conv'), batchNorm()], { outputs: ['conv', 'bn'] }),
      { layers: ['bn', 'conv'] },
    ],
    [
      'padding',
      () =>
        buildModel([
          x,
          layer('ReLU', 'relu'),
          batchNorm(),
          conv('conv', { kernel_size: 3, padding: 'same' }),
        ]),
      { layers: ['bn', 'conv'], padding: 'same' },
    ],
    [
      'transposed-convolution',
      () =>
        buildModel([
          x,
          layer('ReLU', 'relu'),
          batchNorm(),
          layer('Conv2DTranspose', 'up', { filters: 2, kernel_size: 2, strides: 2 }),
        ]),
      { layers: ['bn', 'up'] },
    ],
    [
      'transposed-convolution',
      // Between the positions that a 1x1 kernel with a stride writes lies the bias alone.
      () =>
        buildModel([
          x,
          layer('ReLU', 'relu'),
          batchNorm(),
          layer('Conv2DTranspose', 'up', { filters: 2, kernel_size: 1, strides: 2 }),
        ]),
      { layers: ['bn', 'up'] },
    ],
    [
      'wrong-axis',
      () => buildModel([input('x', [2, 2, 2]), conv('conv'), batchNorm('bn', { axis: 1 })]),
      { layers: ['bn', 'conv'], axis: '1 of 2', expected: 'axis 3 of 2' },
    ],
    [
      'wrong-axis',
      // Keras takes the first of these dimensions for more batches.
      () => buildModel([input('x', [3, 2, 2, 2]), conv('conv'), batchNorm('bn', { axis: 3 })]),
      { layers: ['bn', 'conv'], axis: '3 of 2', expected: 'axis 4 of 2' },
    ],
    [
      'no-neighbour',
      () => buildModel([x, layer('ReLU', 'relu'), batchNorm(), layer('ReLU', 'relu2')]),
      { layers: ['bn'], before: 'relu (ReLU)', after: 'relu2' },
    ],
    [
      'non-finite',
      () => buildModel([x, conv('conv', {}, { kernel: [1, NaN, 1, 1] }), batchNorm()]),
      { layers: ['bn', 'conv'], where: 'conv/kernel, output channel 1' },
    ],
    [
      'negative-variance',
      () =>
        buildModel([
          x,
          conv('conv'),
          layer(
            'BatchNormalization',
            'bn',
            { epsilon: 0 },
            { weights: { ...BN_WEIGHTS, movingVariance: [1, -4] } },
          ),
        ]),
      { layers: ['bn', 'conv'], channel: 1, variance: -4 },
    ],
    [
      'shared-layer',
      () =>
        buildModel([
          x,
          input('y', [4, 4, 2]),
          layer('Conv2D', 'conv', { filters: 2, kernel_size: 1 }, { calls: [['x'], ['y']] }),
          batchNorm('bn', {}, ['conv']),
          layer('Add', 'add', {}, { from: ['bn', 'conv:1'] }),
        ]),
      { layers: ['bn', 'conv'], calls: 2 },
    ],
    [
      'input-is-output',
      () => buildModel([x, conv('conv'), nested('body', [input('in', [4, 4, 2]), batchNorm()])]),
      { layers: ['body/bn', 'conv'] },
    ],
  ])('%s', (code, make, rest) => {
    const model = make();
    const [reason, ...others] = reasonsOf(model);
    expect(others).toEqual([]);
    expect(reason).toMatchObject({ code, ...rest });
    const bn = [...model.allLayers()].find(({ layer: one }) => one.operation.kind === 'batchNorm');
    expect(bn?.layer.foldedInto).toBeUndefined();
  });
});

describe('a batch norm behind which a Flatten moves another axis than its own', () => {
  it('goes to the inputs that its channels become', async () => {
    const model = buildModel([
      input('x', [4, 3, 2]),
      layer('ReLU', 'relu'),
      batchNorm(),
      layer('Flatten', 'flatten', { data_format: 'channels_first' }),
      layer('Dense', 'dense', { units: 1 }, { weights: { kernel: new Array(24).fill(1), bias: [0] } }),
    ]);
    expect(names(foldAllBatchNorms(model)[0])).toEqual([['dense', 'bn']]);
    // [4, 3, 2] becomes [3, 2, 4]: four inputs in a row have the same channel.
    expect(values(model.layer('dense'), 'kernel')).toEqual(
      Array.from({ length: 24 }, (_, n) => (Math.floor(n / 4) % 2 === 0 ? 3 : -2)),
    );
  });
});

describe('a batch norm in training mode', () => {
  const trained = (trainable: boolean): Model => {
    const model = buildModel([input('x', [2, 2, 2]), conv('conv'), batchNorm('bn', { trainable })]);
    const call = model.calls.find((one) => one.layer.name === 'bn');
    if (call) call.kwargs = { training: { value: true } };
    return model;
  };

  it('stays: it has other statistics for each batch', () => {
    expect(reasonsOf(trained(true))).toEqual([{ code: 'training-mode', layers: ['bn', 'conv'] }]);
  });

  it('stays for that reason where no layer could take it', () => {
    const model = buildModel([input('x', [2, 2, 2]), batchNorm('bn'), layer('ReLU', 'relu', {})]);
    const call = model.calls.find((one) => one.layer.name === 'bn');
    if (call) call.kwargs = { training: { value: true } };
    expect(reasonsOf(model)).toEqual([{ code: 'training-mode', layers: ['bn'] }]);
  });

  it('is folded where it is frozen, which keeps its statistics', () => {
    expect(names(foldAllBatchNorms(trained(false))[0])).toEqual([['conv', 'bn']]);
  });

  it.each(TRAINING_VERSIONS)('stays in a nested model that is called so, as %s writes it', (version) => {
    expect(reasonsOf(trainingModel(version))).toEqual([
      { code: 'training-mode', layers: ['body/bn1', 'body/c1'] },
    ]);
    expect(names(foldAllBatchNorms(trainingModel(version))[0])).toEqual([['body/c2', 'body/bn2']]);
  });
});

describe('types of weights', () => {
  it('stay: a bias keeps its own, whatever that of the kernel', () => {
    const model = buildModel([input('x', [1, 1, 2]), conv('conv'), batchNorm()]);
    model.layer('conv').setWeight('kernel', Tensor.fromNumbers('float16', [1, 1, 2, 2], [1, 2, 3, 4]));
    foldAllBatchNorms(model);
    expect(model.layer('conv').weight('kernel')?.dtype).toBe('float16');
    expect(model.layer('conv').weight('bias')?.dtype).toBe('float32');
  });

  it('are not exceeded: a fold past the largest number of float16 is left out', () => {
    const model = buildModel([
      input('x', [1, 1, 2]),
      conv('conv', { use_bias: false }),
      batchNorm('bn', {}, ['conv']),
    ]);
    model.layer('conv').setWeight('kernel', Tensor.fromNumbers('float16', [1, 1, 2, 2], [3e4, 1, 1, 1]));
    expect(reasonsOf(model)).toEqual([{ code: 'overflow', layers: ['bn', 'conv'], dtype: 'float16' }]);
  });

  it('must be real numbers, in the batch norm and the bias too', () => {
    const model = buildModel([input('x', [1, 1, 2]), conv('conv'), batchNorm()]);
    model.layer('bn').setWeight('movingMean', Tensor.of('int64', [2], BigInt64Array.of(1n, 2n)));
    expect(reasonsOf(model)).toEqual([
      { code: 'not-float', layers: ['bn', 'conv'], where: 'bn/movingMean', dtype: 'int64' },
    ]);
    const other = buildModel([input('x', [1, 1, 2]), conv('conv'), batchNorm()]);
    other.layer('conv').setWeight('bias', Tensor.of('int64', [2], BigInt64Array.of(1n, 2n)));
    expect(reasonsOf(other)).toEqual([
      { code: 'not-float', layers: ['bn', 'conv'], where: 'conv/bias', dtype: 'int64' },
    ]);
  });
});

describe('nested models', () => {
  it('fold inside, and across their borders where the function stays', async () => {
    const model = buildModel([
      input('x', [4, 4, 2]),
      nested('body', [
        input('in', [4, 4, 2]),
        layer('Conv2D', 'conv', { filters: 2, kernel_size: 3 }),
        batchNorm(),
        layer('Conv2D', 'conv2', { filters: 2, kernel_size: 1 }),
      ]),
      batchNorm('head_bn'),
    ]);
    const inputs = randomInputs(model);
    const before = await runModel(model, inputs);
    const [pairs] = foldAllBatchNorms(model);
    expect(names(pairs)).toEqual([
      ['body/conv', 'body/bn'],
      ['body/conv2', 'head_bn'],
    ]);
    expect(relativeDifference(before, await runModel(model, inputs))).toBeLessThan(1e-6);
  });
});

describe('foldGivenBatchNorms', () => {
  const make = (): Model =>
    buildModel([
      input('x', [1, 1, 2]),
      layer('ReLU', 'relu'),
      batchNorm('front'),
      conv('conv', { use_bias: false }, { kernel: [1, 1, 1, 1] }),
      batchNorm('behind'),
      layer('ReLU', 'relu2'),
      conv('conv2'),
      batchNorm('last'),
    ]);

  it('folds [layer, bn, true] backward, and nothing else', () => {
    const model = make();
    const result = foldGivenBatchNorms(model, [[model.layer('conv'), model.layer('behind'), true]]);
    expect(result).toBe(model);
    expect(values(model.layer('conv'), 'kernel')).toEqual([3, -2, 3, -2]);
    expect(model.layers.map(({ name }) => name)).toEqual([
      'x',
      'relu',
      'front',
      'conv',
      'relu2',
      'conv2',
      'last',
    ]);
  });

  it('folds [bn, layer, false] forward', () => {
    const model = make();
    foldGivenBatchNorms(model, [[model.layer('front'), model.layer('conv'), false]]);
    expect(values(model.layer('conv'), 'kernel')).toEqual([3, 3, -2, -2]);
    expect(values(model.layer('conv'), 'bias')).toEqual([7, 7]);
  });

  it('tells the direction of two from their order', () => {
    const model = make();
    const [front, behind] = [model.layer('front'), model.layer('behind')];
    foldGivenBatchNorms(model, [
      [model.layer('conv'), behind],
      [front, model.layer('conv')],
    ]);
    expect([front.foldedInto?.direction, behind.foldedInto?.direction]).toEqual(['forward', 'backward']);
  });

  it('does the same as foldAllBatchNorms when it is given all', () => {
    const [all, given] = [make(), make()];
    foldAllBatchNorms(all);
    foldGivenBatchNorms(given, [
      [given.layer('conv'), given.layer('behind'), true],
      [given.layer('conv2'), given.layer('last'), true],
      [given.layer('front'), given.layer('conv'), false],
    ]);
    for (const name of ['conv', 'conv2']) {
      expect(values(given.layer(name), 'kernel')).toEqual(values(all.layer(name), 'kernel'));
      expect(values(given.layer(name), 'bias')).toEqual(values(all.layer(name), 'bias'));
    }
  });

  it('says which pair is wrong and why, and then folds none', () => {
    const model = make();
    const [one, front, behind] = [model.layer('conv'), model.layer('front'), model.layer('behind')];
    const good = [one, behind, true] as const;
    const kernel = one.weight('kernel');
    const refused = (...pairs: Parameters<typeof foldGivenBatchNorms>[1]): string => {
      try {
        foldGivenBatchNorms(model, pairs);
      } catch (error) {
        if (error instanceof TypeError) return error.message;
        throw error;
      }
      return '';
    };
    expect(refused(good, [one, model.layer('relu'), true])).toBe(
      'layerPairs[1]: relu (ReLU) is no BatchNormalization of the model',
    );
    expect(refused(good, good)).toBe('layerPairs[1]: behind is given twice');
    expect(refused(good, [one, model.layer('last'), true])).toBe(
      'layerPairs[1]: conv2 stands beside last, not conv',
    );
    expect(refused([front, one, true])).toBe(
      'layerPairs[0]: conv (Conv2D) is no BatchNormalization of the model',
    );
    expect(refused([one, front, true])).toBe(
      'layerPairs[0]: front stays: it stands between relu (ReLU) and conv, neither of which can take it',
    );
    expect(refused([one, make().layer('behind'), true])).toMatch(
      /^layerPairs\[0\]: behind .* no BatchNormalization of the model$/,
    );
    expect(one.weight('kernel')).toBe(kernel);
    expect(model.layers).toContain(behind);
  });

  it('refuses a fold that would change the function', () => {
    const model = buildModel([
      input('x', [4, 4, 2]),
      layer('ReLU', 'relu'),
      batchNorm(),
      conv('conv', { kernel_size: 3, padding: 'same' }),
    ]);
    expect(() => foldGivenBatchNorms(model, [[model.layer('bn'), model.layer('conv'), false]])).toThrow(
      new TypeError(
        'layerPairs[0]: bn stays: conv pads with zeros (same) after it, so that the border would change',
      ),
    );
  });
});
