import { beforeAll, describe, expect, test } from 'vitest';
import { buildGraph, tensorKey } from '../../../src/model/graph.ts';
import type { Model } from '../../../src/model/model.ts';
import { activationOf } from '../../../src/model/operation.ts';
import { integerForm } from '../../../src/quantization/integer/integer-form.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, buildSequential, input, layer, nested } from '../../support/model-builder.ts';
import { randomInputs, relativeDifference } from '../../support/run-model.ts';

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create({ backend: 'cpu' });
});

/** The layers of the form by path and class, once the form was seen to compute the same. */
async function formOf(model: Model): Promise<string[]> {
  const before = layersOf(model);
  const form = integerForm(model);
  const inputs = randomInputs(model);
  const [expected, actual] = [await run(model, inputs), await run(form, inputs)];
  // Sums in float32, in another order where a kernel was split in two.
  expect(relativeDifference(expected, actual)).toBeLessThan(1e-6);
  expect(layersOf(model)).toEqual(before);
  expect(layersOf(integerForm(form))).toEqual(layersOf(form));
  return layersOf(form);
}

async function run(model: Model, inputs: ReturnType<typeof randomInputs>): Promise<Float32Array[]> {
  return (await runner.run(model, inputs)).map((tensor) => tensor.values() as Float32Array);
}

function layersOf(model: Model): string[] {
  return [...model.allLayers()]
    .filter(({ layer: { operation } }) => operation.kind !== 'input')
    .map(({ layer: one }) => {
      const { kind } = activationOf(one.operation);
      return `${one.path} ${one.className}${kind === 'linear' ? '' : ` ${kind}`}`;
    });
}

const CONV = { filters: 3, kernel_size: 3, padding: 'same' };

