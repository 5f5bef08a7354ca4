/** Layers that TF.js runs in another form alone: both forms are run by TF.js itself. */

import { describe, expect, test } from 'vitest';
import { tfjsDifference } from '../../../../src/formats/keras-config/tfjs/differences-from-keras.ts';
import { writeModelToMemory } from '../../../../src/formats/write.ts';
import type { Model } from '../../../../src/index.ts';
import type { JsonObject } from '../../../../src/quantization.ts';
import { buildModel, buildSequential, input, layer, nested } from '../../../support/model-builder.ts';
import { TRAINING_VERSIONS, trainingModel } from '../../../support/training-models.ts';
import { loadLayersModel, predict, relativeError, type Values } from '../../tfjs-runtime.ts';

/** What TF.js computes, and what the writer said. */
async function run(
  model: Model,
): Promise<{ outputs: Values[]; warnings: readonly string[]; names: string[] }> {
  const { files, report } = await writeModelToMemory(model, { format: 'tfjs-layers' });
  const loaded = await loadLayersModel(files);
  const shape = model.inputs[0]?.shape?.map((size) => size ?? 2) ?? [];
  const size = shape.reduce((product, one) => product * one, 1);
  const data = Array.from({ length: size }, (_, index) => Math.sin(index));
  const names = loaded.layers.map(({ name }) => name);
  return { outputs: predict(loaded, [{ shape, data }]), warnings: report.warnings, names };
}

describe('calls in training mode', () => {
  test.each(TRAINING_VERSIONS)('are run in inference by TF.js, which is said: %s', async (version) => {
    const { report } = await writeModelToMemory(trainingModel(version), { format: 'tfjs-layers' });
    expect(report.warnings).toEqual([
      'body/bn1 (BatchNormalization): called in training mode, in which it normalizes by the batch; TF.js runs it in ' +
        'inference mode, by its stored statistics, of which movingVariance, channel 1, is not finite',
      'body/drop (Dropout): called in training mode, in which it is random; TF.js runs it in inference mode, without ' +
        'its randomness',
    ]);
  });

  test('give what the same call gives in inference', async () => {
    const layers = (kwargs: JsonObject): Model =>
      buildModel([
        input('x', [4]),
        layer('BatchNormalization', 'bn', {}, { kwargs }),
        layer('Dropout', 'drop', { rate: 0.5 }, { kwargs }),
      ]);
    const [training, inference] = [await run(layers({ training: true })), await run(layers({}))];
    expect(training.warnings).toHaveLength(2);
    expect(inference.warnings).toEqual([]);
    expect(relativeError(training.outputs, inference.outputs)).toBe(0);
  });
});

test('a division by numbers is a product with their reciprocals', async () => {
  const divided = (divisor: number): Model =>
    buildModel([
      input('pixels', [2, 2, 3]),
      layer(
        'TFOpLambda',
        'tf.math.truediv',
        { function: 'math.truediv' },
        { kwargs: { y: divisor, name: null } },
      ),
    ]);
  const { outputs, warnings } = await run(divided(255));
  expect(warnings).toEqual([]);
  const pixels = Array.from({ length: 24 }, (_, index) => Math.sin(index));
  const exact = [{ shape: [2, 2, 2, 3], data: pixels.map((pixel) => pixel / 255) }];
  expect(relativeError(outputs, exact)).toBeLessThan(2e-7);
});

test.each([
  ['math.abs', Math.abs],
  ['math.square', (x: number) => x * x],
] as const)('%s is written in layers for TF.js and the other Keras', async (name, exact) => {
  const model = buildModel([
    input('x', [6]),
    layer('TFOpLambda', 'of_all', { function: name }, { kwargs: { name: null } }),
  ]);
  const { outputs, warnings } = await run(model);
  expect(warnings).toEqual([]);
  const data = Array.from({ length: 12 }, (_, index) => exact(Math.sin(index)));
  expect(relativeError(outputs, [{ shape: [2, 6], data }])).toBeLessThan(1e-7);
  const { report } = await writeModelToMemory(model, { format: 'keras-v3' });
  expect(report.warnings).toEqual([
    expect.stringMatching(/^of_all .*Keras 3 lacks it; written as .*, which compute/),
  ]);
});

