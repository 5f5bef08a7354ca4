import { beforeAll, describe, expect, test } from 'vitest';
import { buildGraph, tensorKey } from '../../../src/model/graph.ts';
import type { Model } from '../../../src/model/model.ts';
import { gridGroups } from '../../../src/quantization/integer/grid-groups.ts';
import { integerForm } from '../../../src/quantization/integer/integer-form.ts';
import { type IntegerPlan, integerPlan } from '../../../src/quantization/integer/integer-plan.ts';
import type { TensorRange } from '../../../src/quantization/integer/range-grid.ts';
import { parseQuantizer, QUANTIZER_PRESETS } from '../../../src/quantization/quantizer.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, type GivenWeights, input, layer, nested } from '../../support/model-builder.ts';
import { plannedOn, rangesOn } from '../../support/planned.ts';
import { randomInputs } from '../../support/run-model.ts';

const CHANNELS = parseQuantizer('int8-per-channel');
const TENSOR = parseQuantizer('int8-per-tensor-symmetric');
const WHOLE: TensorRange = { min: 0, max: 255 };

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create({ backend: 'cpu' });
});

/** A Dense layer on two numbers; all ranges are 0 to 255 where they are not given. */
function densePlan(
  weights: GivenWeights,
  ranges: Readonly<Record<string, TensorRange>> = {},
  quantizer = CHANNELS,
): IntegerPlan {
  const model = buildModel([input('x', [2]), layer('Dense', 'dense', { units: 2 }, { weights })]);
  const all = { 'x#0:0': WHOLE, 'dense#0:0': WHOLE, ...ranges };
  return integerPlan(model, { weights: quantizer, ranges: new Map(Object.entries(all)) });
}

