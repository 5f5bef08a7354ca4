/**
 * Damage, and odd but sound models, that once ended in something else than a CrosslayerError or took more than they
 * may, as small as they get.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { FormatError, InvalidModelError, LimitError, UnsupportedModelError } from '../../src/errors.ts';
import { MemorySink, memorySource } from '../../src/formats/bytes.ts';
import { stringAttribute } from '../../src/formats/hdf5/attribute.ts';
import { Hdf5Copier } from '../../src/formats/hdf5/copy.ts';
import { openHdf5 } from '../../src/formats/hdf5/file.ts';
import { Hdf5Writer } from '../../src/formats/hdf5/writer.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import type { JsonObject, JsonValue } from '../../src/json/value.ts';
import { buildGraph } from '../../src/model/graph.ts';
import type { Model } from '../../src/model/model.ts';
import { referencePasses } from '../../src/primitives/equalize-model.ts';
import { allIn, runPasses } from '../../src/primitives/pass.ts';
import { seededRandom } from '../support/random.ts';
import { wholeJob } from './campaign.ts';
import { withDoubledGroups } from './hostile.ts';
import { fixtureFiles, mainBytes, mainName, readFiles, withConfiguration, withFile } from './model-files.ts';

type Entry = { name: string; config: JsonObject; inbound_nodes: JsonValue[] };

const entriesOf = (document: JsonObject): Entry[] => (document['config'] as { layers: Entry[] }).layers;

test('a string that declares 2 GB costs no memory', async () => {
  const files = fixtureFiles('formats/keras-3.15.1/functional.h5');
  const bytes = Uint8Array.from(mainBytes(files));
  // The highest byte of the length of one of the layer_names.
  bytes[17187] = 0x7f;
  const before = process.memoryUsage.rss();
  await expect(readFiles(withFile(files, mainName(files), bytes))).rejects.toThrow(FormatError);
  expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 28);
  // Nor does it harm the library.
  expect(await wholeJob(files)).toBe('done');
});

test('a dataset without compression that declares more than its file holds is refused', async () => {
  const sink = new MemorySink('large.h5');
  const writer = new Hdf5Writer(sink);
  const spec = {
    type: { kind: 'float', size: 4 },
    shape: [2 ** 20],
    maxShape: [undefined],
    chunks: [4],
  } as const;
  await writer.root.dataset('never-written', { ...spec, shape: [0] }, []);
  writer.close();
  const bytes = sink.bytes();
  const shape = new DataView(bytes.buffer, bytes.byteOffset);
  // The only extent of no elements and of no limit; what is in front of it is the head of the file.
  for (let at = 96; at + 16 <= bytes.length; at += 8) {
    const isExtent =
      shape.getBigUint64(at, true) === 0n && shape.getBigUint64(at + 8, true) === 2n ** 64n - 1n;
    if (isExtent) shape.setBigUint64(at, 2n ** 20n, true);
  }
  const file = await openHdf5(memorySource('large.h5', bytes));
  expect(() => file.dataset('never-written')).toThrow(
    /declares 4194304 bytes, which a file of \d+ bytes cannot hold/,
  );
});

test('named arguments that are a tensor themselves are copied as they are', async () => {
  const files = await withConfiguration(fixtureFiles('formats/keras-3.15.1/functional.keras'), (document) => {
    const [first, second] = entriesOf(document).filter(({ inbound_nodes: nodes }) => nodes.length > 0);
    const { args } = first!.inbound_nodes[0] as { args: JsonValue[] };
    Object.assign(second!.inbound_nodes[0] as JsonObject, { kwargs: args[0]! });
  });
  expect(await wholeJob(files)).toBe('done');
});

test('a list that looks like a reference to a layer of another name is copied as it is', async () => {
  const files = await withConfiguration(fixtureFiles('formats/tfkeras-2.15/functional.h5'), (document) => {
    const node = entriesOf(document).find(({ name }) => name === 'dropout')
      ?.inbound_nodes[0] as JsonValue[][];
    (node[0]?.[3] as JsonObject)['note'] = ['nobody', 1, 1];
  });
  const { files: written } = await writeModelToMemory(await readFiles(files));
  const text = Buffer.from([...written.values()][0] ?? []).toString('latin1');
  expect(text).toMatch(/\{"note": ?\["nobody", ?1, ?1\]\}/);
});

test.each([
  ['class_name', ''],
  ['class_name', '\0'],
  ['name', ''],
])('a layer whose %s is %j', async (key, value) => {
  for (const fixture of ['formats/odd/deflated.keras', 'formats/tfkeras-2.15/functional.h5']) {
    const files = await withConfiguration(fixtureFiles(fixture), (document) => {
      const entry = entriesOf(document)[2] as unknown as JsonObject;
      Object.assign(key in entry ? entry : (entry['config'] as JsonObject), { [key]: value });
    });
    await expect(readFiles(files)).rejects.toThrow(/(class_)?name: expected a name, found "/);
  }
});

test('names with slashes are the paths that HDF5 makes of them; others are refused', async () => {
  const sink = new MemorySink('names.h5');
  const writer = new Hdf5Writer(sink);
  writer.root.group('a//b/./c');
  for (const name of ['', '/', '.']) expect(() => writer.root.group(name)).toThrow(InvalidModelError);
  writer.close();
  const file = await openHdf5(memorySource('names.h5', sink.bytes()));
  expect(file.names('a/b')).toEqual(['c']);
});

test('a batch norm that is called with a mask is not folded forward', async () => {
  const fixture = fixtureFiles('golden/bn_first_conv_valid/input.h5');
  const files = await withConfiguration(fixture, (document) => {
    const node = entriesOf(document).find(({ name }) => name === 'bn_a')!.inbound_nodes[0] as JsonValue[][];
    const [layer, call, output] = node[0]!;
    Object.assign(node[0]![3] as JsonObject, { mask: [layer!, call!, output!] });
  });
  const fold = async (model: Model) => runPasses(model, referencePasses(['fold']));
  const folded = (records: Awaited<ReturnType<typeof fold>>): string[] =>
    allIn(records, 'folded').map(({ batchNorm }) => batchNorm);
  expect(folded(await fold(await readFiles(fixture)))).toContain('bn_a');
  const records = await fold(await readFiles(files));
  expect(folded(records)).not.toContain('bn_a');
  expect(allIn(records, 'left').map(({ message }) => message)).toEqual([
    expect.stringMatching(/^bn_a stays: it stands between /),
  ]);
});

const tfjs = (): ReturnType<typeof fixtureFiles> => fixtureFiles('formats/tfjs/functional_shards');

/** The layers of a model.json. */
function layersOf(document: JsonObject): Entry[] {
  const { model_config: config } = document['modelTopology'] as { model_config: JsonObject };
  return entriesOf(config);
}

