import { deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type CrosslayerError, FormatError, InvalidModelError } from '../../src/errors.ts';
import type { ModelFormat } from '../../src/formats/format.ts';
import { releaseModel } from '../../src/formats/release.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import type { JsonObject, JsonValue } from '../../src/json/value.ts';
import type { WeightName } from '../../src/model/layer-weights.ts';
import type { Model } from '../../src/model/model.ts';
import { referencePasses, type Step, type StepRecord } from '../../src/primitives/equalize-model.ts';
import { allIn, runPasses } from '../../src/primitives/pass.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { type Files, fixtureFiles, mainBytes, readFiles, withConfiguration } from './model-files.ts';
import { pack, unpack, withEntry, type ZipPart } from './zip-parts.ts';

/** The same functional model in each format, with the way in which each says which layers a layer reads. */
const MODELS = [
  ['Keras 2 .h5', 'formats/tfkeras-2.15/functional.h5'],
  ['Keras 3 .h5', 'formats/keras-3.15.1/functional.h5'],
  ['.keras of Keras 2', 'formats/tfkeras-2.15/functional.keras'],
  ['.keras of Keras 3', 'formats/keras-3.15.1/functional.keras'],
  ['TF.js', 'formats/tfjs/functional'],
] as const;

/** What reading the files, or running the steps on them, ends in. */
async function errorOf(files: Files, steps: readonly Step[] = []): Promise<CrosslayerError> {
  try {
    await runPasses(await readFiles(files), referencePasses(steps));
  } catch (error) {
    return error as CrosslayerError;
  }
  throw new Error('it was read');
}

type Entry = { name: string; class_name: string; config: JsonObject; inbound_nodes: JsonValue[] };

/** The entries of the layers, wherever the format has them. */
function entriesOf(document: JsonObject): Entry[] {
  const topology = (document['modelTopology'] ?? document) as JsonObject;
  const model = (topology['model_config'] ?? topology) as { config: { layers: Entry[] } };
  return model.config.layers;
}

/** A model with the entry of one of its layers edited. */
function withLayer(fixture: string, layer: string, edit: (entry: Entry) => void): Promise<Files> {
  return withConfiguration(fixtureFiles(fixture), (document) => {
    edit(entriesOf(document).find(({ name, config }) => (name ?? config['name']) === layer)!);
  });
}

