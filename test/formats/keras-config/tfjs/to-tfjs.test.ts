import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memoryFiles, readModel } from '../../../../src/formats/read.ts';
import { writeModelToMemory } from '../../../../src/formats/write.ts';
import type { Model } from '../../../../src/model/model.ts';
import { Tensor } from '../../../../src/tensor/tensor.ts';
import { buildModel, input, layer } from '../../../support/model-builder.ts';
import { loadLayersModel, predict, relativeError, saveLayersModel } from '../../tfjs-runtime.ts';

const root = join(import.meta.dirname, '../../../fixtures');

const read = (name: string): Promise<Model> =>
  readModel(new Uint8Array(readFileSync(join(root, name))), name);

const convert = (model: Model) => writeModelToMemory(model, { format: 'tfjs-layers' });

/** What TF.js makes of a fixture's inputs, against what its framework did. */
async function errorInTfjs(name: string, files: Map<string, Uint8Array>): Promise<number> {
  const expected = JSON.parse(readFileSync(join(root, `${name}.expected.json`), 'utf8'));
  return relativeError(predict(await loadLayersModel(files), expected.inputs), expected.outputs);
}

describe('models of Keras in TF.js', () => {
  const loadable = [
    'keras-2.0.5',
    'keras-3.0.5',
    'keras-3.5.0',
    'keras-3.15.1',
    'tfkeras-2.12',
    'tfkeras-2.15',
    'odd',
  ]
    .flatMap((folder) =>
      readdirSync(join(root, 'formats', folder)).map((name) => `formats/${folder}/${name}`),
    )
    .concat(readdirSync(join(root, 'convert')).map((name) => `convert/${name}`))
    .filter((name) => /\.(h5|keras)$/.test(name))
    // Those have layers that TF.js lacks and that no others compute: see below.
    .filter((name) => !/\/(custom|ops|renamed|rnn|slices|spotting)\./.test(name))
    // Those compute in half floats in Keras: see test/model/precision.test.ts.
    .filter((name) => !/keras-[\d.]+\/(mixed_)?float16\./.test(name));

  test.each(loadable)('%s', async (name) => {
    const { files, report } = await convert(await read(name));
    // float32 sums in another order.
    expect(await errorInTfjs(name, files)).toBeLessThan(2e-6);
    expect(
      report.warnings.filter(
        (warning) => !/ of float(16|64) |a class that is not of Keras|TF\.js ignores keepdims/.test(warning),
      ),
    ).toEqual([]);
  });

  test('a TimeDistributed in another, whose weights TF.js does not find, is told', async () => {
    const dense = { class_name: 'Dense', config: { name: 'dense', units: 2 } };
    const inner = { class_name: 'TimeDistributed', config: { name: 'inner', layer: dense } };
    const model = buildModel([input('x', [2, 3, 4]), layer('TimeDistributed', 'outer', { layer: inner })]);
    const { report } = await convert(model);
    expect(report.unsupported).toEqual([expect.objectContaining({ path: 'outer', opens: false })]);
  });

  test('layers of one name carry that of their model', async () => {
    const { files, report } = await convert(await read('convert/twins.keras'));
    expect(report.notes).toEqual([
      'TF.js knows weights by the name of the layer alone, so layers of nested models with the same name were renamed in ' +
        'the file: e1/c1 is e1_c1, e2/c1 is e2_c1, e1/c2 is e1_c2, e2/c2 is e2_c2',
    ]);
    const again = await readModel(memoryFiles(files, 'model.json'));
    expect([...again.allLayers()].map(({ path }) => path)).toEqual(
      expect.arrayContaining(['e1/e1_c1', 'e1/e1_c2', 'e2/e2_c1', 'e2/e2_c2']),
    );
  });

  test('4 MiB shards', async () => {
    const model = await read('formats/tfkeras-2.15/functional.h5');
    const kernel = model.layer('pw3').requireWeight('kernel');
    const before = await convert(model);
    expect([...before.files.keys()]).toEqual(['model.json', 'group1-shard1of1.bin']);
    model.layer('pw3').weights.set('extra', Tensor.of('float32', [3 << 20], new Float32Array(3 << 20)));
    const { files } = await convert(model);
    expect([...files].map(([path, bytes]) => (path === 'model.json' ? path : [path, bytes.length]))).toEqual([
      'model.json',
      ['group1-shard1of4.bin', 4 << 20],
      ['group1-shard2of4.bin', 4 << 20],
      ['group1-shard3of4.bin', 4 << 20],
      ['group1-shard4of4.bin', before.files.get('group1-shard1of1.bin')!.length],
    ]);
    expect(kernel.dtype).toBe('float32');
  });
});

