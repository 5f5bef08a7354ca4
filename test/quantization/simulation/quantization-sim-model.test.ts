import { beforeAll, describe, expect, test } from 'vitest';
import { expectedRanges } from '../../../src/equalization/ranges/tensor-ranges.ts';
import { setBias } from '../../../src/model/bias.ts';
import { scaleKernel } from '../../../src/model/channels.ts';
import { buildGraph, type GraphTensor } from '../../../src/model/graph.ts';
import type { Layer } from '../../../src/model/layer.ts';
import type { Model } from '../../../src/model/model.ts';
import type { ModelRunner } from '../../../src/model/model-runner.ts';
import { foldAllBatchNorms, foldGivenBatchNorms } from '../../../src/primitives/batch-norm-fold.ts';
import type { QuantizationEncoding } from '../../../src/quantization/encoding.ts';
import { fakeQuantize } from '../../../src/quantization/fake-quantize.ts';
import { parseQuantizer, type WeightQuantizer } from '../../../src/quantization/quantizer.ts';
import { QuantizationSimModel } from '../../../src/quantization/simulation/quantization-sim-model.ts';
import type { FloatValues } from '../../../src/tensor/dtype.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, buildSequential, input, layer, nested } from '../../support/model-builder.ts';
import { seededRandom } from '../../support/random.ts';

const CONV = { filters: 4, kernel_size: 3, padding: 'same' };

function network(): Model {
  return buildModel([
    input('image', [6, 6, 3]),
    layer('Conv2D', 'conv', CONV),
    layer('BatchNormalization', 'bn'),
    layer('ReLU', 'relu'),
    layer('DepthwiseConv2D', 'depthwise', { kernel_size: 3, use_bias: false }),
    layer('BatchNormalization', 'bn2'),
    layer('PReLU', 'prelu'),
    layer('BatchNormalization', 'alone'),
    layer('GlobalAveragePooling2D', 'pool'),
    layer('Dense', 'logits', { units: 5 }),
  ]);
}

function samples(count: number, shape: readonly number[], seed = 3): Tensor {
  const random = seededRandom(seed);
  const size = shape.reduce((product, one) => product * one, count);
  return Tensor.of(
    'float32',
    [count, ...shape],
    Float32Array.from({ length: size }, () => random.normal()),
  );
}

/** `scale * (q + offset)` for the nearest q that the bits hold, from the encoding alone. */
function dequantized(value: number, { scale, offset, bitwidth }: QuantizationEncoding): number {
  const away = value < 0 ? -Math.round(-value / scale) : Math.round(value / scale);
  const q = Math.min(2 ** bitwidth - 1, Math.max(0, away - offset));
  return Math.fround(scale * (q + offset)) + 0;
}

function setMaximum(of: Layer | undefined, maxValue: number): void {
  if (of?.operation.kind !== 'activation' || of.operation.activation.kind !== 'relu') throw new TypeError();
  of.operation = { ...of.operation, activation: { ...of.operation.activation, maxValue } };
}

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create({ backend: 'cpu' });
});

/** Every tensor of a run, by the path of its layer. */
async function traced(model: Model, inputs: Tensor[]): Promise<Map<string, Float32Array>> {
  const seen = new Map<string, Float32Array>();
  await runner.run(model, inputs, {
    onTensor(tensor: GraphTensor, values: Tensor) {
      seen.set(tensor.producer?.path ?? '', Float32Array.from(values.values() as FloatValues));
      return undefined;
    },
  });
  return seen;
}