/** `entry` reads `layer` instead of what it read. */
function redirect(entry: Entry, layer: string): void {
  const text = JSON.stringify(entry.inbound_nodes);
  const [, read] = /\["(\w+)",\s*0,\s*0/.exec(text)!;
  entry.inbound_nodes = JSON.parse(text.replaceAll(`["${read}",`, `["${layer}",`)) as JsonValue[];
}

describe.each(MODELS)('configurations that contradict the weights or themselves: %s', (_, fixture) => {
  test('wrong shapes: the weight, its shape, the shape that is needed', async () => {
    const kernel = await errorOf(
      await withLayer(fixture, 'pw3', ({ config }) => Object.assign(config, { filters: 7 })),
    );
    expect(kernel).toBeInstanceOf(InvalidModelError);
    expect(kernel.message).toBe(
      'pw3/kernel: shape [1, 1, 4, 4], the configuration needs [1, 1, any, 7]; the configuration and the weights ' +
        'are not of the same model: save it again',
    );
    const size = await errorOf(
      await withLayer(fixture, 'probs', ({ config }) => Object.assign(config, { units: 6 })),
    );
    expect(size.message).toMatch(/^probs\/kernel: shape \[6, 5\], the configuration needs \[any, 6\]; /);
  });

  test('sizes that nothing could hold are compared, not allocated', async () => {
    const files = await withLayer(fixture, 'pw3', ({ config }) => {
      config['filters'] = 1e15;
      config['kernel_size'] = [1e15, 1e15];
    });
    const error = await errorOf(files);
    expect(error).toBeInstanceOf(InvalidModelError);
    expect(error.message).toMatch(/needs \[1000000000000000, 1000000000000000, any, 1000000000000000\]/);
  });

  test('missing weights: the weight and the file', async () => {
    const files = await withLayer(fixture, 'conv1', ({ config }) =>
      Object.assign(config, { use_bias: true }),
    );
    const error = await errorOf(files);
    expect(error).toBeInstanceOf(InvalidModelError);
    expect(error.message).toMatch(
      /^conv1(\/bias: missing in functional\..*|: model\.json has no weight conv1\/bias)/,
    );
    expect(error.message).toMatch(/save it again|convert the model again/);
  });

  test('two layers of one name', async () => {
    const files = await withConfiguration(fixtureFiles(fixture), (document) => {
      const entries = entriesOf(document);
      entries.push(structuredClone(entries.find(({ class_name }) => class_name === 'Add')!));
    });
    const error = await errorOf(files);
    expect(error).toBeInstanceOf(InvalidModelError);
    expect(error).toMatchObject({ layer: 'add' });
    expect(error.message).toMatch(
      /^add: two layers of .* have this name; rename one and save the model again$/,
    );
  });

  test('a cycle: the layers on it', async () => {
    const error = await errorOf(await withLayer(fixture, 'dw2', (entry) => redirect(entry, 'bn3')));
    expect(error).toBeInstanceOf(InvalidModelError);
    expect(error.message).toMatch(/: reads its own output through (\w+, ){4}\w+; a model has no cycles/);
    for (const layer of ['dw2', 'bn2', 'act2', 'pw3', 'bn3']) expect(error.message).toContain(layer);
    expect(error.message).toMatch(/save the model again$/);
  });

  test('a reference to no layer: the reader and the reference', async () => {
    const error = await errorOf(await withLayer(fixture, 'dw2', (entry) => redirect(entry, 'gone')));
    expect(error).toBeInstanceOf(InvalidModelError);
    expect(error).toMatchObject({ layer: 'dw2' });
    expect(error.message).toMatch(
      /^dw2: reads \["gone", 0, 0\], which is no layer of the model; .* save the model again$/,
    );
  });

  test('a reference to a call that is not there: how many there are', async () => {
    const files = await withLayer(fixture, 'dw2', (entry) => {
      const text = JSON.stringify(entry.inbound_nodes);
      entry.inbound_nodes = JSON.parse(text.replace('["relu1",0,0', '["relu1",3,0')) as JsonValue[];
    });
    expect((await errorOf(files)).message).toMatch(
      /^dw2: reads \["relu1", 3, 0\], which does not exist: relu1 has 1 calls; /,
    );
  });

  test('a reference to an output that is not there', async () => {
    const files = await withLayer(fixture, 'dw2', (entry) => {
      const text = JSON.stringify(entry.inbound_nodes);
      entry.inbound_nodes = JSON.parse(text.replace('["relu1",0,0', '["relu1",0,1')) as JsonValue[];
    });
    expect((await errorOf(files)).message).toMatch(
      /^dw2: reads \["relu1", 0, 1\], which does not exist: relu1 has 1 outputs; /,
    );
  });

  test('a call that reads nothing', async () => {
    const files = await withLayer(fixture, 'dw2', (entry) => Object.assign(entry, { inbound_nodes: [[]] }));
    const error = await errorOf(files);
    expect(error).toBeInstanceOf(InvalidModelError);
    expect(error.message).toMatch(
      /^dw2: reads nothing: its inbound_nodes name no tensor; .* save the model again$/,
    );
  });

  test('an epsilon below zero', async () => {
    const error = await errorOf(
      await withLayer(fixture, 'bn2', ({ config }) => Object.assign(config, { epsilon: -1 })),
    );
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(/bn2\.epsilon: expected a number of at least 0, found -1$/);
  });
});

test('groups that do not match what the layer before writes are found when the layers are to be scaled', async () => {
  const files = await withLayer('golden/conv_bn_relu_chain/input.h5', 'conv1', ({ config }) => {
    config['groups'] = 2;
  });
  const error = await errorOf(files, ['fold', 'scale']);
  expect(error).toBeInstanceOf(InvalidModelError);
  expect(error.message).toMatch(
    /^conv1: its weights read 16 channels, but conv0 writes 8; .* save it again$/,
  );
});

const CHAIN = 'golden/dw_pw_relu/input.h5';
const FORMATS: readonly ModelFormat[] = ['keras-h5', 'keras-v3', 'tfjs-layers'];

/** The model of the chain conv0, dw0, pw0, dw1, pw1 with a value put into a weight, read from a file of that format. */
async function chainWith(
  format: ModelFormat,
  layer: string,
  weight: WeightName,
  index: number,
  value: number,
): Promise<Model> {
  const model = await readFiles(fixtureFiles(CHAIN));
  const tensor = model.layer(layer).requireWeight(weight);
  const values = Float32Array.from(tensor.values() as Float32Array);
  values[index] = value;
  model.layer(layer).setWeight(weight, Tensor.of('float32', tensor.shape, values));
  const { files } = await writeModelToMemory(model, { format });
  releaseModel(model);
  return readFiles(files);
}

/** All bits of the weights of a layer. */
const bitsOf = (model: Model, layer: string): unknown =>
  [...model.layer(layer).weights].map(([name, tensor]) => {
    const { buffer, byteOffset, byteLength } = tensor.values();
    return [name, Buffer.from(buffer, byteOffset, byteLength).toString('hex')];
  });

const foldedNames = (records: readonly StepRecord[]): string[] =>
  allIn(records, 'folded')
    .map(({ batchNorm }) => batchNorm)
    .sort();
const scaledNames = (records: readonly StepRecord[]): (readonly string[])[] =>
  allIn(records, 'clsSets').map(({ layers }) => layers);
const messagesOf = (records: readonly StepRecord[], step: Step): string[] =>
  allIn(
    records.filter(({ pass }) => pass === step),
    'left',
  ).map(({ message }) => message);

describe.each(FORMATS)('weights that are no numbers, in %s', (format) => {
  test.each([
    ['NaN', Number.NaN],
    ['Inf', Number.POSITIVE_INFINITY],
    ['-Inf', Number.NEGATIVE_INFINITY],
  ])(
    '%s in a kernel: the layer and all that would be scaled with it stay, the rest is folded and scaled',
    async (_, value) => {
      // dw0 is [3, 3, 8, 1]: the third channel of the second position.
      const model = await chainWith(format, 'dw0', 'depthwiseKernel', 10, value);
      const asRead = bitsOf(model, 'dw0');
      const folded = model.clone();
      await runPasses(folded, referencePasses(['fold']));
      const record = await runPasses(model, referencePasses(['fold', 'scale', 'bias']));
      expect(messagesOf(record, 'fold')).toEqual([
        'bn_dw0 is left alone: NaN or Inf in dw0/depthwiseKernel, output channel 2',
      ]);
      expect(messagesOf(record, 'scale')).toEqual(
        expect.arrayContaining(['dw0 is left alone: NaN or Inf in dw0/depthwiseKernel, output channel 2']),
      );
      expect(bitsOf(model, 'dw0')).toEqual(asRead);
      expect(bitsOf(model, 'conv0')).toEqual(bitsOf(folded, 'conv0'));
      expect(foldedNames(record)).toEqual(['bn0', 'bn_dw1', 'bn_pw0', 'bn_pw1']);
      expect(scaledNames(record)).toEqual([['pw0', 'dw1', 'pw1']]);
      for (const layer of ['pw0', 'dw1', 'pw1']) {
        expect(bitsOf(model, layer), layer).not.toEqual(bitsOf(folded, layer));
      }
    },
  );

  test.each([
    ['gamma', Number.NaN],
    ['beta', Number.POSITIVE_INFINITY],
    ['movingMean', Number.NEGATIVE_INFINITY],
    ['movingVariance', Number.NaN],
    ['movingVariance', Number.POSITIVE_INFINITY],
  ] as const)(
    '%s of a batch norm is %d: it stays, nothing is scaled across it, the rest is',
    async (weight, value) => {
      const model = await chainWith(format, 'bn_dw0', weight, 5, value);
      const statistics = bitsOf(model, 'bn_dw0');
      const kernel = bitsOf(model, 'dw0');
      const folded = model.clone();
      await runPasses(folded, referencePasses(['fold']));
      const record = await runPasses(model, referencePasses(['fold', 'scale', 'bias']));
      expect(messagesOf(record, 'fold')).toEqual([
        `bn_dw0 is left alone: NaN or Inf in bn_dw0/${weight}, channel 5`,
      ]);
      expect(bitsOf(model, 'bn_dw0')).toEqual(statistics);
      expect(bitsOf(folded, 'dw0')).toEqual(kernel);
      expect(foldedNames(record)).toEqual(['bn0', 'bn_dw1', 'bn_pw0', 'bn_pw1']);
      // conv0 and dw0 stand before the batch norm that stays: they are scaled as a pair, which crosses nothing.
      expect(scaledNames(record)).toEqual([
        ['conv0', 'dw0'],
        ['pw0', 'dw1', 'pw1'],
      ]);
    },
  );

  test('a negative variance: the channel and the value; the batch norm and its layer stay', async () => {
    const model = await chainWith(format, 'bn_pw0', 'movingVariance', 3, -0.25);
    const statistics = bitsOf(model, 'bn_pw0');
    const kernel = bitsOf(model, 'pw0');
    const record = await runPasses(model, referencePasses(['fold']));
    expect(messagesOf(record, 'fold')).toEqual([
      'bn_pw0 is left alone: the moving variance of channel 3 is -0.25',
    ]);
    expect(bitsOf(model, 'bn_pw0')).toEqual(statistics);
    expect(bitsOf(model, 'pw0')).toEqual(kernel);
    expect(foldedNames(record)).toEqual(['bn0', 'bn_dw0', 'bn_dw1', 'bn_pw1']);
  });

  test('NaN stays where it was when the model is written', async () => {
    const model = await chainWith(format, 'dw0', 'depthwiseKernel', 10, Number.NaN);
    await runPasses(model, referencePasses(['fold', 'scale', 'bias']));
    const { files } = await writeModelToMemory(model);
    const again = await readFiles(files);
    expect(bitsOf(again, 'dw0')).toEqual(bitsOf(model, 'dw0'));
    const notFinite = [...again.allLayers()].flatMap(({ layer }) =>
      [...layer.weights.values()].flatMap(
        (tensor) => tensor.toFloat64().filter((value) => !Number.isFinite(value)).length,
      ),
    );
    expect(notFinite.reduce((sum, count) => sum + count, 0)).toBe(1);
  });
});

describe('zip files', () => {
  const ZIP = fixtureFiles('formats/keras-3.15.1/functional.keras');
  const parts = unpack(mainBytes(ZIP));
  const error = (bytes: Uint8Array): Promise<CrosslayerError> => errorOf(new Map([['model.keras', bytes]]));
  const edited = (name: string, edit: (part: ZipPart) => ZipPart): Uint8Array =>
    pack(parts.map((part) => (part.name === name ? edit(part) : part)));

  test('our own packing is read', async () => {
    expect((await readFiles(new Map([['model.keras', pack(parts)]]))).layers.length).toBeGreaterThan(10);
  });

  test.each([1e6, 0xfffffffe])(
    'an entry that claims %i bytes, more than the file has',
    async (storedSize) => {
      for (const name of ['config.json', 'model.weights.h5']) {
        const found = await error(edited(name, (part) => ({ ...part, storedSize })));
        expect(found).toBeInstanceOf(FormatError);
        expect(found.message).toMatch(`model.keras: ${name}: claims ${storedSize} bytes at offset `);
        expect(found.message).toMatch(/but the file ends at 71912: it is cut off or damaged, get it again$/);
      }
    },
  );

  test('an entry that claims to come out larger than it is stored', async () => {
    const found = await error(edited('model.weights.h5', (part) => ({ ...part, size: 0xfffffffe })));
    expect(found).toBeInstanceOf(FormatError);
    expect(found.message).toMatch(
      /^model\.keras: model\.weights\.h5: declares 4294967294 bytes, but 54732 are stored/,
    );
  });

  test('an entry that inflates to more than it declares takes no more memory than it declares', async () => {
    const bomb = deflateRawSync(new Uint8Array(2 ** 28));
    const bytes = pack(parts.map((part) => (part.name === 'config.json' ? { ...part, bytes: bomb } : part)));
    const buffer = Buffer.from(bytes.buffer);
    // Method 8 in the entry's local header and in the directory, and a size that deflate could reach.
    for (const [signature, method, size] of [
      ['PK\x03\x04', 8, 22],
      ['PK\x01\x02', 10, 24],
    ] as const) {
      for (
        let at = buffer.indexOf(signature, 0, 'latin1');
        at !== -1;
        at = buffer.indexOf(signature, at + 1, 'latin1')
      ) {
        const name = buffer.toString('latin1', at + (method === 8 ? 30 : 46)).slice(0, 11);
        if (name !== 'config.json') continue;
        buffer.writeUInt16LE(8, at + method);
        buffer.writeUInt32LE(1000, at + size);
      }
    }
    const before = process.memoryUsage.rss();
    const found = await error(bytes);
    expect(found).toBeInstanceOf(FormatError);
    expect(found.message).toMatch(/^model\.keras: config\.json: /);
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 27);
  });

  test.each(['../config.json', 'a/../../b', '/etc/passwd', 'C:\\x'])('the name %s', async (name) => {
    const found = await error(pack([...parts, { name, bytes: new Uint8Array(1) }]));
    expect(found).toBeInstanceOf(FormatError);
    expect(found).toMatchObject({ source: 'model.keras', where: name });
    expect(found.message).toMatch(
      /not safe to unpack; Keras and numpy write no such names: get the file from where it was made$/,
    );
  });

  test('a configuration that is no JSON', async () => {
    const broken = withEntry(mainBytes(ZIP), 'config.json', () => new TextEncoder().encode('{"module": '));
    const found = await error(broken);
    expect(found).toBeInstanceOf(FormatError);
    expect(found.message).toMatch(/^model\.keras: config\.json: not valid JSON: /);
  });
});