describe('integerPlan', () => {
  test('codes and scales of a kernel and its bias', () => {
    const weights = { kernel: [127, 2, -50.5, -254], bias: [10.5, -7] };
    const plan = densePlan(weights, { 'x#0:0': { min: -51, max: 76.5 } });
    expect(plan.tensors).toEqual(
      new Map([
        ['x#0:0', { scale: 0.5, zeroPoint: -26 }],
        ['dense#0:0', { scale: 1, zeroPoint: -128 }],
      ]),
    );
    expect(plan.rounded).toEqual(new Set(['x#0:0', 'dense#0:0']));
    const kernel = plan.kernels.get('dense/kernel')!;
    expect([...kernel.scales]).toEqual([1, 2]);
    expect([...kernel.codes()]).toEqual([127, 1, -51, -127]);
    expect([...kernel.dequantized.toFloat64()]).toEqual([127, 2, -51, -254]);
    expect(plan.biases.get('dense')).toEqual({
      scales: Float32Array.of(0.5, 1),
      codes: Int32Array.of(21, -7),
    });
  });

  test('one scale a kernel', () => {
    const plan = densePlan({ kernel: [127, 2, -50.5, -254], bias: [10.5, -7] }, {}, TENSOR);
    const kernel = plan.kernels.get('dense/kernel')!;
    expect([...kernel.scales]).toEqual([2]);
    expect([...kernel.codes()]).toEqual([64, 1, -25, -127]);
    expect(plan.biases.get('dense')).toEqual({ scales: Float32Array.of(2), codes: Int32Array.of(5, -4) });
  });

  test('the axes of all kernels', async () => {
    const model = buildModel([
      input('x', [6, 6, 2]),
      layer('Conv2D', 'conv', { filters: 4, kernel_size: 3 }),
      layer('DepthwiseConv2D', 'depthwise', { kernel_size: 2, depth_multiplier: 2 }),
      layer('Conv2DTranspose', 'transposed', { filters: 3, kernel_size: 2 }),
      layer('SeparableConv2D', 'separable', { filters: 5, kernel_size: 2 }),
      layer('PReLU', 'prelu', { shared_axes: [1, 2] }),
    ]);
    const plan = await plannedOn(model, runner, randomInputs(model));
    const scales = [...plan.kernels].map(([key, kernel]) => [key, kernel.scales.length]);
    expect(scales).toEqual([
      ['conv/kernel', 4],
      ['depthwise/depthwiseKernel', 8],
      ['transposed/kernel', 3],
      ['separable_depthwise/depthwiseKernel', 3],
      ['separable/kernel', 5],
      ['prelu/alpha', 1],
    ]);
    expect([...plan.biases].map(([path, { codes }]) => [path, codes.length])).toEqual([
      ['conv', 4],
      ['depthwise', 8],
      ['transposed', 3],
      ['separable_depthwise', 3],
      ['separable', 5],
    ]);
    for (const { layer: one, weight, dequantized, scales: steps, layout } of plan.kernels.values()) {
      const [exact, rounded] = [one.weights.get(weight)!.toFloat64(), dequantized.toFloat64()];
      for (const [index, value] of exact.entries()) {
        const step = steps[Math.floor(index / layout.inner) % layout.channels]!;
        expect(Math.abs(value - rounded[index]!)).toBeLessThanOrEqual(0.50001 * step);
      }
    }
  });

  test('a layer without a bias has one of zeros', () => {
    const model = buildModel([input('x', [2]), layer('Dense', 'dense', { units: 3, use_bias: false })]);
    const ranges = new Map([
      ['x#0:0', WHOLE],
      ['dense#0:0', WHOLE],
    ]);
    const plan = integerPlan(model, { weights: CHANNELS, ranges });
    expect([...plan.biases.get('dense')!.codes]).toEqual([0, 0, 0]);
  });

  test('every tensor has a grid but those before a ReLU', async () => {
    const model = buildModel([
      input('x', [6, 6, 2]),
      layer('Conv2D', 'conv', { filters: 2, kernel_size: 3, activation: 'swish' }),
      layer('Conv2D', 'last', { filters: 2, kernel_size: 3 }),
      layer('ReLU', 'relu'),
      layer('MaxPooling2D', 'pool', { pool_size: [2, 2] }),
    ]);
    const plan = await plannedOn(model, runner, randomInputs(model));
    expect([...plan.tensors.keys()]).toEqual([
      ...['x#0:0', 'conv#0:0', 'conv_activation_sigmoid#0:0', 'conv_activation#0:0', 'relu#0:0', 'pool#0:0'],
    ]);
    expect(plan.tensors.get('pool#0:0')).toEqual(plan.tensors.get('relu#0:0'));
    expect(plan.tensors.get('conv_activation_sigmoid#0:0')).toEqual({ scale: 1 / 256, zeroPoint: -128 });
    expect([...plan.rounded]).not.toContain('pool#0:0');
    expect(plan.model.layer('conv').weight('kernel')).toBe(model.layer('conv').weight('kernel'));
  });

  test('the range of a group is the union of those that decide', () => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', 'a', { units: 2 }),
      layer('Dense', 'b', { units: 2 }, { from: ['x'] }),
      layer('Concatenate', 'both', {}, { from: ['a', 'b'] }),
    ]);
    const ranges = new Map([
      ['x#0:0', WHOLE],
      ['a#0:0', { min: -51, max: 10 }],
      ['b#0:0', { min: 0, max: 204 }],
      // It decides nothing.
      ['both#0:0', { min: -1e9, max: 1e9 }],
    ]);
    const { tensors } = integerPlan(model, { weights: CHANNELS, ranges });
    for (const name of ['a', 'b', 'both']) {
      expect(tensors.get(`${name}#0:0`)).toEqual({ scale: 1, zeroPoint: -77 });
    }
    ranges.delete('a#0:0');
    const known = integerPlan(model, { weights: CHANNELS, ranges }).tensors;
    expect(known.get('a#0:0')).toEqual({ scale: Math.fround(0.8), zeroPoint: -128 });
  });

  test('calls of one layer read one grid and have one bias', async () => {
    const model = buildModel([
      input('x', [6, 6, 2]),
      nested(
        'inner',
        [input('y', [6, 6, 2]), layer('Conv2D', 'conv', { filters: 2, kernel_size: 3, padding: 'same' })],
        { calls: [['x'], ['inner:0']] },
      ),
      layer('Conv2D', 'shared', { filters: 2, kernel_size: 1 }, { calls: [['inner:0'], ['inner:1'], ['x']] }),
      layer('Add', 'sum', {}, { from: ['shared:0', 'shared:1', 'shared:2'] }),
    ]);
    const plan = await plannedOn(model, runner, randomInputs(model));
    expect(plan.tensors.get('inner/conv#0:0')).toEqual(plan.tensors.get('x#0:0'));
    expect([...plan.biases.keys()]).toEqual(['inner/conv', 'shared']);
    expect(plan.tensors.get('shared#0:0')).not.toEqual(plan.tensors.get('shared#1:0'));
  });

  describe('scales that runtimes need', () => {
    test('an output is not 256 times as fine as the products', () => {
      const weights = { kernel: [1270, 0, 0, 127], bias: [0, 0] };
      const plan = densePlan(weights, { 'dense#0:0': { min: 0, max: 1 } });
      expect(plan.tensors.get('dense#0:0')).toEqual({ scale: Math.fround(10 / 255), zeroPoint: -128 });
    });

    test('a raised output raises what follows', () => {
      const kernel = { weights: { kernel: [127e4, 0, 0, 127], bias: [0, 0] } };
      const model = buildModel([
        input('x', [2]),
        layer('Dense', 'a', { units: 2 }, kernel),
        layer('Dense', 'b', { units: 2 }, kernel),
      ]);
      const ranges = new Map([
        ['x#0:0', WHOLE],
        ['a#0:0', { min: 0, max: 1 }],
        ['b#0:0', { min: 0, max: 1 }],
      ]);
      const { tensors } = integerPlan(model, { weights: CHANNELS, ranges });
      const first = Math.fround(1e4 / 255);
      expect(tensors.get('a#0:0')?.scale).toBe(first);
      expect(tensors.get('b#0:0')?.scale).toBe(Math.fround((first * 1e4) / 255));
    });

    test('unless it is its own input', () => {
      const model = buildModel([
        input('x', [2]),
        layer('Dense', 'dense', { units: 2 }, { weights: { kernel: [1e6, 0, 0, 1], bias: [0, 0] } }),
        layer('Maximum', 'most', {}, { from: ['dense', 'x'] }),
      ]);
      const ranges = new Map([
        ['x#0:0', WHOLE],
        ['dense#0:0', WHOLE],
      ]);
      expect(() => integerPlan(model, { weights: CHANNELS, ranges })).toThrow(
        'dense: its weights are too large for what it reads and writes on one grid; equalize the model',
      );
    });

    test('a bias stays below 2^30 codes', () => {
      const plan = densePlan({ kernel: [127e-20, 127, 0, 0], bias: [1024, 3] });
      expect([...plan.kernels.get('dense/kernel')!.scales]).toEqual([2 ** -20, 1]);
      expect([...plan.biases.get('dense')!.codes]).toEqual([2 ** 30, 3]);
      expect([...plan.kernels.get('dense/kernel')!.codes()]).toEqual([0, 127, 0, 0]);
    });

    test('nothing at all', () => {
      const nothing = { min: 0, max: 0 };
      const plan = densePlan(
        { kernel: [0, 0, 0, 0], bias: [0, 0] },
        { 'x#0:0': nothing, 'dense#0:0': nothing },
      );
      for (const { scale } of plan.tensors.values()) expect(scale).toBeGreaterThan(2 ** -126);
      for (const scale of plan.biases.get('dense')!.scales) expect(scale).toBeGreaterThan(2 ** -126);
    });

    test('kernels of tiny weights', () => {
      const plan = densePlan({ kernel: [1e-38, 1, 1e-30, 1], bias: [0, 0] });
      expect([...plan.kernels.get('dense/kernel')!.scales]).toEqual([2 ** -60, Math.fround(1 / 127)]);
    });
  });

  describe('refuses', () => {
    test.each([
      QUANTIZER_PRESETS['int8-per-tensor'],
      QUANTIZER_PRESETS['tfjs-uint8'],
      { ...CHANNELS, bits: 4 },
      { ...CHANNELS, strict: false },
    ])('%o', (quantizer) => {
      expect(() => densePlan({}, {}, quantizer)).toThrow(RangeError);
      expect(() => densePlan({}, {}, quantizer)).toThrow(/choose int8-per-channel or/);
    });

    test('a tensor whose range is not known', () => {
      const model = buildModel([input('x', [2]), layer('Dense', 'dense', { units: 2 })]);
      const ranges = new Map([['x#0:0', WHOLE]]);
      expect(() => integerPlan(model, { weights: CHANNELS, ranges })).toThrow(
        'dense: the range of its values is not known; give one for dense#0:0, from the integerForm of the model',
      );
    });

    test.each([
      { min: 0, max: Infinity },
      { min: NaN, max: 1 },
      { min: -1e308, max: 1e308 },
      { min: 1, max: 0 },
    ])('the range %o', (range) => {
      expect(() => densePlan({}, { 'dense#0:0': range })).toThrow(/^dense: .*only a finite one has a grid/);
    });

    test('values and weights that are too large', () => {
      expect(() => densePlan({}, { 'dense#0:0': { min: 0, max: 1e38 } })).toThrow(
        'dense: its values from 0 to 1e+38 are too large for int8 grids',
      );
      expect(() => densePlan({ kernel: [1e38, 1, 1, 1] })).toThrow(
        'dense: kernel: the weights are too large for int8 grids',
      );
    });

    test('weights and biases that are not finite', () => {
      expect(() => densePlan({ kernel: [NaN, 1, 1, 1] })).toThrow(/^dense: kernel, output channel 0/);
      expect(() => densePlan({ bias: [0, Infinity] })).toThrow('dense: bias, channel 1: is Infinity');
    });

    test('sums past 32 bits', () => {
      const model = buildModel([
        input('x', [70_000]),
        layer('Dense', 'dense', { units: 2 }, { weights: { kernel: new Array(140_000).fill(1) } }),
      ]);
      const ranges = new Map([
        ['x#0:0', WHOLE],
        ['dense#0:0', { min: 0, max: 1e7 }],
      ]);
      expect(() => integerPlan(model, { weights: CHANNELS, ranges })).toThrow(
        'dense: kernel, output channel 0: the sum of its 70000 products can exceed 32 bits; split the layer',
      );
      // As many weights, most of them small.
      const values = Float32Array.from({ length: 140_000 }, (_, index) => (index < 2 ? 1 : 0.1));
      model.layer('dense').setWeight('kernel', Tensor.of('float32', [70_000, 2], values));
      expect(integerPlan(model, { weights: CHANNELS, ranges }).kernels.size).toBe(1);
    });

    test('a mask', () => {
      const model = buildModel([
        input('x', [5, 4]),
        layer('Masking', 'masking'),
        layer('Dense', 'dense', { units: 2 }),
      ]);
      expect(() => integerPlan(model, { weights: CHANNELS, ranges: new Map() })).toThrow(
        'masking (Masking): makes a mask, and a .tflite file has none; leave the layer out',
      );
    });

    test('a kernel on whole numbers', () => {
      const model = buildModel([
        { ...input('n', [4]), config: { batch_input_shape: [null, 4], dtype: 'int32' } },
        layer('Dense', 'dense', { units: 2 }),
      ]);
      const ranges = new Map([['dense#0:0', WHOLE]]);
      expect(() => integerPlan(model, { weights: CHANNELS, ranges })).toThrow('dense: reads whole numbers');
    });
  });

  test('ranges of the tensors that decide are enough, in the form or in the model that it is made from', async () => {
    const model: Model = buildModel([
      input('x', [6, 6, 2]),
      layer('SeparableConv2D', 'a', { filters: 2, kernel_size: 3, activation: 'swish' }),
      layer('GlobalAveragePooling2D', 'mean'),
      layer('Dense', 'dense', { units: 3, activation: 'softmax' }),
    ]);
    const all = await rangesOn(model, runner, randomInputs(model));
    const form = integerForm(model);
    const deciding = gridGroups(buildGraph(form)).flatMap((group) => group.deciding.map(tensorKey));
    const ranges = new Map([...all].filter(([key]) => deciding.includes(key)));
    expect(ranges.size).toBeLessThan(all.size);
    const [one, other] = [model, form].map((given) => integerPlan(given, { weights: CHANNELS, ranges }));
    expect(one?.tensors).toEqual(other?.tensors);
    expect(one?.tensors.size).toBe(8);
  });
});
