import { describe, expect, it } from 'vitest';
import { checkForTflite } from '../../../src/formats/tflite/check-model.ts';
import { layersInFloat, lowerPlan } from '../../../src/formats/tflite/lower.ts';
import { tfliteBytes } from '../../../src/formats/tflite/write.ts';
import type { Model } from '../../../src/model/model.ts';
import { startLitert } from '../../../src/node/litert.ts';
import { floatPlan } from '../../../src/quantization/integer/float-plan.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { runTflite } from '../../../src/verification/litert/run-tflite.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';
import {
  codeDifferences,
  codesBetweenRuntimes,
  floatDifference,
  planned,
} from '../../support/tflite-runs.ts';

const around = (...middle: readonly LayerSpec[]): Model =>
  buildModel([
    input('in', [6, 5, 4]),
    layer('Conv2D', 'conv', { filters: 6, kernel_size: 3 }),
    ...middle,
    layer('GlobalAveragePooling2D', 'pool'),
  ]);

function withWeights(model: Model, name: string, weights: Record<string, readonly number[]>): Model {
  for (const [weight, values] of Object.entries(weights)) {
    model.layer(name).weights.set(weight, Tensor.fromNumbers('float32', [values.length], values));
  }
  return model;
}

const activation = (name: string): Model => around(layer('Activation', 'middle', { activation: name }));

/** Layers that have float kernels alone, and the operators that compute them. */
const CASES: readonly (readonly [name: string, model: () => Model, operators: string])[] = [
  ['gelu', () => activation('gelu'), 'GELU'],
  ['exponential', () => activation('exponential'), 'EXP'],
  ['log_softmax', () => activation('log_softmax'), 'LOG_SOFTMAX'],
  ['softplus', () => activation('softplus'), 'ABS NEG EXP RELU ADD LOG ADD'],
  ['softsign', () => activation('softsign'), 'ABS ADD DIV'],
  ['mish', () => activation('mish'), 'ABS NEG EXP RELU ADD LOG ADD TANH MUL'],
  ['selu', () => activation('selu'), 'MINIMUM ELU RELU MUL ADD MUL'],
  [
    'ELU with another slope',
    () => around(layer('ELU', 'middle', { alpha: 0.5 })),
    'MINIMUM ELU RELU MUL ADD',
  ],
  [
    'LayerNormalization',
    () => {
      const model = around(layer('LayerNormalization', 'middle', { epsilon: 1e-3 }));
      return withWeights(model, 'middle', { gamma: [1, 2, 0.5, 1, 3, 1], beta: [0, 1, -1, 0.5, 0, 2] });
    },
    'MEAN SUB MUL MEAN ADD RSQRT MUL MUL ADD',
  ],
  [
    'LayerNormalization over two axes',
    () => around(layer('LayerNormalization', 'middle', { axis: [2, 3], scale: false, center: false })),
    'MEAN SUB MUL MEAN ADD RSQRT MUL',
  ],
];