describe('encodings of weights', () => {
  test('are of kernels, slopes, and a batch norm that stands alone', () => {
    const sim = new QuantizationSimModel(network());
    const listed = sim.weightEncodings();
    expect(listed.map(({ name }) => name)).toEqual([
      'conv/kernel:0',
      'depthwise/depthwise_kernel:0',
      'prelu/alpha:0',
      'alone/gamma:0',
      'alone/beta:0',
      'logits/kernel:0',
    ]);
    for (const { encodings } of listed) {
      expect(encodings).toHaveLength(1);
      expect(encodings[0]).toMatchObject({ bitwidth: 8, isSymmetric: true, offset: -128 });
    }
  });

  test.each(['int8-per-tensor', 'int8-per-channel'] as const)(
    '%s: from the encodings alone follow the weights of fakeQuantize',
    (preset) => {
      const model = network();
      const weights = parseQuantizer(preset);
      const quantized = fakeQuantize(model, weights);
      const listed = new QuantizationSimModel(model, { weights }).weightEncodings();
      const kernels = listed.filter(({ weight }) => weight.endsWith('ernel'));
      expect(kernels).toHaveLength(3);
      for (const { layer: of, weight, encodings } of kernels) {
        const tensor = model.layer(of.path).weights.get(weight) as Tensor;
        // Conv2D, Dense: columns; DepthwiseConv2D with multiplier 1: rows, of one column. All are the last index.
        const channels = weights.perChannel ? encodings.length : 1;
        expect(encodings).toHaveLength(
          weights.perChannel ? tensor.rows ** Number(weight !== 'kernel') * tensor.columns : 1,
        );
        const expected = [...tensor.toFloat64()].map((value, index) =>
          dequantized(value, encodings[index % channels] as QuantizationEncoding),
        );
        expect([...(quantized.layer(of.path).weights.get(weight) as Tensor).toFloat64()]).toEqual(expected);
      }
    },
  );

  test('are those of the folded kernel after a fold', () => {
    const sim = new QuantizationSimModel(network());
    const before = sim.weightEncodings();
    foldGivenBatchNorms(sim.model, [[sim.model.layer('conv'), sim.model.layer('bn'), true]]);
    const after = sim.weightEncodings();
    const kernel = sim.model.layer('conv').requireWeight('kernel').toFloat64();
    const largest = kernel.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    // The kernel is rounded to float32 when it is read, as are its extremes.
    expect(after[0]?.encodings[0]?.max).toBeCloseTo(largest, 6);
    expect(after[0]?.encodings[0]?.scale).not.toBe(before[0]?.encodings[0]?.scale);
    expect(after.slice(1)).toEqual(before.slice(1));
  });
});

