/**
 * Nothing of a file is lost without a word, and no sound file is refused: what was found in reviews, each with its kind.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as h5 from 'h5wasm';
import { describe, expect, test } from 'vitest';
import { OutputError } from '../../src/errors.ts';
import { snakeCase } from '../../src/formats/keras-v3/layer-paths.ts';
import { memoryFiles, readModel } from '../../src/formats/read.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import type { JsonObject } from '../../src/json/value.ts';
import type { Model } from '../../src/model/model.ts';
import { PendingOutput } from '../../src/node/pending-output.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { type Datasets, hdf5File, kerasFile, wholeH5File } from '../support/made-files.ts';

const tensor = (...shape: number[]): Tensor =>
  Tensor.of(
    'float32',
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, index) => index - 1.5),
  );

const keras3Input = {
  class_name: 'InputLayer',
  config: { name: 'in', batch_shape: [null, 2] },
  module: 'keras.layers',
};

function dense3(name: string, config: JsonObject = {}, entry: JsonObject = {}): JsonObject {
  return {
    module: 'keras.layers',
    class_name: 'Dense',
    config: { name, units: 3, ...config },
    registered_name: null,
    ...entry,
  };
}

const sequential3 = (...layers: JsonObject[]): JsonObject => ({
  module: 'keras',
  class_name: 'Sequential',
  config: { name: 'm', layers: [keras3Input, ...layers] },
  registered_name: null,
});

const DENSE: Datasets = { 'layers/dense/vars/0': tensor(2, 3), 'layers/dense/vars/1': tensor(3) };

async function readKeras(config: JsonObject, datasets: Datasets): Promise<Model> {
  return readModel(await kerasFile(config, await hdf5File(datasets)), 'made.keras');
}

function valuesOf(model: Model): Record<string, number[]> {
  const values: Record<string, number[]> = {};
  for (const { layer, path } of model.allLayers()) {
    for (const [name, weight] of layer.weights) values[`${path}/${name}`] = [...weight.toFloat64()];
  }
  return values;
}

describe('weights of a .keras file that no layer claims', () => {
  test.each<[what: string, surplus: string]>([
    ['of a layer that the configuration lacks', 'layers/dense_1/vars/0'],
    ['a third variable of a Dense', 'layers/dense/vars/2'],
    ['below a Dense', 'layers/dense/inner/vars/0'],
  ])('%s: refused by their names', async (_, surplus) => {
    const reading = readKeras(sequential3(dense3('d')), { ...DENSE, [surplus]: tensor(2) });
    await expect(reading).rejects.toMatchObject({ name: 'InvalidModelError' });
    const name = surplus === 'layers/dense/vars/2' ? /d: made\.keras.* a Dense does not have \(2\)/ : surplus;
    await expect(readKeras(sequential3(dense3('d')), { ...DENSE, [surplus]: tensor(2) })).rejects.toThrow(
      name,
    );
  });

  test('an optimizer, states of random numbers and what lies beside the layers are no faults', async () => {
    const seed = Tensor.of('int64', [2], BigInt64Array.of(1n, 2n));
    const inner = { ...sequential3(dense3('d')), name: 'inner' };
    const model = await readKeras(
      sequential3(dense3('d'), { class_name: 'RandomFlip', config: { name: 'r' } }, inner),
      {
        ...DENSE,
        'layers/random_flip/generator/vars/0': seed,
        'layers/random_flip/seed_generator/vars/0': seed,
        'layers/sequential/layers/dense/vars/0': tensor(2, 3),
        'layers/sequential/layers/dense/vars/1': tensor(3),
        'layers/sequential/optimizer/vars/0': tensor(1),
        'optimizer/vars/0': tensor(1),
        'probe/dense/vars/0': tensor(1),
      },
    );
    expect(Object.keys(valuesOf(model))).toEqual(['d/kernel', 'd/bias', 'inner/d/kernel', 'inner/d/bias']);
    const { report } = await writeModelToMemory(model, { format: 'keras-h5' });
    expect(report.dropped.map((sentence) => sentence.split(':')[0])).toEqual([
      'optimizer state',
      'the weights in probe',
      'the weights in layers/sequential/optimizer',
    ]);
    const again = await writeModelToMemory(model);
    expect(again.report.dropped).toEqual([]);
  });

  test('a part of a network that is called generator is no state of random numbers', async () => {
    const gan = { class_name: 'Gan', config: { name: 'g' }, registered_name: 'own>Gan' };
    const model = await readKeras(sequential3(gan), { 'layers/gan/generator/vars/0': tensor(2) });
    expect(Object.keys(valuesOf(model))).toEqual(['g/generator/0']);
  });
});

test('.h5 refuses a third weight of a Dense as well', async () => {
  const model = await readKeras(sequential3(dense3('d')), DENSE);
  model.layers[1]?.weights.set('more', tensor(1));
  const { files } = await writeModelToMemory(model, { format: 'keras-h5' });
  const written = readModel(files.get('model.h5') as Uint8Array, 'made.h5');
  await expect(written).rejects.toThrow('d: made.h5 has weights for it that a Dense does not have (more)');
});

test('weights in an .h5 file that no layer has are named where they are dropped', async () => {
  const config = JSON.stringify(sequential3(dense3('d')));
  const layers = [['d', { kernel: tensor(2, 3), bias: tensor(3) }]] as const;
  const beside = {
    'model_weights/top_level_model_weights/w': tensor(1),
    'model_weights/old/kernel': tensor(1),
  };
  const model = await readModel(await wholeH5File(config, '{}', layers, beside));
  const { report } = await writeModelToMemory(model, { format: 'keras-v3' });
  expect(report.dropped.map((sentence) => sentence.split(':')[0])).toEqual([
    'training_config',
    'the weights in model_weights/old',
    'the weights in model_weights/top_level_model_weights',
  ]);
});

test('names of classes outside ASCII find their groups as in Python', async () => {
  // What keras.src.utils.naming.to_snake_case gives.
  expect(
    ['Größe', 'ÜberDense', 'Слой2D', 'A-B', '層Norm', 'x̄Norm', '²ndOrder', 'ⅫNorm', '𝐀Dense', 'ΣΑΣ'].map(
      snakeCase,
    ),
  ).toEqual([
    'größe',
    'über_dense',
    'слой2d',
    'ab',
    '層_norm',
    'x_norm',
    '²nd_order',
    'ⅻ_norm',
    '𝐀_dense',
    'σας',
  ]);
  const own = { class_name: 'Größe', config: { name: 'g' }, module: null, registered_name: 'own>Größe' };
  const model = await readKeras(sequential3(own as unknown as JsonObject), {
    'layers/größe/vars/0': tensor(2),
  });
  expect(valuesOf(model)).toEqual({ 'g/0': [-1.5, -0.5] });
});

test('a .keras file without a group vars at its root is rewritten', async () => {
  const model = await readKeras(sequential3(dense3('d')), DENSE);
  const { files } = await writeModelToMemory(model);
  expect(valuesOf(await readModel(files.get('model.keras') as Uint8Array))).toEqual(valuesOf(model));
});

describe('the dialect is told by structure', () => {
  const keras2 = (name: string, more: JsonObject = {}): JsonObject => ({
    class_name: 'Functional',
    config: {
      name: 'm',
      layers: [
        {
          class_name: 'InputLayer',
          name: 'in',
          config: { name: 'in', batch_input_shape: [null, 2] },
          inbound_nodes: [],
        },
        {
          class_name: 'Dense',
          name,
          config: { name, units: 3, ...more },
          inbound_nodes: [[['in', 0, 0, {}]]],
        },
      ],
      input_layers: [['in', 0, 0]],
      output_layers: [[name, 0, 0]],
    },
  });
  const tfjs = async (topology: JsonObject, name: string): Promise<Model> => {
    const weights = [
      { name: `${name}/kernel`, shape: [2, 3], dtype: 'float32' },
      { name: `${name}/bias`, shape: [3], dtype: 'float32' },
    ];
    const document = { modelTopology: topology, weightsManifest: [{ paths: ['w.bin'], weights }] };
    const files = new Map([
      ['model.json', new TextEncoder().encode(JSON.stringify(document))],
      ['w.bin', new Uint8Array(36)],
    ]);
    return readModel(memoryFiles(files, 'model.json'));
  };

  test.each(['batch_shape', '__keras_tensor__', 'DTypePolicy', 'keras.src.models'])(
    'a model of Keras 2 with a layer called %s',
    async (name) => {
      expect((await tfjs(keras2(name), name)).dialect).toBe('keras2');
    },
  );

  test('a model of Keras 2 with an entry of that name', async () => {
    expect((await tfjs(keras2('d', { batch_shape: [1], module: 'keras.src.models' }), 'd')).dialect).toBe(
      'keras2',
    );
  });

  test('models of Keras 3 without calls, and without an input', async () => {
    expect((await readKeras(sequential3(dense3('d')), DENSE)).dialect).toBe('keras3');
    const policy = { module: 'keras', class_name: 'DTypePolicy', config: { name: 'float32' } };
    const bare = {
      ...sequential3(),
      config: { name: 'm', layers: [dense3('d', { dtype: policy })], build_input_shape: [null, 2] },
    };
    expect((await readKeras(bare, DENSE)).dialect).toBe('keras3');
  });
});

test('a layer that is called like the group of .h5 for weights of no layer', async () => {
  const model = await readKeras(sequential3(dense3('top_level_model_weights')), DENSE);
  const { files, report } = await writeModelToMemory(model, { format: 'keras-h5' });
  expect(valuesOf(await readModel(files.get('model.h5') as Uint8Array))).toEqual(valuesOf(model));
  expect(report.warnings).toEqual([expect.stringMatching(/^top_level_model_weights: .*rename the layer/)]);
});

/** An HDF5 file as h5py writes it with `libver='latest'`, by h5wasm itself. */
async function latestFile(fill: (file: h5.File) => void): Promise<Uint8Array> {
  const { FS } = await h5.ready;
  const file = new h5.File('/latest.h5', 'w', { libver: ['latest', 'latest'] });
  fill(file);
  file.close();
  const bytes = FS.readFile('/latest.h5');
  FS.unlink('/latest.h5');
  return bytes;
}

