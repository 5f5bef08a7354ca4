/** From one Keras to the other: what is written into files. Real Keras opens such files in test/interop. */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readModel } from '../../../../src/formats/read.ts';
import { writeModelToMemory } from '../../../../src/formats/write.ts';
import type { Model, WriteReport } from '../../../../src/index.ts';
import type { Dialect, JsonObject } from '../../../../src/quantization.ts';
import { Tensor } from '../../../../src/tensor/tensor.ts';
import { fixtureBytes } from '../../../support/format-fixtures.ts';
import { goldenPath } from '../../../support/golden.ts';
import { buildModel, input, layer, nested } from '../../../support/model-builder.ts';

interface Written {
  readonly model: Model;
  readonly report: WriteReport;
  /** Entries of the layers in the file. */
  readonly entries: Map<string, JsonObject>;
}

/** Writes `model` anew and reads it again. */
async function rewritten(model: Model, format: 'keras-v3' | 'keras-h5', dialect?: Dialect): Promise<Written> {
  const options = { format, name: 'out', ...(dialect === undefined ? {} : { dialect }) };
  const { files, report } = await writeModelToMemory(model, options);
  const again = await readModel(files.get('out') as Uint8Array, 'out');
  const entries = new Map([...again.allLayers()].map((one) => [one.path, one.layer.origin?.config ?? {}]));
  return { model: again, report, entries };
}

const fixture = (name: string): Promise<Model> => readModel(fixtureBytes(name), name);

/** Every weight by the place of its layer, which names may not tell. */
const sums = (model: Model): number[][] =>
  [...model.allLayers()].map(({ layer: { weights } }) =>
    [...weights.values()].map((tensor) => tensor.toFloat64().reduce((sum, value) => sum + value, 0)),
  );

describe('names with slashes', () => {
  const model = buildModel([
    input('x', [4, 4, 2]),
    layer('Conv2D', 'block/conv', { filters: 2, kernel_size: 1 }),
    layer('ReLU', 'block_conv', {}),
    nested('inner/model', [input('y', [4, 4, 2]), layer('Conv2D', 'a/b', { filters: 2, kernel_size: 1 })]),
    layer('Add', 'sum', {}, { from: ['block/conv', 'inner/model'] }),
  ]);

  test.each(['keras-v3', 'keras-h5'] as const)('become underscores for Keras 3: %s', async (format) => {
    const { model: written, report, entries } = await rewritten(model, format, 'keras3');
    expect(written.layers.map(({ name }) => name)).toEqual([
      'x',
      'block_conv_1',
      'block_conv',
      'inner_model',
      'sum',
    ]);
    expect([...entries.keys()]).toContain('inner_model/a_b');
    for (const { config } of entries.values()) expect(JSON.stringify(config)).not.toContain('/');
    expect(JSON.stringify(written.config)).not.toContain('/');
    const sum = written.calls.find((call) => call.layer.name === 'sum');
    expect(sum?.inputs.map(({ producer }) => producer?.layer.name)).toEqual(['block_conv_1', 'inner_model']);
    expect(sums(written)).toEqual(sums(model));
    expect(report.warnings).toEqual([
      '3 names have an underscore for each slash in the file, because Keras 3 takes no slash: ' +
        'block/conv is block_conv_1, inner/model/a/b is a_b, inner/model is inner_model',
    ]);
    expect(model.layers[1]?.name).toBe('block/conv');
  });

  test('stay as they are for Keras 2 and TF.js', async () => {
    const { model: written, report } = await rewritten(model, 'keras-h5');
    expect(written.layers.map(({ name }) => name)).toEqual(model.layers.map(({ name }) => name));
    expect(report.warnings).toEqual([]);
    const { report: tfjs } = await writeModelToMemory(model, { format: 'tfjs-layers' });
    expect(tfjs.warnings).toEqual([]);
  });
});