describe('encodings of activations', () => {
  test('are the ranges of the model with quantized weights', async () => {
    const sim = new QuantizationSimModel(network());
    expect(sim.activationEncodings()).toEqual([]);
    const inputs = [samples(3, [6, 6, 3])];
    await sim.computeEncodings(runner, inputs, { batchSize: 2 });
    const found = sim.activationEncodings();
    expect(found.map(({ name }) => name)).toEqual([
      'image:0',
      'relu/Relu:0',
      'bn2/FusedBatchNormV3:0',
      'prelu/add:0',
      'alone/FusedBatchNormV3:0',
      'pool/Mean:0',
      'logits/BiasAdd:0',
    ]);
    const quantized = new Map(
      sim.weightEncodings().map((one) => [`${one.layer.path}/${one.weight}`, one.encodings]),
    );
    const copy = network();
    for (const { layer: of } of copy.allLayers()) {
      for (const [name, tensor] of of.weights) {
        const [encoding] = quantized.get(`${of.path}/${name}`) ?? [];
        if (!encoding) continue;
        const values = [...tensor.toFloat64()].map((value) => dequantized(value, encoding));
        of.weights.set(name, Tensor.fromNumbers('float32', tensor.shape, values));
      }
    }
    const seen = await traced(copy, inputs);
    for (const { layer: of, encoding } of found) {
      const values = seen.get(of?.path ?? '') as Float32Array;
      const low = values.reduce((least, value) => Math.min(least, value), 0);
      const high = values.reduce((most, value) => Math.max(most, value), 0);
      expect(encoding.scale).toBe((high - low) / 255);
      expect(Math.abs(encoding.min - low)).toBeLessThanOrEqual(encoding.scale / 2);
    }
  });

  test('follow a folded batch norm, and are taken anew by the next call', async () => {
    const sim = new QuantizationSimModel(network());
    const inputs = [samples(2, [6, 6, 3])];
    await sim.computeEncodings(runner, inputs);
    const before = sim.activationEncodings();
    const [folded] = foldAllBatchNorms(sim.model);
    expect(folded.map(([, bn]) => bn.name)).toContain('bn2');
    const after = sim.activationEncodings();
    expect(after.map(({ name }) => name)).toContain('depthwise/BiasAdd:0');
    const of = (list: typeof after, name: string) => list.find((one) => one.name === name)?.encoding;
    expect(of(after, 'depthwise/BiasAdd:0')).toEqual(of(before, 'bn2/FusedBatchNormV3:0'));
    await expect(sim.run(runner, inputs)).resolves.toHaveLength(1);
    await sim.computeEncodings(runner, [samples(2, [6, 6, 3], 4)]);
    expect(of(sim.activationEncodings(), 'image:0')).not.toEqual(of(after, 'image:0'));
  });

  test('are refused after an edit that changes activations, whether batch norms were folded or not', async () => {
    const inputs = [samples(2, [6, 6, 3])];
    const edits: readonly [string, (model: Model) => void][] = [
      ['conv', (model) => scaleKernel(model.layer('conv'), 'output', [2, 1, 1, 1])],
      ['logits', (model) => setBias(model.layer('logits'), Float64Array.of(1, 2, 3, 4, 5))],
      [
        'relu',
        ({ layers }) =>
          setMaximum(
            layers.find(({ name }) => name === 'relu'),
            6,
          ),
      ],
    ];
    for (const [path, edit] of edits) {
      for (const fold of [false, true]) {
        const sim = new QuantizationSimModel(network());
        await sim.computeEncodings(runner, inputs);
        if (fold) foldAllBatchNorms(sim.model);
        expect(sim.activationEncodings()).not.toEqual([]);
        edit(sim.model);
        const told = new RegExp(`^${path}: .* edited after computeEncodings; call computeEncodings again$`);
        expect(() => sim.activationEncodings()).toThrow(told);
        expect(() => sim.exportEncodings()).toThrow(told);
        await expect(sim.run(runner, inputs)).rejects.toThrow(told);
        await sim.computeEncodings(runner, inputs);
        await expect(sim.run(runner, inputs)).resolves.toHaveLength(1);
      }
    }
  });

  test('a NaN is an error with its layer', async () => {
    const sim = new QuantizationSimModel(network());
    const inputs = [Tensor.of('float32', [1, 6, 6, 3], new Float32Array(108).fill(NaN))];
    await expect(sim.computeEncodings(runner, inputs)).rejects.toThrow(
      /^image: output 0 ranges from NaN to NaN/,
    );
  });
});