const LONG = 'x'.repeat(70_000);

test('an attribute that does not fit is left out of a rewritten file, and named', async () => {
  const weights = await latestFile((file) => {
    const own = file.create_group('layers').create_group('dense').create_group('vars');
    own.create_dataset({ name: '0', data: new Float32Array(6).fill(2), shape: [2, 3] });
    own
      .create_dataset({ name: '1', data: new Float32Array(3).fill(1) })
      .create_attribute('note', LONG, [], 'S70000');
    file.create_attribute('note', LONG, [], 'S70000');
  });
  const model = await readModel(await kerasFile(sequential3(dense3('d')), weights));
  const { files, report } = await writeModelToMemory(model);
  expect(report.dropped).toEqual([
    expect.stringMatching(/^@note: longer than the 64 kB/),
    expect.stringMatching(/^layers\/dense\/vars\/1@note: longer than the 64 kB/),
  ]);
  expect(valuesOf(await readModel(files.get('model.keras') as Uint8Array))).toEqual(valuesOf(model));
});

test('compression that nothing here does is left out of a rewritten file, and named once', async () => {
  const weights = await latestFile((file) => {
    const own = file.create_group('layers').create_group('dense').create_group('vars');
    const szip = { compression: 4, compression_opts: [4, 2] };
    own.create_dataset({
      name: '0',
      data: new Float32Array(6).fill(2),
      shape: [2, 3],
      chunks: [2, 3],
      ...szip,
    });
    own.create_dataset({ name: '1', data: new Float32Array(3).fill(1), shape: [3], chunks: [3], ...szip });
  });
  const model = await readModel(await kerasFile(sequential3(dense3('d')), weights));
  const { files, report } = await writeModelToMemory(model);
  expect(report.dropped).toEqual([expect.stringMatching(/^compression by szip: /)]);
  expect(valuesOf(await readModel(files.get('model.keras') as Uint8Array))).toEqual(valuesOf(model));
});

