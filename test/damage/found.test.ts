/**
 * Damage, and odd but sound models, that once ended in something else than a CrosslayerError or took more than they
 * may, as small as they get.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { FormatError, InvalidModelError } from '../../src/errors.ts';
import { MemorySink, memorySource } from '../../src/formats/bytes.ts';
import { openHdf5 } from '../../src/formats/hdf5/file.ts';
import { Hdf5Writer } from '../../src/formats/hdf5/writer.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import type { JsonObject, JsonValue } from '../../src/json/value.ts';
import type { Model } from '../../src/model/model.ts';
import { referencePasses } from '../../src/primitives/equalize-model.ts';
import { allIn, runPasses } from '../../src/primitives/pass.ts';
import { wholeJob } from './campaign.ts';
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

test('thousands of errors leave the HDF5 library as it was', async () => {
  const files = fixtureFiles('formats/tfkeras-2.15/functional.h5');
  const file = await openHdf5(memorySource('functional.h5', mainBytes(files)));
  // Its stack was used up after some 5,000.
  for (let count = 0; count < 20_000; count++) {
    expect(() => file.names('no/such/group')).toThrow(FormatError);
  }
  expect(file.names('')).toContain('model_weights');
  file.close();
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