describe('run', () => {
  test('computes with quantized weights and activations', async () => {
    // One number through ReLU and Dense: 3 bits, 1 and 1/7 a step.
    const three: WeightQuantizer = { bits: 3, symmetric: false, perChannel: false, rounding: 'half-away' };
    const model = buildModel([
      input('x', [1]),
      layer('ReLU', 'relu'),
      layer('Dense', 'dense', { units: 2 }, { weights: { kernel: [0.36, 1], bias: [0.125, 0] } }),
    ]);
    const sim = new QuantizationSimModel(model, { weights: three, activations: three });
    await sim.computeEncodings(runner, [Tensor.of('float32', [2, 1], Float32Array.of(0, 7))]);
    const [outputs] = await sim.run(runner, [Tensor.of('float32', [3, 1], Float32Array.of(-2, 2.6, 9))]);
    // x: 0, 3, 7. Kernel: 3/7, 1. Outputs before they are quantized: 0.125 and 0, 9/7 + 0.125 and 3, 3.125 and 7.
    expect([...(outputs?.toFloat64() ?? [])]).toEqual([0, 0, 1, 3, 3, 7]);
  });

  test('leaves the model alone, and comes near it with 16 bits', async () => {
    const model = network();
    const sixteen: WeightQuantizer = { bits: 16, symmetric: true, perChannel: true, rounding: 'half-away' };
    const sim = new QuantizationSimModel(model, {
      weights: sixteen,
      activations: { ...sixteen, symmetric: false },
    });
    const kernel = sim.model.layer('conv').requireWeight('kernel');
    const inputs = [samples(4, [6, 6, 3])];
    await sim.computeEncodings(runner, inputs);
    const [simulated] = await sim.run(runner, inputs, { batchSize: 3 });
    const [exact] = await runner.run(model, inputs);
    expect(sim.model.layer('conv').requireWeight('kernel')).toBe(kernel);
    const wanted = exact?.toFloat64() ?? new Float64Array();
    const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(simulated?.values()).not.toEqual(exact?.values());
    for (const [index, value] of (simulated?.toFloat64() ?? []).entries()) {
      // A step is 2^-16 of a range; a dozen of them lie between the input and the output.
      expect(Math.abs(value - (wanted[index] ?? NaN))).toBeLessThan(1e-3 * largest);
    }
  });

  test('needs encodings of all that the model now has', async () => {
    const inputs = [samples(1, [6, 6, 3])];
    const sim = new QuantizationSimModel(network());
    await expect(sim.run(runner, inputs)).rejects.toThrow(/call computeEncodings first/);
    const [conv] = buildGraph(sim.model).calls.filter(({ path }) => path === 'conv');
    await sim.computeEncodings(runner, inputs);
    sim.model.outputs = [...sim.model.outputs, conv?.call.output() as never];
    await expect(sim.run(runner, inputs)).rejects.toThrow(/^conv: the range of output 0 is not known/);
  });

  test('takes ranges from elsewhere, and keeps those of earlier inputs', async () => {
    const three: WeightQuantizer = { bits: 3, symmetric: false, perChannel: false, rounding: 'half-away' };
    const model = buildModel([
      input('x', [1]),
      layer('ReLU', 'relu'),
      layer('Dense', 'dense', { units: 2 }, { weights: { kernel: [0.36, 1], bias: [0.125, 0] } }),
    ]);
    const sim = new QuantizationSimModel(model, { weights: three, activations: three });
    const ranges = new Map([
      ['x#0:0', { min: 0, max: 7 }],
      ['relu#0:0', { min: 0, max: 3.5 }],
      ['another#0:0', { min: 0, max: 1 }],
    ]);
    expect(() => sim.setRanges(ranges)).toThrow(/^dense: there is no range for dense; call computeEncodings/);
    expect(sim.activationEncodings()).toEqual([]);
    ranges.set('dense#0:0', { min: 0, max: Infinity });
    expect(() => sim.setRanges(ranges)).toThrow(/^dense: dense has the range 0 to Infinity/);
    ranges.set('dense#0:0', { min: -1, max: 6 });
    sim.setRanges(ranges);
    const scales = (): number[] => sim.activationEncodings().map(({ encoding }) => encoding.scale);
    expect(scales()).toEqual([1, 0.5, 1]);
    // x: 3, then 3.5 at most. Kernel: 3/7, 1. Outputs before they are quantized: 1.41 and 3, 1.625 and 3.5.
    const inputs = [Tensor.of('float32', [2, 1], Float32Array.of(2.6, 7))];
    const [outputs] = await sim.run(runner, inputs);
    expect([...(outputs?.toFloat64() ?? [])]).toEqual([1, 3, 2, 4]);
    expect(Object.keys(sim.exportEncodings({ format: '0.6.1' }).activation_encodings)).toHaveLength(3);
    // What inputs told stays for what is not given.
    await sim.computeEncodings(runner, inputs);
    sim.setRanges(new Map([['relu#0:0', { min: 0, max: 14 }]]));
    expect(scales()[1]).toBe(2);
    expect(scales()[0]).toBe(1);
    // An edit makes them those of another model.
    sim.model.layer('dense').setWeight('kernel', Tensor.fromNumbers('float32', [1, 2], [1, 2]));
    expect(() => sim.setRanges(new Map())).toThrow(/^x: there is no range for the input x, relu, dense;/);
  });

  test('takes those that statistics tell, without data', () => {
    const sim = new QuantizationSimModel(network());
    foldAllBatchNorms(sim.model);
    sim.setRanges(expectedRanges(sim.model, { inputRanges: [{ min: -1, max: 1 }] }));
    const names = sim.activationEncodings().map(({ name }) => name);
    expect(names).toHaveLength(7);
    const [image] = sim.activationEncodings();
    expect(image?.encoding.scale).toBeCloseTo(2 / 255, 12);
  });

  test('goes into nested models, and takes a Sequential without InputLayer', async () => {
    const inner = [input('y', [4]), layer('Dense', 'dense', { units: 3 }), layer('ReLU', 'relu')];
    const models = [
      buildModel([
        input('x', [4]),
        nested('n', inner, { calls: [['x']] }),
        layer('Dense', 'last', { units: 2 }),
      ]),
      buildSequential([
        layer('Dense', 'dense', { units: 3, batch_input_shape: [null, 4] }),
        layer('ReLU', 'relu'),
        layer('Dense', 'last', { units: 2 }),
      ]),
    ];
    for (const [index, model] of models.entries()) {
      const sim = new QuantizationSimModel(model);
      await sim.computeEncodings(runner, [samples(4, [4])]);
      await expect(sim.run(runner, [samples(4, [4])])).resolves.toHaveLength(1);
      const { activation_encodings, param_encodings } = sim.exportEncodings();
      expect(Object.keys(activation_encodings)).toEqual([
        index === 0 ? 'x:0' : 'dense_input:0',
        'relu/Relu:0',
        'last/BiasAdd:0',
      ]);
      expect(Object.keys(param_encodings)).toEqual(['dense/kernel:0', 'last/kernel:0']);
    }
  });

  test('asks the runner for quantized tensors only, and leaves whole numbers alone', async () => {
    const model = buildModel([input('x', [2]), layer('Dense', 'dense', { units: 1 }), layer('ReLU', 'relu')]);
    const asked: boolean[] = [];
    const fake: ModelRunner = {
      run(given, inputs, options) {
        for (const { outputs } of buildGraph(given).calls) {
          const [tensor] = outputs as [GraphTensor];
          const wants = options?.wantsTensor?.(tensor) ?? true;
          asked.push(wants);
          const whole = Tensor.of('int32', [1, 2], Int32Array.of(300, 2));
          if (wants) expect(options?.onTensor?.(tensor, whole)).toBe(undefined);
        }
        return Promise.resolve([...inputs]);
      },
    };
    const sim = new QuantizationSimModel(model);
    await sim.computeEncodings(fake, []);
    await sim.run(fake, []);
    expect(asked).toEqual([true, false, true, true, false, true]);
    expect(sim.activationEncodings()).toEqual([]);
  });
});