test('a PReLU inside a layer is built from the shape that Keras 3 finds beside it', async () => {
  const name = 'fused_prelu_layer';
  const bytes = new Uint8Array(readFileSync(goldenPath(name, 'input.h5')));
  const { entries, model } = await rewritten(await readModel(bytes, name), 'keras-v3');
  const fused = [...entries].filter(([path]) => model.layer(path).weights.has('alpha'));
  expect(fused.length).toBeGreaterThan(0);
  for (const [path, { config }] of fused) {
    const { activation } = config as JsonObject;
    const alpha = model.layer(path).requireWeight('alpha');
    expect(activation).toMatchObject({
      class_name: 'PReLU',
      build_config: { input_shape: [null, ...alpha.shape] },
    });
  }
});

test.each([
  ['keras-h5', 'keras2'],
  ['keras-h5', 'keras3'],
  ['keras-v3', 'keras3'],
] as const)('numbers of numpy are plain in %s for %s', async (format, dialect) => {
  const model = await fixture('tfkeras-2.12/functional.keras');
  const texts = (entries: Written['entries']): string => JSON.stringify([...entries.values()]);
  const before = new Map([...model.allLayers()].map((one) => [one.path, one.layer.origin?.config ?? {}]));
  expect(texts(before)).toContain('__numpy__');
  const { entries } = await rewritten(model, format, dialect);
  expect(texts(entries)).not.toContain('__numpy__');
  expect([...entries.values()].find((entry) => entry['class_name'] === 'ReLU')?.['config']).toMatchObject({
    max_value: 6,
  });
});

describe('the Keras that a file is for', () => {
  test.each([
    ['tfkeras-2.15/functional.h5', 'keras-h5'],
    ['keras-3.15.1/functional.keras', 'keras-h5'],
    ['keras-3.15.1/functional.h5', 'keras-h5'],
    ['tfkeras-2.15/functional.keras', 'keras-h5'],
    ['tfkeras-2.15/sequential.keras', 'keras-v3'],
  ] as const)('is chosen: %s as %s', async (name, format) => {
    const model = await fixture(name);
    for (const dialect of format === 'keras-h5' ? (['keras2', 'keras3'] as const) : (['keras3'] as const)) {
      const { model: written } = await rewritten(model, format, dialect);
      expect(written.dialect).toBe(dialect);
      expect(sums(written)).toEqual(sums(model));
    }
  });

  test('is that of the model where nothing is said', async () => {
    const two = await fixture('tfkeras-2.15/sequential.keras');
    expect((await rewritten(two, 'keras-v3')).model.dialect).toBe('keras2');
    expect((await rewritten(two, 'keras-h5')).model.dialect).toBe('keras2');
    const three = await fixture('keras-3.15.1/sequential.keras');
    expect((await rewritten(three, 'keras-h5')).model.dialect).toBe('keras3');
  });

  test('is refused where the format has no such file', async () => {
    const model = await fixture('keras-3.15.1/sequential.keras');
    await expect(rewritten(model, 'keras-v3', 'keras2')).rejects.toThrow(/only be made for Keras 3; .* \.h5/);
    await expect(writeModelToMemory(model, { format: 'tfjs-layers', dialect: 'keras2' })).rejects.toThrow(
      /TF\.js models are of no version of Keras/,
    );
  });
});