test('a configuration and lists of names that do not fit are written in another way', async () => {
  const config = sequential3(dense3('d', { note: LONG }));
  const names = Array.from({ length: 700 }, (_, index) => `${index}${'n'.repeat(100 - `${index}`.length)}`);
  const bytes = await latestFile((file) => {
    const text = JSON.stringify(config);
    file.create_attribute('model_config', text, [], `S${text.length}`);
    const group = file.create_group('model_weights');
    group.create_attribute('layer_names', ['in', 'd', ...names], [702], 'S100');
    for (const name of names) group.create_group(name);
    group.create_group('in');
    const own = group.create_group('d');
    own.create_attribute('weight_names', ['k', 'b'], [2], 'S1');
    own.create_dataset({ name: 'k', data: new Float32Array(6).fill(2), shape: [2, 3] });
    own.create_dataset({ name: 'b', data: new Float32Array(3).fill(1) });
  });
  const model = await readModel(bytes);
  const { files, report } = await writeModelToMemory(model);
  expect(report.dropped).toEqual([]);
  const again = await readModel(files.get('model.h5') as Uint8Array);
  expect(valuesOf(again)).toEqual(valuesOf(model));
  expect(again.layers[1]?.readConfig['note']).toBe(LONG);
});

describe('layers that Keras quantized itself', () => {
  const policy = (mode: string): JsonObject => ({
    module: 'keras',
    class_name: 'QuantizedDTypePolicy',
    config: { mode, source_name: 'float32' },
    registered_name: null,
  });
  const map = (...entries: [string, JsonObject][]): JsonObject => ({
    module: 'keras',
    class_name: 'DTypePolicyMap',
    config: { default_policy: 'float32', policy_map: Object.fromEntries(entries) },
    registered_name: null,
  });
  const int8: Datasets = {
    'layers/dense/vars/0': Tensor.of('float32', [2, 3], new Float32Array(6).fill(1)),
    'layers/dense/vars/1': tensor(3),
    'layers/dense_1/vars/0': Tensor.of('int8', [3, 3], new Int8Array(9)),
    'layers/dense_1/vars/1': tensor(3),
    'layers/dense_1/vars/2': tensor(3),
    'layers/dense_2/vars/0': tensor(3, 3),
    'layers/dense_2/vars/1': tensor(3),
  };
  const advice = 'q is left alone: quantized by Keras (int8): give the model before quantize()';

  test.each<[how: string, config: JsonObject]>([
    ['a policy', { dtype: policy('int8') }],
    ['a mode', { quantization_mode: 'int8' }],
    ['the name of a policy', { dtype: 'int8_from_float32' }],
    ['a map of policies', { dtype: map(['m/q', policy('int8')]) }],
  ])('told by %s: opaque, with what to do', async (_, config) => {
    const model = await readKeras(sequential3(dense3('a'), dense3('q', config), dense3('b')), int8);
    expect(model.layers.map(({ operation }) => operation.kind)).toEqual([
      'input',
      'dense',
      'opaque',
      'dense',
    ]);
    const { inspectModel } = await import('../../src/report/inspect-report.ts');
    expect(inspectModel(model).notScaled.map(({ message }) => message)).toContain(advice);
    const { equalize } = await import('../../src/equalization/equalize.ts');
    const { report } = await equalize(model, { target: 'float' });
    expect(JSON.stringify(report)).toContain(advice);
    const again = await writeModelToMemory(model);
    expect(valuesOf(await readModel(again.files.get('model.keras') as Uint8Array))).toEqual(valuesOf(model));
    for (const format of ['keras-h5', 'tfjs-layers'] as const) {
      await expect(writeModelToMemory(model, { format })).rejects.toThrow(
        /^q.*give the model before quantize\(\)/,
      );
    }
  });

  test('a map of policies that quantizes nothing, or another layer, is no such thing', async () => {
    const harmless = map(['m/other', policy('int8')]);
    const model = await readKeras(sequential3(dense3('d', { dtype: harmless })), DENSE);
    expect(model.layers[1]?.operation.kind).toBe('dense');
    const { files, report } = await writeModelToMemory(model, { format: 'tfjs-layers' });
    expect(report.warnings).toEqual([]);
    expect(new TextDecoder().decode(files.get('model.json'))).toContain('"dtype":"float32"');
    await writeModelToMemory(model, { format: 'keras-h5' });
  });
});