test('a tensor that a layer reads twice stays for its other readers', async () => {
  const model = buildModel([
    input('x', [4]),
    layer('Dense', 'dense', { units: 4 }),
    layer('Add', 'twice', {}, { from: ['dense', 'dense'] }),
    layer('Multiply', 'square', {}, { from: ['dense', 'dense'] }),
    layer('Concatenate', 'all', {}, { from: ['twice', 'dense', 'square', 'twice'] }),
  ]);
  const { outputs, names } = await run(model);
  expect(names).toEqual(expect.arrayContaining(['twice_again', 'square_again', 'all_again']));
  const [values = []] = outputs.map(({ data }) => data);
  for (let channel = 0; channel < 4; channel++) {
    const value = values[4 + channel] ?? NaN;
    expect(values[channel]).toBeCloseTo(2 * value, 6);
    expect(values[8 + channel]).toBeCloseTo(value * value, 6);
    expect(values[12 + channel]).toBeCloseTo(2 * value, 6);
  }
});

test('a tensor that is an output twice is given twice', async () => {
  const layers = [input('x', [4]), layer('Dense', 'dense', { units: 4 })];
  const model = buildModel(layers, { outputs: ['dense', 'dense'] });
  const { outputs, names } = await run(model);
  expect(names).toContain('dense_again');
  expect(outputs).toHaveLength(2);
  expect(outputs[1]).toEqual(outputs[0]);
});

describe('global pooling that keeps dimensions', () => {
  const conv = layer('Conv2D', 'conv', { filters: 3, kernel_size: 1 });

  test.each([
    ['GlobalAveragePooling2D', [4, 4, 2], [1, 1, 2], {}],
    ['GlobalMaxPooling2D', [4, 4, 2], [1, 1, 2], {}],
    ['GlobalMaxPooling2D', [2, 4, 4], [2, 1, 1], { data_format: 'channels_first' }],
    ['GlobalAveragePooling1D', [5, 2], [1, 2], {}],
    ['GlobalMaxPooling1D', [5, 2], [1, 2], {}],
  ])('%s over %j is followed by a Reshape', async (className, shape, target, config) => {
    const { outputs, warnings } = await run(
      buildModel([input('x', shape), layer(className, 'pool', { ...config, keepdims: true })]),
    );
    const expected = await run(
      buildModel([
        input('x', shape),
        layer(className, 'pool', config),
        layer('Reshape', 'reshape', { target_shape: target }),
      ]),
    );
    expect(outputs[0]?.shape).toEqual([2, ...target]);
    expect(relativeError(outputs, expected.outputs)).toBe(0);
    expect(expected.warnings).toEqual([]);
    expect(warnings).toEqual([
      `pool (${className}): TF.js ignores keepdims, so it is written without it, with the Reshape pool_keepdims ` +
        `to [${target.join(', ')}] behind it; it computes the same`,
    ]);
  });

  test('in a squeeze-and-excitation block, its name taken, in a nested model, in a Sequential', async () => {
    const pool = layer('GlobalAveragePooling2D', 'pool', { keepdims: true }, { from: ['x'] });
    const taken = layer('ReLU', 'pool_keepdims', {}, { from: ['x'] });
    const multiply = layer('Multiply', 'excite', {}, { from: ['pool_keepdims', 'squeeze'] });
    const squeeze = layer('Conv2D', 'squeeze', { filters: 2, kernel_size: 1 }, { from: ['pool'] });
    const block = [input('x', [4, 4, 2]), pool, taken, squeeze, multiply];
    const { names, outputs } = await run(buildModel(block));
    expect(names).toContain('pool_keepdims_1');
    expect(outputs[0]?.shape).toEqual([2, 4, 4, 2]);
    const outer = await run(buildModel([input('outer', [4, 4, 2]), nested('inner', block)]));
    expect(outer.outputs[0]?.shape).toEqual([2, 4, 4, 2]);
    expect(outer.warnings[0]).toMatch(/^inner\/pool \(GlobalAveragePooling2D\)/);
    const sequential = await run(
      buildSequential([
        input('x', [4, 4, 2]),
        layer('GlobalAveragePooling2D', 'pool', { keepdims: true }),
        conv,
      ]),
    );
    expect(sequential.names.filter((name) => name !== 'x')).toEqual(['pool', 'pool_keepdims', 'conv']);
    expect(sequential.outputs[0]?.shape).toEqual([2, 1, 1, 3]);
  });

  test('is reported where the number of channels is not known', async () => {
    const model = buildModel([
      input('x', [4, 4, null]),
      layer('GlobalAveragePooling2D', 'pool', { keepdims: true }),
    ]);
    const { report } = await writeModelToMemory(model, { format: 'tfjs-layers' });
    expect(report.warnings).toEqual([expect.stringMatching(/^pool .*keepdims = true: TF\.js ignores this/)]);
  });
});