describe('integerForm', () => {
  test('activations of kernels become layers, ReLUs do not', async () => {
    const model = buildModel([
      input('x', [5, 5, 2]),
      layer('Conv2D', 'relu', { ...CONV, activation: 'relu' }),
      layer('Conv2D', 'relu6', { ...CONV, activation: 'relu6' }),
      layer('Conv2D', 'leaky', { ...CONV, activation: 'leaky_relu' }),
      layer('Conv2D', 'tanh', { ...CONV, activation: 'tanh' }),
      layer('Flatten', 'flatten'),
      layer('Dense', 'dense', { units: 3, activation: 'softmax' }),
    ]);
    expect(await formOf(model)).toEqual([
      'relu Conv2D relu',
      'relu6 Conv2D relu',
      'leaky Conv2D',
      'leaky_activation Activation relu',
      'tanh Conv2D',
      'tanh_activation Activation other',
      'flatten Flatten',
      'dense Dense',
      'dense_activation Activation other',
    ]);
  });

  test('a SeparableConv becomes its two convolutions, and keeps what is known of its output', async () => {
    const model = buildModel([
      input('x', [7, 7, 2]),
      layer('SeparableConv2D', 'separable', {
        ...CONV,
        ...{ strides: 2, depth_multiplier: 2, activation: 'tanh' },
      }),
    ]);
    const statistics = { mean: Float64Array.of(1, 2, 3), variance: Float64Array.of(4, 5, 6) };
    model.layer('separable').statistics = statistics;
    expect(await formOf(model)).toEqual([
      'separable_depthwise DepthwiseConv2D',
      'separable Conv2D',
      'separable_activation Activation other',
    ]);
    const form = integerForm(model);
    expect(form.layer('separable').statistics).toBe(statistics);
    expect(form.layer('separable_depthwise').statistics).toBeUndefined();
    const shapes = buildGraph(form).calls.map((call) => call.output().shape);
    expect(shapes.slice(1)).toEqual([
      [null, 4, 4, 4],
      [null, 4, 4, 3],
      [null, 4, 4, 3],
    ]);
  });

  test('one dimension, channels first and no bias', async () => {
    const model = buildModel([
      input('x', [2, 9]),
      layer('SeparableConv1D', 'separable', {
        ...{ filters: 3, kernel_size: 3, use_bias: false, data_format: 'channels_first', activation: 'relu' },
      }),
    ]);
    expect(await formOf(model)).toEqual([
      'separable_depthwise DepthwiseConv1D',
      'separable Conv1D',
      'separable_activation Activation relu',
    ]);
  });

  test('a swish becomes a sigmoid and a product, in a Sequential too', async () => {
    const model = buildSequential([
      input('x', [4]),
      layer('Dense', 'dense', { units: 3, activation: 'swish' }),
      layer('Activation', 'silu', { activation: 'silu' }),
    ]);
    expect(await formOf(model)).toEqual([
      'dense Dense',
      'dense_activation_sigmoid Activation other',
      'dense_activation Multiply',
      'silu_sigmoid Activation other',
      'silu Multiply',
    ]);
    expect(integerForm(model).kind).toBe('functional');
  });

  test('sums of several tensors become sums of two', async () => {
    const model = buildModel([
      input('x', [4]),
      ...['a', 'b', 'c'].map((name) => layer('Dense', name, { units: 4 }, { from: ['x'] })),
      layer('Add', 'four', {}, { from: ['x', 'a', 'b', 'c'] }),
      layer('Add', 'two', {}, { from: ['four', 'a'] }),
    ]);
    expect(await formOf(model)).toEqual([
      ...['a Dense', 'four_sum Add', 'b Dense'],
      ...['four_sum_1 Add', 'c Dense', 'four Add', 'two Add'],
    ]);
  });

  test('shared layers and nested models that are called several times', async () => {
    const model = buildModel([
      input('x', [5, 5, 2]),
      nested(
        'inner',
        [
          input('y', [5, 5, 2]),
          layer('SeparableConv2D', 'separable', { ...CONV, filters: 2, activation: 'swish' }),
        ],
        { calls: [['x'], ['inner:0']] },
      ),
      layer(
        'Conv2D',
        'shared',
        { ...CONV, filters: 2, activation: 'tanh' },
        { calls: [['inner:0'], ['inner:1']] },
      ),
      layer('Add', 'sum', {}, { from: ['shared:0', 'shared:1', 'x'] }),
    ]);
    expect(await formOf(model)).toEqual([
      'inner/separable_depthwise DepthwiseConv2D',
      'inner/separable Conv2D',
      'inner/separable_activation_sigmoid Activation other',
      'inner/separable_activation Multiply',
      'shared Conv2D',
      'shared_activation Activation other',
      'sum_sum Add',
      'sum Add',
    ]);
    const graph = buildGraph(integerForm(model));
    const keys = graph.calls.map((call) => tensorKey(call.output()));
    expect(keys.filter((key) => key.startsWith('shared'))).toEqual([
      ...['shared#0:0', 'shared_activation#0:0', 'shared#1:0', 'shared_activation#1:0'],
    ]);
    expect(keys.filter((key) => key === 'inner/separable#0:0')).toHaveLength(2);
  });

  test('a fixed grid that others would have to share is put on another', async () => {
    const model = buildModel([
      input('x', [4]),
      layer('Dense', 'gate', { units: 4, activation: 'sigmoid' }),
      layer('Dense', 'values', { units: 4 }, { from: ['x'] }),
      layer('Concatenate', 'both', {}, { from: ['gate', 'values'] }),
    ]);
    expect(await formOf(model)).toEqual([
      'gate Dense',
      'gate_activation Activation other',
      'gate_activation_rescaled Activation',
      'values Dense',
      'both Concatenate',
    ]);
  });

  test('names that are taken', () => {
    const model = buildModel([
      input('x', [4]),
      layer('Dense', 'dense', { units: 4, activation: 'tanh' }),
      layer('Dense', 'dense_activation', { units: 4 }),
    ]);
    expect(layersOf(integerForm(model))).toEqual([
      'dense Dense',
      'dense_activation_1 Activation other',
      'dense_activation Dense',
    ]);
  });

  test('what is no model', () => {
    expect(() => integerForm({} as Model)).toThrow(TypeError);
  });
});