test.each([
  [
    'InputLayer',
    'batch_input_shape',
    [null, -5, 8, 3],
    /batch_shape: expected a whole number of at least 0, found -5/,
  ],
  [
    'InputLayer',
    'batch_input_shape',
    [null, 1.5],
    /batch_shape: expected a whole number of at least 0, found 1\.5/,
  ],
  [
    'InputLayer',
    'batch_input_shape',
    [null, 1e300],
    /batch_shape: expected a whole number up to 9007199254740991/,
  ],
  ['BatchNormalization', 'axis', 1.5, /axis: expected a whole number, found 1\.5/],
  ['Conv2D', 'kernel_size', [3, -3], /kernel_size: expected a positive whole number, found -3/],
  ['Conv2D', 'strides', [1, 2, 3], /strides: expected 2 numbers, found a list of 3/],
])('%s with %s of %j', async (className, key, value, message) => {
  const files = await withConfiguration(tfjs(), (document) => {
    const entry = layersOf(document).find(
      (one) => (one as unknown as JsonObject)['class_name'] === className,
    );
    entry!.config[key] = value as JsonValue;
  });
  const error = await readFiles(files).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(FormatError);
  expect((error as FormatError).message).toMatch(message);
});

test.each([
  ['userDefinedMetadata', LimitError],
  ['weightsManifest', LimitError],
])('lists in one another as %s', async (key, kind) => {
  const files = tfjs();
  const text = new TextDecoder().decode(mainBytes(files));
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const bytes = new TextEncoder().encode(`${text.trimEnd().slice(0, -1)},"${key}":${deep}}`);
  await expect(readFiles(withFile(files, mainName(files), bytes))).rejects.toThrow(kind);
});