test('quantizers without an integer grid, and what is no model, are refused', () => {
  expect(() => new QuantizationSimModel(network(), { weights: parseQuantizer('tfjs-uint8') })).toThrow(
    RangeError,
  );
  const activations = { bits: 40, symmetric: false, rounding: 'half-even' } as const;
  expect(() => new QuantizationSimModel(network(), { activations })).toThrow(RangeError);
  expect(() => new QuantizationSimModel({} as Model)).toThrow(TypeError);
});

test('exportEncodings is the document of AIMET 0.6.1', async () => {
  const model = buildModel([
    input('x', [1]),
    layer('Dense', 'dense', { units: 2 }, { weights: { kernel: [12.7, -25.4], bias: [0, 0] } }),
  ]);
  const weights: WeightQuantizer = { bits: 8, symmetric: true, perChannel: true, rounding: 'half-away' };
  const sim = new QuantizationSimModel(model, { weights });
  const parameters = (document: ReturnType<typeof sim.exportEncodings>): unknown => document.param_encodings;
  const common = { bitwidth: 8, dtype: 'int', is_symmetric: 'True', offset: -128 };
  const close = (value: number): unknown => expect.closeTo(value, 5);
  expect(sim.exportEncodings().activation_encodings).toEqual({});
  expect(parameters(sim.exportEncodings())).toEqual({
    'dense/kernel:0': [
      { ...common, scale: close(0.1), min: close(-12.8), max: close(12.7) },
      { ...common, scale: close(0.2), min: close(-25.6), max: close(25.4) },
    ],
  });
  await sim.computeEncodings(runner, [Tensor.of('float32', [2, 1], Float32Array.of(-0.5, 2.05))]);
  const document = JSON.parse(JSON.stringify(sim.exportEncodings()));
  expect(document).toEqual({
    version: '0.6.1',
    activation_encodings: {
      'x:0': [
        {
          bitwidth: 8,
          dtype: 'int',
          is_symmetric: 'False',
          offset: -50,
          scale: close(0.01),
          min: close(-0.5),
          max: close(2.05),
        },
      ],
      'dense/BiasAdd:0': [expect.objectContaining({ bitwidth: 8, is_symmetric: 'False' })],
    },
    param_encodings: parameters(sim.exportEncodings()),
    quantizer_args: {
      quant_scheme: 'post_training_tf',
      param_bitwidth: 8,
      activation_bitwidth: 8,
      dtype: 'int',
      is_symmetric: true,
      per_channel_quantization: true,
    },
  });
});