/** A model.json of a Dense, a layer of somebody's own and what a page keeps with it, and its weights. */
function tfjsFiles(config: string, metadata: string): Map<string, Uint8Array> {
  const text =
    '{"format":"layers-model","modelTopology":{"class_name":"Sequential","config":{"name":"m","layers":[' +
    '{"class_name":"Dense","config":{"name":"d","units":3,"batch_input_shape":[null,2]}},' +
    `{"class_name":"Own","config":{"name":"own",${config}}}]}},"weightsManifest":[{"paths":["w.bin"],"weights":[` +
    '{"name":"d/kernel","shape":[2,3],"dtype":"float32"},{"name":"d/bias","shape":[3],"dtype":"float32"}]}],' +
    `"userDefinedMetadata":${metadata}}`;
  return new Map([
    ['model.json', new TextEncoder().encode(text)],
    ['w.bin', new Uint8Array(36)],
  ]);
}

const textIn = (files: ReadonlyMap<string, Uint8Array>, name = 'model.json'): string =>
  new TextDecoder().decode(files.get(name));

describe('numbers of a model.json', () => {
  const kept =
    '"big":9007199254740993,"z":-0,"one":1.0,"e":1E+2,"far":1e999,"long":[0.1000000000000000055511151231257827]';

  test('that were not edited keep their text', async () => {
    const files = tfjsFiles(kept, `{${kept}}`);
    const { files: written, report } = await writeModelToMemory(
      await readModel(memoryFiles(files, 'model.json')),
    );
    expect(textIn(written)).toBe(textIn(files));
    expect(report.warnings).toEqual([]);
  });

  test('that TF.js cannot read are null, and named', async () => {
    const files = tfjsFiles('"limit":Infinity,"rates":[1,NaN]', '{"low":-Infinity}');
    const { files: written, report } = await writeModelToMemory(
      await readModel(memoryFiles(files, 'model.json')),
    );
    expect(textIn(written)).toContain('"limit":null,"rates":[1,null]');
    expect(report.warnings).toEqual([
      'written as null, because TF.js cannot read a model.json with NaN or Infinity: ' +
        'modelTopology.config.layers.own.config.limit (Infinity), modelTopology.config.layers.own.config.rates.1 (NaN), ' +
        'userDefinedMetadata.low (-Infinity)',
    ]);
  });

  test('keep their text in a file of Keras, and back', async () => {
    const model = await readModel(memoryFiles(tfjsFiles(kept, '{}'), 'model.json'));
    const h5 = await writeModelToMemory(model, { format: 'keras-h5' });
    const again = await writeModelToMemory(await readModel(h5.files.get('model.h5') as Uint8Array), {
      format: 'tfjs-layers',
    });
    expect(textIn(again.files)).toContain(kept);
  });

  test('of a live model stay what they are', async () => {
    const { readLiveModel } = await import('../../src/formats/tfjs-layers/live-read.ts');
    const { writeLiveModel } = await import('../../src/formats/tfjs-layers/live-write.ts');
    const own = { name: 'own', limit: Number.POSITIVE_INFINITY, nan: Number.NaN, z: -0, text: '\\u0000NaN' };
    const modelTopology = {
      class_name: 'Sequential',
      config: { name: 'm', layers: [{ class_name: 'Own', config: own }] },
    };
    const model = await readLiveModel({
      name: 'm',
      save: async (handler) =>
        handler.save({ modelTopology, weightSpecs: [], weightData: new ArrayBuffer(0) }),
    });
    expect(model.layers[0]?.readConfig).toEqual(own);
    let given: unknown;
    const loadLayersModel = async (handler: {
      load(): Promise<{ modelTopology?: object }>;
    }): Promise<never> => {
      given = (await handler.load()).modelTopology;
      throw new Error('seen');
    };
    const scope = { track: [] };
    const tf = {
      ready: async () => {},
      engine: () => ({
        startScope() {},
        endScope() {},
        state: { registeredVariables: {}, activeScope: scope },
      }),
      loadLayersModel,
      serialization: { SerializationMap: { getMap: () => ({ classNameMap: { Own: [] } }) } },
    };
    await expect(writeLiveModel(model, tf as never)).rejects.toThrow('seen');
    expect(given).toMatchObject({
      config: { layers: [{ config: { limit: Number.POSITIVE_INFINITY, nan: Number.NaN, z: -0 } }] },
    });
  });
});