test('an output that is named 130,000 times', async () => {
  const files = await withConfiguration(tfjs(), (document) => {
    const { model_config: config } = document['modelTopology'] as { model_config: { config: JsonObject } };
    const [output] = config.config['output_layers'] as JsonValue[];
    config.config['output_layers'] = Array<JsonValue>(130_000).fill(output!);
  });
  expect((await readFiles(files)).outputs).toHaveLength(130_000);
});

test('an input of more channels than can be walked', async () => {
  const files = await withConfiguration(tfjs(), (document) => {
    for (const { config } of layersOf(document)) {
      if ('batch_input_shape' in config) config['batch_input_shape'] = [null, 8, 8, 1e9];
    }
  });
  const model = await readFiles(files);
  expect(() => buildGraph(model)).toThrow(/channels of all tensors: \d+ is past the limit/);
});

test('groups that two links each lead to have more paths than are walked', async () => {
  const sink = new MemorySink('sound.h5');
  new Hdf5Writer(sink).close();
  const linked = await withDoubledGroups(sink.bytes(), seededRandom(1), { levels: 20, size: 4 });
  const file = await openHdf5(memorySource('linked.h5', linked));
  const writer = new Hdf5Writer(new MemorySink('copy.h5'));
  await expect(new Hdf5Copier(file, []).group('', writer.root)).rejects.toThrow(
    /^linked.h5: parts of the paths of its objects: \d+ is past the limit of \d+$/,
  );
  file.close();
});

test('a dataset that many links lead to is copied once', async () => {
  const bytes = new Uint8Array(4 * 2 ** 18);
  const sink = new MemorySink('read.h5');
  const writer = new Hdf5Writer(sink);
  const address = await writer.root.dataset('d0', { type: { kind: 'float', size: 4 }, shape: [2 ** 18] }, [
    bytes,
  ]);
  for (let links = 2; links < 100; links++) writer.root.hardLink(`group/d${links}`, address, links);
  writer.close();
  const file = await openHdf5(memorySource('read.h5', sink.bytes()));
  const copied = new MemorySink('copy.h5');
  const copy = new Hdf5Writer(copied);
  await new Hdf5Copier(file, []).group('', copy.root);
  copy.close();
  expect(copied.size).toBeLessThan(1.1 * bytes.length);
  const again = await openHdf5(memorySource('copy.h5', copied.bytes()));
  expect(again.address('group/d99')).toBe(again.address('d0'));
  expect(again.dataset('group/d50').count).toBe(2 ** 18);
});

test('an HDF5 object has room for 65,535 messages, one of which is the index of a group', () => {
  const withAttributes = (count: number): (() => void) => {
    const writer = new Hdf5Writer(new MemorySink('many.h5'));
    for (let index = 0; index < count; index++) {
      writer.root.setAttribute(stringAttribute(`a${index}`, '', 'ascii'));
    }
    return () => writer.close();
  };
  expect(withAttributes(65_535)).toThrow(UnsupportedModelError);
  expect(withAttributes(65_535)).toThrow(/65535 attributes; .* has room for 65534/);
});

test('halves of surrogate pairs, which UTF-8 cannot tell apart, are no names', () => {
  const writer = new Hdf5Writer(new MemorySink('names.h5'));
  for (const name of ['\ud800', 'a\udc01']) expect(() => writer.root.group(name)).toThrow(InvalidModelError);
  expect(() => writer.root.group('\ud83d\ude00')).not.toThrow();
});

test('tensors of two HDF5 files that are read in step keep their own values', async () => {
  const tensorOf = async (value: number) => {
    const sink = new MemorySink('values.h5');
    const writer = new Hdf5Writer(sink);
    const values = new Float32Array(1 << 20).fill(value);
    const spec = { type: { kind: 'float', size: 4 }, shape: [values.length] } as const;
    await writer.root.dataset('d', spec, [new Uint8Array(values.buffer)]);
    writer.close();
    return (await openHdf5(memorySource('values.h5', sink.bytes()))).dataset('d').tensor();
  };
  const [ones, twos] = [await tensorOf(1), await tensorOf(2)];
  const others = twos.blocks()[Symbol.iterator]();
  for (const { values } of ones.blocks()) {
    const { values: beside } = others.next().value as { values: typeof values };
    expect([values[0], values.at(-1), beside[0], beside.at(-1)]).toEqual([1, 1, 2, 2]);
  }
});
