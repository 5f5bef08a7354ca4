import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { FormatError, InvalidModelError, UnsupportedModelError } from '../../src/errors.ts';
import { type ByteSource, MemorySink, memorySource } from '../../src/formats/bytes.ts';
import type { WriteReport } from '../../src/formats/format.ts';
import { stringAttribute, stringListAttribute } from '../../src/formats/hdf5/attribute.ts';
import { Hdf5Copier, writeTensor } from '../../src/formats/hdf5/copy.ts';
import { type Hdf5File, openHdf5 } from '../../src/formats/hdf5/file.ts';
import { type GroupWriter, Hdf5Writer } from '../../src/formats/hdf5/writer.ts';
import { withOperatorModules } from '../../src/formats/keras-config/dialects/operator-modules.ts';
import { readNameList, writeNameList } from '../../src/formats/keras-h5/attribute-lists.ts';
import { kerasH5Origin } from '../../src/formats/keras-h5/origin.ts';
import { readKerasH5 } from '../../src/formats/keras-h5/read.ts';
import { writeKerasH5 } from '../../src/formats/keras-h5/write.ts';
import { releaseModel } from '../../src/formats/release.ts';
import type { JsonObject } from '../../src/json/value.ts';
import type { Model } from '../../src/model/model.ts';
import { foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { expectFrameworkWeights, fixtureBytes, formatFixtures } from '../support/format-fixtures.ts';
import { goldenCases, goldenPath } from '../support/golden.ts';
import { treeOf } from '../support/hdf5-tree.ts';

const FIXTURES = [...formatFixtures('.h5'), ...formatFixtures('.hdf5.keras')];

const read = (name: string): Promise<Model> => readKerasH5(memorySource(name, fixtureBytes(name)));

async function write(model: Model): Promise<{ source: ByteSource; report: WriteReport }> {
  const main = new MemorySink('written.h5');
  const unused = (): never => {
    throw new Error('one file is enough');
  };
  const report = await writeKerasH5(model, { main, create: unused, scratch: unused });
  return { source: memorySource('written.h5', main.bytes().slice()), report };
}

function foldedCopy(model: Model): Model {
  const copy = model.clone();
  foldAllBatchNorms(copy);
  return copy;
}

/** The tree of a file, with the configuration as JSON and apart from what a rewrite may change. */
async function comparable(source: ByteSource): Promise<{ tree: unknown; config: JsonObject }> {
  const file = await openHdf5(source);
  const tree = treeOf(file);
  const config: JsonObject = JSON.parse(file.strings('', 'model_config')?.[0] ?? '');
  delete tree['@model_config'];
  file.close();
  return { tree, config };
}

describe.each(FIXTURES)('%s', (name) => {
  test('has the weights that the framework has', async () => {
    const model = await read(name);
    expectFrameworkWeights(model, name);
    releaseModel(model);
  });

  test('is written as it was read, and operators with the module that Keras 3 opens them by', async () => {
    const model = await read(name);
    const { source, report } = await write(model.clone());
    expect(report.dropped).toEqual([]);
    const { tree, config } = await comparable(memorySource(name, fixtureBytes(name)));
    const repaired = withOperatorModules(config);
    expect(!isDeepStrictEqual(repaired, config)).toBe(name === 'keras-3.15.1/shortcuts.h5');
    expect(await comparable(source)).toEqual({ tree, config: repaired });
    releaseModel(model);
  });
});

describe('golden models', () => {
  test.each(goldenCases().map((golden) => golden.name))('%s is written as it was read', async (name) => {
    const original = memorySource(name, new Uint8Array(readFileSync(goldenPath(name, 'input.h5'))));
    const model = await readKerasH5(original);
    const { source } = await write(model);
    expect(await comparable(source)).toEqual(await comparable(original));
    releaseModel(model);
  });
});

/** Names of the weights in the group of a layer of a file. */
async function weightNames(source: ByteSource, layer: string): Promise<string[] | undefined> {
  const file = await openHdf5(source);
  const names = readNameList(file, `model_weights/${layer}`, 'weight_names');
  file.close();
  return names;
}

describe('edits', () => {
  test('a new bias has its place behind its kernel, in a nested model before what is not trained', async () => {
    const model = await read('tfkeras-2.15/nested.h5');
    const before = await weightNames(memorySource('', fixtureBytes('tfkeras-2.15/nested.h5')), 'backbone');
    const edited = model.clone();
    const conv = edited.layer('backbone/conv');
    if (conv.operation.kind !== 'conv') throw new TypeError('conv is a convolution');
    conv.operation = { ...conv.operation, useBias: true };
    conv.setWeight('bias', Tensor.fromNumbers('float32', [conv.operation.filters], [1, 2, 3, 4]));
    const { source } = await write(edited);
    const kernel = before?.indexOf('conv/kernel:0') ?? -1;
    expect(await weightNames(source, 'backbone')).toEqual(before?.toSpliced(kernel + 1, 0, 'conv/bias:0'));
    const again = await readKerasH5(source);
    expect(again.layer('backbone/conv').requireWeight('bias').toFloat64()).toEqual(
      Float64Array.of(1, 2, 3, 4),
    );
    releaseModel(model);
    releaseModel(again);
  });

  test('a folded model has the weights that it has in memory, and nothing of the layers that went', async () => {
    for (const name of [
      'keras-2.0.5/nested.h5',
      'tfkeras-2.15/nested.h5',
      'keras-3.15.1/nested.h5',
      'odd/gzip.h5',
    ]) {
      const model = await read(name);
      const folded = foldedCopy(model);
      const { source } = await write(folded);
      const again = await readKerasH5(source);
      const left = [...folded.allLayers()];
      expect([...again.allLayers()].map(({ path }) => path)).toEqual(left.map(({ path }) => path));
      expect(left.length).toBeLessThan([...model.allLayers()].length);
      for (const { layer, path } of left) {
        expect([...again.layer(path).weights.keys()], path).toEqual([...layer.weights.keys()]);
        for (const [weight, tensor] of layer.weights) {
          expect(again.layer(path).weights.get(weight)?.values(), path).toEqual(tensor.values());
        }
      }
      const datasets = JSON.stringify(await comparable(source)).split('maxShape').length - 1;
      expect(datasets).toBe(left.reduce((sum, { layer }) => sum + layer.weights.size, 0));
      releaseModel(model);
      releaseModel(again);
    }
  });

  test('the storage of an edited weight is kept', async () => {
    const model = await read('odd/gzip_shuffle_fletcher.h5');
    const edited = model.clone();
    const conv = [...edited.allLayers()].find(({ layer }) => layer.weights.has('kernel'))?.layer;
    const kernel = conv?.requireWeight('kernel');
    if (!conv || !kernel) throw new TypeError('there is a kernel');
    conv.setWeight('kernel', kernel.scaled('columns', new Float64Array(kernel.columns).fill(2)));
    const { source } = await write(edited);
    const file = await openHdf5(source);
    const path = `model_weights/${conv.name}/${(await weightNames(source, conv.name))?.[0]}`;
    const origin = kerasH5Origin(model) as { file: Hdf5File };
    expect(file.dataset(path).filters).toEqual(origin.file.dataset(path).filters);
    expect(file.dataset(path).chunks).toEqual(origin.file.dataset(path).chunks);
    expect(file.dataset(path).tensor().toFloat64()).toEqual(kernel.toFloat64().map((value) => 2 * value));
    file.close();
    releaseModel(model);
  });

  test('the optimizer stays where no weight changed, and goes with a word where one did', async () => {
    const model = await read('tfkeras-2.15/sequential_trained.h5');
    const folded = foldedCopy(model);
    const { source, report } = await write(folded);
    expect(report.dropped).toEqual([
      expect.stringMatching(/^optimizer state \(17 weights\): it belongs to the weights before/),
    ]);
    const file = await openHdf5(source);
    expect(file.names('')).toEqual(['model_weights']);
    expect(file.attributeNames('')).toContain('training_config');
    file.close();
    releaseModel(model);
  });

  test('the same model gives the same bytes', async () => {
    const model = await read('keras-3.15.1/nested.h5');
    const bytes = async (): Promise<Uint8Array> => {
      const { source } = await write(foldedCopy(model));
      const target = new Uint8Array(source.size);
      source.read(0, target);
      return target;
    };
    expect(await bytes()).toEqual(await bytes());
    releaseModel(model);
  });
});

describe('lists of names', () => {
  test.each([
    [0, 1],
    [10, 1],
    [3000, 2],
    [9000, 5],
  ])('%i names of 30 bytes take %i attributes', async (count, parts) => {
    const names = Array.from({ length: count }, (_, index) => `layer_${index}`.padEnd(30, 'x'));
    const sink = new MemorySink('names');
    const writer = new Hdf5Writer(sink);
    const attributes = writeNameList('layer_names', names);
    for (const attribute of attributes) writer.root.setAttribute(attribute);
    writer.close();
    expect(attributes.length).toBe(parts);
    const file = await openHdf5(memorySource('names', sink.bytes()));
    expect(readNameList(file, '', 'layer_names')).toEqual(names);
    file.close();
  });

  test('a name longer than an attribute is refused', () => {
    expect(() => writeNameList('layer_names', ['a', 'x'.repeat(65_000)])).toThrow(/a name of 65000 bytes/);
  });
});

describe('what is refused', () => {
  const DENSE = {
    class_name: 'Sequential',
    config: {
      name: 'net',
      layers: [
        { class_name: 'InputLayer', config: { name: 'in', batch_input_shape: [null, 3] } },
        { class_name: 'Dense', config: { name: 'dense', units: 2, use_bias: true, activation: 'linear' } },
      ],
    },
  };

  async function model(
    fill: (root: GroupWriter, dense: GroupWriter) => Promise<void> | void,
  ): Promise<ByteSource> {
    const sink = new MemorySink('model.h5');
    const writer = new Hdf5Writer(sink);
    writer.root.setAttribute(stringAttribute('model_config', JSON.stringify(DENSE)));
    const weights = writer.root.group('model_weights');
    weights.setAttribute(stringListAttribute('layer_names', ['dense']));
    await fill(writer.root, weights.group('dense'));
    writer.close();
    return memorySource('model.h5', sink.bytes());
  }

  const kernel = Tensor.fromNumbers('float32', [3, 2], [1, 2, 3, 4, 5, 6]);

  test.each([
    ['a missing weight', { kernel }, /dense\/bias: missing in model\.h5/],
    [
      'a bias that the kernel does not fit',
      { kernel, bias: Tensor.fromNumbers('float32', [3], [1, 2, 3]) },
      /dense\/bias: 3 values, kernel \[3, 2\] needs 2/,
    ],
    [
      'a kernel that the configuration does not fit',
      { kernel: Tensor.fromNumbers('float32', [2, 3], [1, 2, 3, 4, 5, 6]), bias: kernel },
      /dense\/kernel: shape \[2, 3\], the configuration needs \[any, 2\]/,
    ],
  ])('%s', async (_, weights, message) => {
    const source = await model(async (_root, dense) => {
      const names = Object.keys(weights).map((name) => `dense/${name}:0`);
      dense.setAttribute(stringListAttribute('weight_names', names));
      for (const [name, tensor] of Object.entries(weights))
        await writeTensor(dense, `dense/${name}:0`, tensor);
    });
    await expect(readKerasH5(source)).rejects.toThrow(InvalidModelError);
    await expect(readKerasH5(source)).rejects.toThrow(message);
  });

  test('a weight that is text', async () => {
    const source = await model(async (_root, dense) => {
      dense.setAttribute(stringListAttribute('weight_names', ['kernel:0', 'bias:0']));
      await dense.dataset(
        'kernel:0',
        { type: { kind: 'variableString', padding: 'nullTerminated', charset: 'utf8' }, shape: [1] },
        { strings: [new TextEncoder().encode('text')] },
      );
    });
    await expect(readKerasH5(source)).rejects.toThrow(
      /kernel:0: a weight must hold numbers, found variableString/,
    );
  });

  test('a name without a dataset', async () => {
    const source = await model((_root, dense) =>
      dense.setAttribute(stringListAttribute('weight_names', ['kernel:0'])),
    );
    await expect(readKerasH5(source)).rejects.toThrow(/model_weights\/dense\/kernel:0: no dataset there/);
  });

  test('weights for layers that the configuration does not have', async () => {
    const source = await model(async (root, dense) => {
      dense.setAttribute(stringListAttribute('weight_names', []));
      const weights = root.group('model_weights');
      weights.setAttribute(stringListAttribute('layer_names', ['other']));
      const other = weights.group('other');
      other.setAttribute(stringListAttribute('weight_names', ['kernel']));
      await writeTensor(other, 'kernel', kernel);
    });
    await expect(readKerasH5(source)).rejects.toThrow(/^other: model\.h5 has weights for this layer/);
  });

  test.each(['keras2.weights.h5', 'keras3.weights.h5', 'keras2_old_name.h5'])(
    'weights without a model: %s',
    async (name) => {
      await expect(read(`refused/${name}`)).rejects.toThrow(UnsupportedModelError);
      await expect(read(`refused/${name}`)).rejects.toThrow(/model\.save\('model\.keras'\)/);
    },
  );

  test('an HDF5 file that is no model', async () => {
    const sink = new MemorySink('data.h5');
    const writer = new Hdf5Writer(sink);
    await writeTensor(writer.root, 'data', kernel);
    writer.close();
    const attempt = readKerasH5(memorySource('data.h5', sink.bytes()));
    await expect(attempt).rejects.toThrow(FormatError);
    await expect(attempt).rejects.toThrow(/not a Keras model/);
  });
});

test('links and unknown groups of a file are kept', async () => {
  const name = 'keras-2.0.5/functional.h5';
  const original = await openHdf5(memorySource(name, fixtureBytes(name)));
  const sink = new MemorySink('extended.h5');
  const writer = new Hdf5Writer(sink);
  await new Hdf5Copier(original, []).group('', writer.root);
  writer.root.setAttribute(stringAttribute('note', 'kept'));
  writer.root.softLink('alias', '/model_weights');
  await writeTensor(writer.root, 'statistics/mean', Tensor.fromNumbers('float64', [], [0.5]));
  await writeTensor(writer.root, 'model_weights/conv1/extra', Tensor.fromNumbers('int32', [1], [7]));
  writer.close();
  original.close();
  const source = memorySource('extended.h5', sink.bytes().slice());
  const model = await readKerasH5(source);
  expect(await comparable((await write(model)).source)).toEqual(await comparable(source));
  const folded = await write(foldedCopy(model));
  const file = await openHdf5(folded.source);
  expect(file.strings('', 'note')).toEqual(['kept']);
  expect(file.linkTarget('alias')).toBe('/model_weights');
  expect(file.dataset('statistics/mean').tensor().values()[0]).toBe(0.5);
  file.close();
  releaseModel(model);
});