describe('what TF.js cannot', () => {
  test.each<[string, RegExp[]]>([
    ['formats/keras-3.15.1/custom.keras', [/^scale_shift \(fixtures>ScaleShift\)/, /^lambda \(Lambda\)/]],
    [
      'convert/spotting.keras',
      [
        /^gru \(GRU\): reset_after = true: TF\.js does not load this$/,
        /^unit \(UnitNormalization\): .*has no class/,
      ],
    ],
    ['formats/tfkeras-2.15/rnn.h5', [/^bigru \(GRU\): reset_after = true: TF\.js does not load this$/]],
  ])('is written and reported: %s', async (name, warnings) => {
    const { files, report } = await convert(await read(name));
    expect(report.warnings).toEqual(warnings.map((warning) => expect.stringMatching(warning)));
    await expect(loadLayersModel(files)).rejects.toThrow();
    // Nothing is lost for a page that registers the class.
    const again = await readModel(memoryFiles(files, 'model.json'));
    expect(again.parameterCount).toBe((await read(name)).parameterCount);
  });

  test('is refused where a gate has a name that Keras 2 has for another function', async () => {
    const model = buildModel([
      input('x', [3, 2]),
      layer('LSTM', 'lstm', { units: 2, recurrent_activation: 'hard_sigmoid' }),
    ]);
    model.dialect = 'keras3';
    await expect(convert(model)).rejects.toThrow(/lstm: hard_sigmoid is .* in Keras 3 and .* in Keras 2/);
  });

  test('is refused where a whole number does not fit', async () => {
    const model = await read('formats/tfkeras-2.15/functional.h5');
    model.layer('pw3').weights.set('extra', Tensor.of('int64', [2], BigInt64Array.of(1n, 2n ** 31n)));
    await expect(convert(model)).rejects.toThrow(/pw3\/extra: the value 2147483648 does not fit int32/);
  });
});

test.each(['functional', 'sequential_trained', 'nested'])('%s as TF.js itself saves it', async (name) => {
  const folder = join(root, 'formats/tfjs', name);
  const files = new Map(
    readdirSync(folder).map((file) => [file, new Uint8Array(readFileSync(join(folder, file)))]),
  );
  // TF.js loads no SeparableConv2D as the converter writes it, but does as we do.
  const theirs = await loadLayersModel(
    (await writeModelToMemory(await readModel(memoryFiles(files, 'model.json')))).files,
  );
  const saved = await saveLayersModel(theirs);
  const model = await readModel(memoryFiles(saved, 'model.json'));
  const { files: written, report } = await writeModelToMemory(model);
  expect(report).toEqual({ dropped: [], warnings: [] });
  expect(JSON.parse(new TextDecoder().decode(written.get('model.json')))).toEqual(
    JSON.parse(new TextDecoder().decode(saved.get('model.json'))),
  );
  expect(written.get('weights.bin')).toEqual(saved.get('weights.bin'));
  expect(await errorInTfjs(`formats/tfjs/${name}`, written)).toBeLessThan(2e-6);
  const keras = await readModel(
    (await writeModelToMemory(model, { format: 'keras-v3' })).files.get('model.keras')!,
  );
  expect(keras.parameterCount).toBe(model.parameterCount);
});
