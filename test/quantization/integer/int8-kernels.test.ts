import { beforeAll, describe, expect, test } from 'vitest';
import { insertBehind } from '../../../src/model/edit.ts';
import { tensorKey } from '../../../src/model/graph.ts';
import type { Model } from '../../../src/model/model.ts';
import type { ModelRunner } from '../../../src/model/model-runner.ts';
import { newCap } from '../../../src/model/new-layer.ts';
import { loadInputs } from '../../../src/node/inputs.ts';
import { loadModel } from '../../../src/node.ts';
import { foldAllBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import type { IntegerPlan } from '../../../src/quantization/integer/integer-plan.ts';
import { runPlan } from '../../../src/quantization/integer/simulate-plan.ts';
import type { QuantizerName } from '../../../src/quantization/quantizer.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { type Codes, runInt8 } from '../../support/int8-reference.ts';
import { buildModel, input, layer, nested } from '../../support/model-builder.ts';
import { plannedOn } from '../../support/planned.ts';
import { randomInputs } from '../../support/run-model.ts';

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create({ backend: 'cpu' });
});

/** How many codes differ, and by how much at most. */
interface Difference {
  codes: number;
  differing: number;
  most: number;
}

/** The plan's run in floats against the kernels in integers. */
async function compared(
  plan: IntegerPlan,
  inputs: readonly Tensor[],
): Promise<{ kernels: Difference; outputs: Difference }> {
  const { made, outputs } = await simulated(plan, inputs);
  const kernels = { codes: 0, differing: 0, most: 0 };
  // Each kernel is given what the simulation gave to it, so that what is compared is one rounding.
  runInt8(plan, inputs, (tensor, { codes, shape, grid }) => {
    const simulated = codesOf(made.get(tensorKey(tensor))?.shift() ?? [], grid);
    add(kernels, simulated, codes);
    return { shape, codes: simulated, grid };
  });
  const difference = { codes: 0, differing: 0, most: 0 };
  for (const [index, reference] of runInt8(plan, inputs).entries()) {
    expect(outputs[index]?.shape).toEqual(reference.shape);
    add(difference, codesOf(outputs[index]?.toFloat64() ?? [], reference.grid), reference.codes);
  }
  return { kernels, outputs: difference };
}

/** All tensors of a simulation by key, those of several uses in their order. */
async function simulated(
  plan: IntegerPlan,
  inputs: readonly Tensor[],
): Promise<{ made: Map<string, Float64Array[]>; outputs: Tensor[] }> {
  const made = new Map<string, Float64Array[]>();
  const watching: ModelRunner = {
    run: (model, given, options = {}) =>
      runner.run(model, given, {
        ...options,
        wantsTensor: () => true,
        onTensor: (tensor, values) => {
          const replaced = options.wantsTensor?.(tensor) ? options.onTensor?.(tensor, values) : undefined;
          const key = tensorKey(tensor);
          made.set(key, [...(made.get(key) ?? []), (replaced ?? values).toFloat64()]);
          return replaced;
        },
      }),
  };
  const batchSize = inputs[0]?.shape[0] ?? 1;
  return { made, outputs: await runPlan(plan, watching, inputs, { batchSize }) };
}

/** The codes of values that lie on a grid. */
function codesOf(values: ArrayLike<number>, { scale, zeroPoint }: Codes['grid']): Int8Array {
  return Int8Array.from(values, (value) => {
    const code = value / scale + zeroPoint;
    // Float32 holds a step times its number to 2^-24 of it.
    expect(Math.abs(code - Math.round(code))).toBeLessThan(1e-4);
    return Math.round(code);
  });
}

function add(difference: Difference, actual: Int8Array, expected: Int8Array): void {
  expect(actual.length).toBe(expected.length);
  difference.codes += actual.length;
  for (const [at, code] of actual.entries()) {
    const distance = Math.abs(code - expected[at]!);
    if (distance > 0) difference.differing++;
    difference.most = Math.max(difference.most, distance);
  }
}

