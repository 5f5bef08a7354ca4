import { describe, expect, test } from 'vitest';
import { FormatError, InvalidModelError, UnsupportedModelError } from '../../src/errors.ts';
import { type ByteSource, MemorySink, memorySource, readAll } from '../../src/formats/bytes.ts';
import type { WriteReport } from '../../src/formats/format.ts';
import { openHdf5 } from '../../src/formats/hdf5/file.ts';
import { layerPlaces, snakeCase } from '../../src/formats/keras-v3/layer-paths.ts';
import { kerasV3Origin } from '../../src/formats/keras-v3/origin.ts';
import { readKerasV3 } from '../../src/formats/keras-v3/read.ts';
import { writeKerasV3 } from '../../src/formats/keras-v3/write.ts';
import { readModel } from '../../src/formats/read.ts';
import { releaseModel } from '../../src/formats/release.ts';
import { openZip } from '../../src/formats/zip/read.ts';
import { createZip, type ZipOutput } from '../../src/formats/zip/write.ts';
import { Layer } from '../../src/model/layer.ts';
import { Model } from '../../src/model/model.ts';
import { foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
import { expectFrameworkWeights, fixtureBytes, formatFixtures } from '../support/format-fixtures.ts';
import { treeOf } from '../support/hdf5-tree.ts';

const FIXTURES = formatFixtures('.keras').filter((name) => !name.endsWith('.hdf5.keras'));

const source = (name: string): ByteSource => memorySource(name, fixtureBytes(name));
const readZip = async (file: ByteSource): Promise<Model> => readKerasV3(file, await openZip(file));
const read = (name: string): Promise<Model> => readZip(source(name));

async function write(model: Model): Promise<{ source: ByteSource; report: WriteReport }> {
  const main = new MemorySink('written.keras');
  const unused = (): never => {
    throw new Error('one file is enough');
  };
  const report = await writeKerasV3(model, {
    main,
    create: unused,
    scratch: () => new MemorySink('scratch'),
  });
  return { source: memorySource('written.keras', main.bytes().slice()), report };
}

function foldedCopy(model: Model): Model {
  const copy = model.clone();
  foldAllBatchNorms(copy);
  return copy;
}

/** All entries of a `.keras` file: the weights as a tree, others as bytes. */
async function contents(file: ByteSource): Promise<unknown> {
  const entries: [string, unknown][] = [];
  for (const [name, member] of await openZip(file)) {
    const { crc32, rawLastModDate, externalFileAttributes, compressionMethod } = member.entry;
    const kept = { rawLastModDate, externalFileAttributes };
    if (name === 'model.weights.h5') entries.push([name, { tree: await weightsTree(file), ...kept }]);
    else entries.push([name, { crc32, size: member.size, compressionMethod, ...kept }]);
  }
  return entries;
}

async function weightsTree(file: ByteSource): Promise<Record<string, string>> {
  const member = (await openZip(file)).get('model.weights.h5');
  if (!member) throw new TypeError('no weights');
  const weights = await openHdf5(await member.open());
  const tree = treeOf(weights);
  weights.close();
  return tree;
}

describe.each(FIXTURES)('%s', (name) => {
  test('has the weights that the framework has', async () => {
    const model = await read(name);
    expectFrameworkWeights(model, name);
    releaseModel(model);
  });

  test('is written as it was read', async () => {
    const model = await read(name);
    const written = await write(model.clone());
    expect(written.report.dropped).toEqual([]);
    expect(await contents(written.source)).toEqual(await contents(source(name)));
    releaseModel(model);
  });

  test('is written with its batch norms folded, the layers behind them in their new places', async () => {
    const model = await read(name);
    const folded = foldedCopy(model);
    const { source: file } = await write(folded);
    const again = await readZip(file);
    expect(kerasV3Origin(again)?.scheme).toBe(kerasV3Origin(model)?.scheme);
    const left = [...folded.allLayers()];
    expect([...again.allLayers()].map(({ path }) => path)).toEqual(left.map(({ path }) => path));
    for (const { layer, path } of left) {
      expect([...again.layer(path).weights.keys()], path).toEqual([...layer.weights.keys()]);
      for (const [weight, tensor] of layer.weights) {
        expect(again.layer(path).weights.get(weight)?.values(), path).toEqual(tensor.values());
      }
    }
    releaseModel(model);
    releaseModel(again);
  });
});

describe('naming schemes', () => {
  const layer = (name: string, className: string, model?: Model): Layer =>
    new Layer({ name, className, operation: { kind: 'opaque' }, model });
  const model = (kind: 'functional' | 'sequential', layers: Layer[]): Model =>
    new Model({ name: 'm', kind, layers, calls: [], inputs: [], outputs: [] });
  const inner = model('sequential', [layer('c', 'Conv2D'), layer('d', 'Conv2D')]);
  const whole = model('functional', [
    layer('a', 'Conv2D'),
    layer('r', 'ReLU'),
    layer('b', 'Conv2D'),
    layer('s', 'ReLU'),
    layer('n', 'Sequential', inner),
  ]);
  const groups = (scheme: Parameters<typeof layerPlaces>[1]): string[] =>
    layerPlaces(whole, scheme, ({ className }) => className !== 'ReLU').map(({ group }) => group);

  test('layers of Keras 2.15 and 3', () => {
    const nested = [
      'layers/sequential',
      'layers/sequential/layers/conv2d',
      'layers/sequential/layers/conv2d_1',
    ];
    expect(groups('layers')).toEqual([
      'layers/conv2d',
      'layers/re_lu',
      'layers/conv2d_1',
      'layers/re_lu_1',
      ...nested,
    ]);
  });

  test('dependencies of Keras 2.12 count layers with weights twice', () => {
    const root = '_layer_checkpoint_dependencies';
    expect(groups('dependencies-twice')).toEqual([
      `${root}/conv2d`,
      `${root}/re_lu`,
      `${root}/conv2d_2`,
      `${root}/re_lu_1`,
      `${root}/sequential`,
      `${root}/sequential/${root}/conv2d`,
      `${root}/sequential/${root}/conv2d_2`,
    ]);
  });

  test('dependencies of Keras 2.14 count them once', () => {
    expect(groups('dependencies')[2]).toBe('_layer_checkpoint_dependencies/conv2d_1');
  });

  test.each([
    ['Conv2D', 'conv2d'],
    ['BatchNormalization', 'batch_normalization'],
    ['ReLU', 're_lu'],
    ['PReLU', 'p_re_lu'],
    ['TFOpLambda', 'tf_op_lambda'],
    ['LSTM', 'lstm'],
    ['GlobalAveragePooling2D', 'global_average_pooling2d'],
    ['Conv2DTranspose', 'conv2d_transpose'],
  ])('%s is %s', (className, expected) => expect(snakeCase(className)).toBe(expected));
});

describe('edits', () => {
  test('the optimizer stays where no weight changed, and goes with a word where one did', async () => {
    for (const name of ['tfkeras-2.15/sequential_trained.keras', 'keras-3.5.0/sequential_trained.keras']) {
      const model = await read(name);
      const { source: file, report } = await write(foldedCopy(model));
      expect(report.dropped).toEqual([
        expect.stringMatching(/^optimizer state: it belongs to the weights before/),
      ]);
      const paths = Object.keys(await weightsTree(file));
      expect(paths.filter((path) => path.startsWith('optimizer'))).toEqual([]);
      releaseModel(model);
    }
  });

  test('files that are not the model are kept byte for byte', async () => {
    const name = 'odd/extra_entries.keras';
    const model = await read(name);
    const { source: file } = await write(foldedCopy(model));
    const [before, after] = [await openZip(source(name)), await openZip(file)];
    expect([...after.keys()]).toEqual([...before.keys()]);
    for (const entry of ['metadata.json', 'assets/vocab.txt', 'notes.txt']) {
      const bytes = async (zip: typeof before): Promise<Uint8Array> =>
        readAll((await zip.get(entry)?.open()) as ByteSource);
      expect(await bytes(after)).toEqual(await bytes(before));
    }
    releaseModel(model);
  });

  test('the same model gives the same bytes', async () => {
    const model = await read('keras-3.15.1/nested.keras');
    const bytes = async (): Promise<Uint8Array> => readAll((await write(foldedCopy(model))).source);
    expect(await bytes()).toEqual(await bytes());
    releaseModel(model);
  });
});

describe('models of other formats', () => {
  test.each([...formatFixtures('.h5')])('%s has the same weights as a .keras file', async (name) => {
    const model = await readModel(fixtureBytes(name), name);
    let written: Awaited<ReturnType<typeof write>>;
    try {
      written = await write(model);
    } catch (error) {
      // Layers and operators with code of their own cannot be brought into another format.
      expect(error).toBeInstanceOf(UnsupportedModelError);
      expect(name).toMatch(/custom|ops|slices/);
      return;
    }
    const again = await readZip(written.source);
    for (const { layer, path } of model.allLayers()) {
      // One without weights may have another name there.
      if (layer.weights.size === 0) continue;
      const tensors = [...again.layer(path).weights.values()];
      expect(
        tensors.map((tensor) => tensor.values()),
        path,
      ).toEqual([...layer.weights.values()].map((tensor) => tensor.values()));
    }
    releaseModel(model);
    releaseModel(again);
  });

  test('what the other format has no place for is reported', async () => {
    const name = 'tfkeras-2.15/sequential_trained.h5';
    const { report } = await write(await readModel(fixtureBytes(name), name));
    expect(report.dropped).toEqual([
      expect.stringMatching(/^training_config/),
      expect.stringMatching(/^optimizer state/),
    ]);
  });
});

describe('what is refused', () => {
  async function rewritten(
    name: string,
    change: (zip: ZipOutput, entry: string) => Promise<boolean>,
  ): Promise<ByteSource> {
    const sink = new MemorySink('changed.keras');
    const zip = await createZip(sink);
    for (const [entry, member] of await openZip(source(name)))
      if (!(await change(zip, entry))) await zip.copy(member);
    await zip.close();
    return memorySource('changed.keras', sink.bytes());
  }
  const NAME = 'keras-3.15.1/sequential.keras';
  const text = (value: string): ByteSource => memorySource('', new TextEncoder().encode(value));

  test('a zip file without a configuration', async () => {
    const file = await rewritten(NAME, async (_, entry) => entry === 'config.json');
    await expect(readZip(file)).rejects.toThrow(/config\.json: a zip file, but not a Keras model/);
  });

  test('weights of a model on one of the levels that it is used on, as Keras 3 leaves them', async () => {
    const bytes = fixtureBytes('refused/shared_levels.keras');
    await expect(readModel(bytes, 'shared_levels.keras')).rejects.toThrow(
      /^inner: the model is used on several levels, .*; save the model as \.h5/,
    );
  });

  test('a model without weights, or with them in another form', async () => {
    const none = await rewritten(NAME, async (_, entry) => entry === 'model.weights.h5');
    await expect(readZip(none)).rejects.toThrow(/model\.weights\.h5: the weights are missing/);
    const npz = await rewritten(NAME, async (zip, entry) => {
      if (entry === 'model.weights.h5') await zip.add('model.weights.npz', text('{}'));
      return entry === 'model.weights.h5';
    });
    await expect(readZip(npz)).rejects.toThrow(UnsupportedModelError);
  });

  test('a configuration that is no JSON', async () => {
    const file = await rewritten(NAME, async (zip, entry) => {
      if (entry === 'config.json') await zip.add(entry, text('{'));
      return entry === 'config.json';
    });
    await expect(readZip(file)).rejects.toThrow(FormatError);
  });

  test('weights of another model', async () => {
    const other = (await openZip(source('keras-3.15.1/functional.keras'))).get('model.weights.h5');
    const file = await rewritten(NAME, async (zip, entry) => {
      if (entry === 'model.weights.h5' && other) await zip.copy(other);
      return entry === 'model.weights.h5';
    });
    await expect(readZip(file)).rejects.toThrow(InvalidModelError);
  });

  test('a layer whose order of weights is not known, in another format', async () => {
    const model = await readModel(fixtureBytes('tfkeras-2.15/custom.h5'), 'custom.h5');
    await expect(write(model)).rejects.toThrow(
      /scale_shift: the order of the 2 weights of a .*ScaleShift is not known/,
    );
    releaseModel(model);
  });

  test('a file that is cut off anywhere', async () => {
    const whole = fixtureBytes('tfkeras-2.15/functional.keras');
    for (let length = 0; length < whole.length; length += 1499) {
      await expect(readZip(memorySource('cut', whole.subarray(0, length)))).rejects.toThrow(FormatError);
    }
  });
});