test('exportEncodings is the document of AIMET 2 in its format 1.0.0, on request', async () => {
  const kernel = { weights: { kernel: [12.7, -25.4], bias: [0, 0] } };
  const model = buildModel([input('x', [1]), layer('Dense', 'dense', { units: 2 }, kernel)]);
  const close = (value: number): unknown => expect.closeTo(value, 5);
  const inputs = [Tensor.of('float32', [2, 1], Float32Array.of(-0.5, 2.05))];
  const sim = new QuantizationSimModel(model, { weights: parseQuantizer('int8-per-channel') });
  await sim.computeEncodings(runner, inputs);
  const document = JSON.parse(JSON.stringify(sim.exportEncodings({ format: '1.0.0' })));
  const common = { dtype: 'INT', bw: 8 };
  const perTensor = { ...common, enc_type: 'PER_TENSOR' };
  expect(document).toEqual({
    version: '1.0.0',
    activation_encodings: [
      { ...perTensor, name: 'x:0', is_sym: false, scale: [close(0.01)], offset: [-50] },
      expect.objectContaining({ ...perTensor, name: 'dense/BiasAdd:0', is_sym: false }),
    ],
    param_encodings: [
      {
        ...{ ...common, name: 'dense/kernel:0', enc_type: 'PER_CHANNEL', is_sym: true },
        ...{ scale: [close(0.1), close(0.2)], offset: [-127, -127] },
      },
    ],
    quantizer_args: sim.exportEncodings({ format: '0.6.1' }).quantizer_args,
  });
  const whole = new QuantizationSimModel(model).exportEncodings({ format: '1.0.0' });
  expect(whole.activation_encodings).toEqual([]);
  expect(whole.param_encodings).toEqual([
    { ...perTensor, name: 'dense/kernel:0', is_sym: true, scale: [close(0.2)], offset: [-128] },
  ]);
  expect(() => sim.exportEncodings({ format: '2.0.0' } as never)).toThrow(RangeError);
});