const IMAGE = input('x', [7, 7, 4]);
const CONV = { filters: 4, kernel_size: 3, padding: 'same' };

/** `model` with maxima behind the layer of that name. */
function capped(model: Model, name: string, maxima: readonly number[]): Model {
  const beside = model.layer(name);
  const cap = newCap({ owner: model, beside, name: `${name}_cap` }, Float64Array.from(maxima), -1);
  const call = model.calls.find((one) => one.layer === beside)!;
  insertBehind(model, call, [cap]);
  return model;
}

const MODELS: Record<string, () => Model> = {
  convolutions: () =>
    buildModel([
      IMAGE,
      layer('Conv2D', 'valid', { ...CONV, padding: 'valid', strides: 2, activation: 'relu' }),
      layer('Conv2D', 'dilated', { ...CONV, dilation_rate: 2, use_bias: false }),
      layer('Conv2D', 'grouped', { ...CONV, groups: 2 }),
      layer('ReLU', 'relu6', { max_value: 6 }),
      layer('DepthwiseConv2D', 'depthwise', { kernel_size: 3, padding: 'same', depth_multiplier: 2 }),
    ]),
  'a SeparableConv and a swish': () =>
    buildModel([IMAGE, layer('SeparableConv2D', 'separable', { ...CONV, activation: 'swish' })]),
  'a head': () =>
    buildModel([
      IMAGE,
      layer('Conv2D', 'conv', { ...CONV, activation: 'relu' }),
      layer('GlobalAveragePooling2D', 'mean'),
      layer('Dense', 'dense', { units: 5, activation: 'softmax' }),
    ]),
  'merges with ReLUs behind': () =>
    buildModel([
      IMAGE,
      layer('Conv2D', 'a', CONV),
      layer('Add', 'sum', {}, { from: ['a', 'x'] }),
      layer('ReLU', 'relu'),
      layer('Subtract', 'difference', {}, { from: ['relu', 'x'] }),
      layer('Multiply', 'product', {}, { from: ['difference', 'a'] }),
      layer('Add', 'three', {}, { from: ['product', 'a', 'x'] }),
    ]),
  'what keeps its grid': () =>
    buildModel([
      IMAGE,
      layer('Conv2D', 'conv', CONV),
      layer('ZeroPadding2D', 'pad', {
        padding: [
          [1, 0],
          [2, 1],
        ],
      }),
      layer('MaxPooling2D', 'max', { pool_size: [2, 2] }),
      layer('UpSampling2D', 'twice', { size: [2, 2] }),
      layer('Cropping2D', 'crop', {
        cropping: [
          [1, 1],
          [2, 0],
        ],
      }),
      layer('AveragePooling2D', 'average', { pool_size: 2, strides: 1, padding: 'same' }),
      layer('Concatenate', 'both', {}, { from: ['average', 'crop'] }),
      layer('Dropout', 'dropout', { rate: 0.5 }),
      layer('Flatten', 'flatten'),
      layer('Reshape', 'reshape', { target_shape: [6, 8, 8] }),
      layer('GlobalMaxPooling2D', 'top'),
    ]),
  'a concatenation of unlike ranges': () => {
    const wide = Array.from({ length: 16 }, (_, at) => 10 * Math.sin(1 + at));
    return buildModel([
      IMAGE,
      layer('Conv2D', 'wide', { ...CONV, kernel_size: 1 }, { weights: { kernel: wide } }),
      layer('Concatenate', 'both', {}, { from: ['wide', 'x'] }),
      layer('Conv2D', 'beside', CONV, { from: ['x'] }),
      layer('Conv2D', 'behind', CONV, { from: ['both'] }),
      layer('Add', 'sum', {}, { from: ['beside', 'behind'] }),
    ]);
  },
  'bilinear upsampling': () =>
    buildModel([
      IMAGE,
      layer('Conv2D', 'conv', CONV),
      layer('UpSampling2D', 'twice', { size: [2, 2], interpolation: 'bilinear' }),
    ]),
  'maxima and minima': () =>
    buildModel([
      IMAGE,
      layer('Conv2D', 'a', CONV),
      layer('Maximum', 'more', {}, { from: ['a', 'x'] }),
      layer('Minimum', 'less', {}, { from: ['more', 'a'] }),
    ]),
  activations: () =>
    buildModel([
      IMAGE,
      layer('Conv2D', 'conv', { ...CONV, activation: 'leaky_relu' }),
      layer('PReLU', 'prelu', { shared_axes: [1, 2] }),
      layer('ReLU', 'relu'),
      layer('Activation', 'tanh', { activation: 'tanh' }),
      layer('Conv2D', 'last', CONV),
      layer('Activation', 'sigmoid', { activation: 'sigmoid' }),
      layer('Concatenate', 'all', {}, { from: ['sigmoid', 'tanh', 'x'] }),
    ]),
  'caps behind a ReLU and behind a kernel': () => {
    const model = buildModel([
      IMAGE,
      layer('Conv2D', 'conv', { ...CONV, activation: 'relu' }),
      layer('Conv2D', 'linear', CONV),
    ]);
    return capped(capped(model, 'conv', [0.2, 0.4, 9, 1]), 'linear', [-0.3, 0, 0.5, 2]);
  },
  'shared layers and nested models': () =>
    buildModel([
      IMAGE,
      nested('inner', [input('y', [7, 7, 4]), layer('Conv2D', 'conv', CONV), layer('ReLU', 'relu')], {
        calls: [['x'], ['inner:0']],
      }),
      layer('Conv2D', 'shared', CONV, { calls: [['inner:0'], ['inner:1'], ['x']] }),
      layer('Add', 'sum', {}, { from: ['shared:0', 'shared:1', 'shared:2'] }),
    ]),
};