test('the copies in a Bidirectional are named once', async () => {
  for (const name of ['keras-3.15.1/rnn.keras', 'tfkeras-2.15/rnn.keras']) {
    const { model } = await rewritten(await fixture(name), 'keras-h5');
    const layers = [...model.allLayers()].filter(({ layer: { className } }) => className === 'Bidirectional');
    const names = layers.flatMap(({ layer: { weights } }) => [...weights.keys()]);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((one) => !/\b(forward|backward)_[a-z]+\/[a-z]+_cell\//.test(one))).toEqual([]);
    expect(names.filter((one) => /forward_(forward|backward)|backward_(forward|backward)/.test(one))).toEqual(
      [],
    );
  }
});

test('statistics of a Normalization move between formats', async () => {
  const model = buildModel([
    input('x', [3]),
    layer('Normalization', 'norm', { axis: [-1], mean: null, variance: null }),
    layer('Dense', 'dense', { units: 2 }),
  ]);
  const norm = model.layer('norm');
  norm.weights = new Map([
    ['mean', Tensor.of('float32', [3], Float32Array.of(1, 2, 3))],
    ['variance', Tensor.of('float32', [3], Float32Array.of(4, 5, 6))],
    ['count', Tensor.of('int64', [], BigInt64Array.of(64n))],
  ]);
  const { model: v3 } = await rewritten(model, 'keras-v3');
  const { model: h5 } = await rewritten(v3, 'keras-h5', 'keras2');
  for (const written of [v3, h5]) {
    const tensors = [...written.layer('norm').weights.values()];
    expect(tensors.map(({ dtype, shape }) => [dtype, ...shape])).toEqual([
      ['float32', 3],
      ['float32', 3],
      ['int64'],
    ]);
    expect(tensors.flatMap((tensor) => Array.from<number | bigint>(tensor.values()).map(Number))).toEqual([
      1, 2, 3, 4, 5, 6, 64,
    ]);
  }
});

test.each([
  [
    layer('Solarization', 'sun', { addition_factor: 0.1 }),
    /^sun: the layer Solarization has no form in Keras 2; leave it out/,
  ],
  [
    layer('Activation', 'act', { activation: 'sparsemax' }),
    /^act: the activation sparsemax has no form in Keras 2; use another/,
  ],
  [
    layer('Lambda', 'code', {}),
    /^code: the code of a Lambda has no form in Keras 2; use layers in its place/,
  ],
])('what Keras 2 lacks is refused by name: %#', async (lacking, message) => {
  const keras3 = async (): Promise<Model> => {
    const plain = buildModel([input('x', [4, 4, 2]), lacking]);
    return (await rewritten(plain, 'keras-v3')).model;
  };
  const model = await keras3();
  await expect(writeModelToMemory(model, { format: 'keras-h5', dialect: 'keras2' })).rejects.toThrow(message);
});

test('states that a recurrent layer begins with are an argument in Keras 3, and behind the sequence in Keras 2', async () => {
  const model = buildModel([
    input('x', [5, 2]),
    input('h', [3]),
    input('c', [3]),
    layer('LSTM', 'lstm', { units: 3 }, { from: ['x', 'h', 'c'] }),
  ]);
  const { entries, model: keras3 } = await rewritten(model, 'keras-v3', 'keras3');
  const tensor = (name: string): unknown => ({ config: { keras_history: [name, 0, 0] } });
  expect(entries.get('lstm')?.['inbound_nodes']).toMatchObject([
    { args: [tensor('x')], kwargs: { initial_state: [tensor('h'), tensor('c')] } },
  ]);
  const { entries: again } = await rewritten(keras3, 'keras-h5', 'keras2');
  expect(again.get('lstm')?.['inbound_nodes']).toEqual([
    [
      ['x', 0, 0, {}],
      ['h', 0, 0, {}],
      ['c', 0, 0, {}],
    ],
  ]);
});

test('a division is an operation of Keras 3', async () => {
  const model = buildModel([
    input('x', [4, 4, 2]),
    layer('TFOpLambda', 'tf.math.truediv', { function: 'math.truediv' }, { kwargs: { y: 3, name: null } }),
  ]);
  const { entries, model: written } = await rewritten(model, 'keras-v3');
  expect(entries.get('tf.math.truediv')).toMatchObject({
    module: 'keras.src.ops.numpy',
    class_name: 'TrueDivide',
    config: { name: 'tf.math.truediv' },
    registered_name: 'TrueDivide',
    inbound_nodes: [{ args: [{ class_name: '__keras_tensor__' }, 3], kwargs: {} }],
  });
  expect(written.outputs[0]?.producer?.layer.name).toBe('tf.math.truediv');
});