describe('layers with float kernels alone', () => {
  for (const [name, model, operators] of CASES) {
    it(`${name}: a file in float computes what the model does`, async () => {
      const graph = lowerPlan(floatPlan(model()));
      expect(graph.operators.map(({ op }) => op).join(' ')).toBe(`CONV_2D ${operators} MEAN`);
      expect(graph.operators.every(({ version }) => version === 1)).toBe(true);
      expect(await floatDifference(model())).toBeLessThan(2e-6);
    });

    it(`${name}: stays in float among whole numbers where that is allowed`, async () => {
      const made = await planned(model(), { allowFloat: true });
      expect(made.graph.operators.map(({ op }) => op).join(' ')).toBe(
        `CONV_2D DEQUANTIZE ${operators} QUANTIZE MEAN`,
      );
      expect(layersInFloat(made.graph)).toEqual(['middle']);
      const { most, distinct } = await codeDifferences(made);
      // One in each of the three that round.
      expect(most).toBeLessThanOrEqual(2);
      // Means of exponentials have few.
      expect(distinct).toBeGreaterThan(5);
      expect(await codesBetweenRuntimes(made)).toBeLessThanOrEqual(2);
    });

    it(`${name}: is refused with that way out where it is not`, () => {
      expect(() => checkForTflite(model())).toThrow(/^middle \(.*--allow-float, allowFloat in programs/);
    });
  }

  it('Conv3D, with the kernel and the bias that the plan has for it', async () => {
    const model = buildModel([
      input('in', [4, 6, 5, 3]),
      layer('Conv3D', 'conv', {
        ...{ filters: 5, kernel_size: [2, 3, 2], strides: [1, 2, 1], padding: 'same', activation: 'relu' },
      }),
    ]);
    expect(await floatDifference(model)).toBeLessThan(2e-6);
    const made = await planned(model, { allowFloat: true });
    expect(made.graph.operators.map(({ op }) => op).join(' ')).toBe('DEQUANTIZE CONV_3D QUANTIZE');
    expect((await codeDifferences(made)).most).toBeLessThanOrEqual(1);
  });

  it('an Embedding, whose indices are int32 at the end', async () => {
    const model = buildModel([
      input('words', [7]),
      layer('Embedding', 'table', { input_dim: 11, output_dim: 6 }),
      layer('GlobalAveragePooling1D', 'pool'),
      layer('Dense', 'dense', { units: 5 }),
    ]);
    const rows = Float32Array.from({ length: 66 }, (_, index) => Math.sin(index));
    model.layer('table').weights.set('embeddings', Tensor.of('float32', [11, 6], rows));
    checkForTflite(model, { allowFloat: true });
    const graph = lowerPlan(floatPlan(model));
    expect(graph.operators.map(({ op }) => op).join(' ')).toBe('GATHER MEAN FULLY_CONNECTED');
    expect(graph.tensors[graph.inputs[0]!.tensor]?.type).toBe('int32');
    const indices = Tensor.of('int32', [2, 7], Int32Array.from([0, 1, 2, 3, 4, 5, 6, 10, 9, 8, 7, 7, 0, 3]));
    const runner = await TfjsRunner.create({ backend: 'cpu' });
    const [expected] = await runner.run(model, [indices]);
    const [actual] = await runTflite(await startLitert(), tfliteBytes(graph), [indices]);
    for (const [at, value] of actual!.toFloat64().entries()) {
      expect(value).toBeCloseTo(expected!.toFloat64()[at]!, 5);
    }
  });

  it('codes at the ends of a file in float are a misuse', () => {
    const plan = floatPlan(activation('gelu'));
    expect(() => lowerPlan(plan, { io: 'int8' })).toThrow(
      "io: 'int8'; a file in float has float32 at its ends",
    );
  });
});

describe('layers that no kernel computes', () => {
  const bad: readonly (readonly [name: string, layers: readonly LayerSpec[], message: RegExp])[] = [
    [
      'a GRU',
      [input('in', [5, 3]), layer('GRU', 'gru', { units: 2, reset_after: true })],
      /^gru \(GRU\): recurrent layers .*; leave it out of the model that is written/,
    ],
    [
      'a ReLU with a threshold',
      [input('in', [5, 3]), layer('ReLU', 'relu', { threshold: 0.5 })],
      /^relu \(ReLU\): no (int8|float) kernel has a ReLU with the threshold 0\.5; train .*, or leave it out/,
    ],
    [
      'an Embedding with a mask',
      [
        input('in', [5]),
        layer('Embedding', 'table', { input_dim: 3, output_dim: 2, mask_zero: true }),
        layer('Dense', 'dense', { units: 2 }),
      ],
      /^table \(Embedding\): makes a mask, and a \.tflite file has none; build the model with mask_zero=False/,
    ],
    [
      'pixels in bytes',
      [
        { ...input('in', [5, 4, 3]), config: { batch_input_shape: [null, 5, 4, 3], dtype: 'uint8' } },
        layer('Rescaling', 'scale', { scale: 0.5, offset: 0 }),
        layer('ReLU', 'relu'),
      ],
      /^scale: reads whole numbers, .* input of float32$/,
    ],
    [
      'bicubic interpolation',
      [input('in', [5, 4, 3]), layer('UpSampling2D', 'up', { size: 2, interpolation: 'bicubic' })],
      /^up \(UpSampling2D\): no (int8|float) kernel interpolates bicubic; take nearest or bilinear, or leave/,
    ],
  ];
  for (const [name, layers, message] of bad) {
    it(`${name} is refused, in float too`, () => {
      const model = buildModel(layers);
      expect(() => lowerPlan(floatPlan(model))).toThrow(message);
      expect(() => checkForTflite(model, { allowFloat: true })).toThrow(message);
      expect(() => checkForTflite(model, { float: true })).toThrow(message);
    });
  }
});