/** How the example's tensors and outputs differ, as they were measured; the outputs are ten probabilities an image. */
const EXAMPLE: Readonly<Record<string, number>> = {
  'int8-per-channel': 0.003,
  'int8-per-tensor-symmetric': 0.012,
};

/**
 * The kernels round twice, once to 31 bits and once to the code, which now and then makes another code of what lies near
 * the middle of two. So codes may be one apart in one kernel; in the outputs, where several add up, two.
 */
describe('a plan computes what int8 kernels compute', () => {
  const quantizers: QuantizerName[] = ['int8-per-channel', 'int8-per-tensor-symmetric'];
  describe.each(quantizers)('%s', (quantizer) => {
    test.each(Object.keys(MODELS))('%s', async (name) => {
      const model = MODELS[name]!();
      const inputs = randomInputs(model);
      const plan = await plannedOn(model, runner, inputs, quantizer);
      const { kernels, outputs } = await compared(plan, inputs);
      expect(kernels.most).toBeLessThanOrEqual(1);
      // Of activations that multiply by about 1, 3.2 % differ; of the other models at most 0.5 %.
      expect(kernels.differing / kernels.codes).toBeLessThan(name === 'activations' ? 0.04 : 0.01);
      expect(outputs.most).toBeLessThanOrEqual(2);
    });
  });

  test.each(quantizers)('the example, %s', async (quantizer) => {
    const model = await loadModel('examples/fashion-mobilenetv2.keras');
    foldAllBatchNorms(model);
    const { tensors } = await loadInputs(model, ['examples/fashion-mobilenetv2.keras.samples.npz'], {
      samples: 4,
    });
    const plan = await plannedOn(model, runner, tensors, quantizer);
    const { kernels, outputs } = await compared(plan, tensors);
    expect(kernels.most).toBe(1);
    expect(kernels.differing / kernels.codes).toBeLessThan(EXAMPLE[quantizer] ?? 0);
    expect(outputs).toEqual({ codes: 40, differing: 0, most: 0 });
  });
});