test('the size that a Reshape leaves open is written', async () => {
  const { outputs, warnings } = await run(
    buildModel([
      input('x', [3, 3, 2]),
      layer('Reshape', 'reshape', { target_shape: [-1] }),
      layer('Dense', 'dense', { units: 3 }),
    ]),
  );
  expect(outputs[0]?.shape).toEqual([2, 3]);
  expect(warnings).toEqual([]);
});

describe('batch norms', () => {
  const written = async (shape: (number | null)[], axis: number | number[]): Promise<readonly string[]> => {
    const model = buildModel([input('x', shape), layer('BatchNormalization', 'bn', { axis })]);
    return (await writeModelToMemory(model, { format: 'tfjs-layers' })).report.warnings;
  };

  test('are of the last axis, whichever they were of', async () => {
    expect(await written([2, 3, 3], 1)).toEqual([]);
    expect(await written([2, 3, 3], [1])).toEqual([]);
    expect(await written([2, 3, 3], [3])).toEqual([]);
    expect(await written([2, 2, 2, 3], -1)).toEqual([]);
  });

  test('of more dimensions than TF.js takes are reported where sizes are open', async () => {
    expect(await written([null, 2, 2, 3], -1)).toEqual([
      expect.stringMatching(/fails to run it on a tensor of 5 dimensions/),
    ]);
  });
});

describe('an entry counts as the default of its own kind alone', () => {
  test.each<[string, JsonObject, RegExp | undefined]>([
    ['ReLU', { threshold: 1 }, /threshold = 1/],
    ['ReLU', { negative_slope: 1 }, /negative_slope = 1/],
    ['ReLU', { threshold: 0, negative_slope: 0 }, undefined],
    ['Conv2D', { groups: 1 }, undefined],
    ['Conv2D', { groups: 2 }, /groups = 2/],
    ['DepthwiseConv2D', { dilation_rate: [1, 1] }, undefined],
    ['DepthwiseConv2D', { dilation_rate: [1, 2] }, /dilation_rate/],
    ['ELU', { alpha: 1 }, undefined],
    ['ELU', { alpha: 0 }, /alpha = 0/],
    ['BatchNormalization', { axis: [0, 1] }, /axis = \[0,1\]/],
    ['Conv2DTranspose', { output_padding: null }, undefined],
    [
      'Conv2DTranspose',
      { kernel_size: [3, 3], strides: [2, 2], padding: 'same', output_padding: [1, 1] },
      undefined,
    ],
    [
      'Conv2DTranspose',
      { kernel_size: [3, 3], strides: [2, 2], padding: 'same', output_padding: [0, 0] },
      /output_p/,
    ],
    [
      'Conv2DTranspose',
      { kernel_size: [2, 2], strides: [2, 2], padding: 'valid', output_padding: 0 },
      undefined,
    ],
    [
      'Conv2DTranspose',
      { kernel_size: [2, 2], strides: [3, 3], padding: 'valid', output_padding: 0 },
      /output_p/,
    ],
  ])('%s %j', (className, config, message) => {
    const difference = tfjsDifference(className, config);
    if (message) expect(difference).toMatch(message);
    else expect(difference).toBeUndefined();
  });
});