describe('files of weights', () => {
  const bytes = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
  /** A Dense of six and three values, in the files that `paths` lists. */
  function withPaths(
    paths: readonly string[],
    files: Record<string, Uint8Array>,
    main = 'model.json',
  ): Promise<Model> {
    const text = textIn(tfjsFiles('"a":1', '{}')).replace('["w.bin"]', JSON.stringify(paths));
    const all = new Map(Object.entries(files)).set(main, new TextEncoder().encode(text));
    return readModel(memoryFiles(all, main));
  }
  const THREE = { 'w.bin': bytes(1, 2, 3), 'v.bin': bytes(7, 8, 9) };

  test.each<[what: string, paths: string[]]>([
    ['listed twice', ['w.bin', 'v.bin', 'w.bin']],
    ['listed twice in two ways', ['w.bin', 'v.bin', './w.bin']],
  ])('one that is %s: a right model in other files', async (_, paths) => {
    const model = await withPaths(paths, { ...THREE, './w.bin': THREE['w.bin'] });
    model.layers[0]?.setWeight('kernel', Tensor.of('float32', [2, 3], Float32Array.of(6, 5, 4, 3, 2, 1)));
    const { files } = await writeModelToMemory(model);
    const again = await readModel(memoryFiles(files, 'model.json'));
    expect(valuesOf(again)).toEqual({ 'd/kernel': [6, 5, 4, 3, 2, 1], 'd/bias': [1, 2, 3] });
    const folder = mkdtempSync(join(tmpdir(), 'crosslayer-'));
    try {
      const { saveModel, loadModel } = await import('../../src/node.ts');
      const target = join(folder, 'model.json');
      for (const force of [false, true]) await saveModel(model, target, { force });
      expect(valuesOf(await loadModel(target))).toEqual(valuesOf(again));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each(['model.json', './Model.JSON'])('one that is called %s is refused', async (name) => {
    const reading = withPaths(['w.bin', name], { ...THREE, [name]: bytes(1, 2, 3, 4, 5, 6) });
    await expect(reading).rejects.toThrow(/: a file of weights cannot be model\.json itself/);
  });

  test('none is called like the file of the model that is written, nor two the same', async () => {
    const model = await withPaths(
      ['Model.json', 'x-Model.json', 'v.bin'],
      { ...THREE, 'Model.json': THREE['w.bin'], 'x-Model.json': THREE['v.bin'] },
      'other.json',
    );
    for (const name of ['model.json', 'x.json']) {
      const { files } = await writeModelToMemory(model, { name });
      expect(new Set([...files.keys()].map((key) => key.toLowerCase())).size).toBe(files.size);
      expect(valuesOf(await readModel(memoryFiles(files, name)))).toEqual(valuesOf(model));
    }
  });

  test('a file is not written twice', () => {
    const folder = mkdtempSync(join(tmpdir(), 'crosslayer-'));
    const output = new PendingOutput(join(folder, 'model.json'), { force: true });
    try {
      output.create('w.bin');
      expect(() => output.create('w.bin')).toThrow(/w\.bin: would be written twice/);
      expect(() => output.create('model.json')).toThrow(OutputError);
    } finally {
      output.discard();
      rmSync(folder, { recursive: true });
    }
  });
});
