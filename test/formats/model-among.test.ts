import { describe, expect, it } from 'vitest';
import { MemorySink, memorySource } from '../../src/formats/bytes.ts';
import { modelFilesAmong, type NamedFile } from '../../src/formats/model-among.ts';
import { readModel } from '../../src/formats/read.ts';
import { openZip } from '../../src/formats/zip/read.ts';
import { createZip } from '../../src/formats/zip/write.ts';

describe('modelFilesAmong', () => {
  const text = (path: string, content: string): NamedFile => ({
    path,
    open: () => memorySource(path, new TextEncoder().encode(content)),
  });
  const json =
    '{"format": "layers-model", "modelTopology": {}, "weightsManifest": [{"paths": ["shard.bin"], "weights": []}]}';
  const hdf5 = (path: string): NamedFile => ({
    path,
    open: () => memorySource(path, Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a)),
  });
  const zip = async (files: readonly NamedFile[]): Promise<NamedFile> => {
    const sink = new MemorySink('models.zip');
    const archive = await createZip(sink);
    for (const { path, open } of files) await archive.add(path, await open());
    await archive.close();
    return { path: 'models.zip', open: () => memorySource('models.zip', sink.bytes()) };
  };
  const nameAndShard = async (files: readonly NamedFile[]): Promise<(string | undefined)[]> => {
    const { main, open } = await modelFilesAmong(files);
    return [main.name, open('shard.bin')?.name];
  };

  it('finds model.json among its shards, by what is in it', async () => {
    const files = [text('a/shard.bin', 'x'), text('a/other.json', '{}'), text('a/topology.json', json)];
    expect(await nameAndShard(files)).toEqual(['a/topology.json', 'a/shard.bin']);
  });

  it('takes the shard of its own folder, and one from elsewhere where there is no other', async () => {
    const other = text('b/shard.bin', 'y');
    const main = text('a/model.json', json);
    expect(await nameAndShard([other, text('a/shard.bin', 'x'), main])).toEqual([main.path, 'a/shard.bin']);
    expect(await nameAndShard([other, main])).toEqual([main.path, 'b/shard.bin']);
    expect(await nameAndShard([other, text('c/shard.bin', 'z'), main])).toEqual([main.path, undefined]);
  });

  it('takes a model with what lies beside it', async () => {
    const npz = await zip([text('images.npy', 'x'), text('labels.npy', 'y')]);
    expect((await modelFilesAmong([npz, hdf5('m.h5'), text('m.txt', 'notes')])).main.name).toBe('m.h5');
  });

  it('looks into a zip', async () => {
    const files = [
      text('m/model.json', json),
      text('m/shard.bin', 'x'),
      text('__MACOSX/m/._model.json', json),
    ];
    expect(await nameAndShard([await zip(files)])).toEqual([
      'models.zip: m/model.json',
      'models.zip: m/shard.bin',
    ]);
    expect((await modelFilesAmong([await zip([hdf5('x/m.h5')])])).main.name).toBe('models.zip: x/m.h5');
  });

  it('leaves a .keras file as it is', async () => {
    const keras = await zip([
      text('config.json', '{}'),
      text('metadata.json', '{}'),
      hdf5('model.weights.h5'),
    ]);
    expect((await modelFilesAmong([keras])).main.name).toBe('models.zip');
  });

  it.each<[string, () => Promise<readonly NamedFile[]> | readonly NamedFile[], RegExp]>([
    ['nothing', () => [], /nothing was given; give a \.keras or \.h5 file/],
    ['two models', () => [hdf5('a.h5'), hdf5('b.h5')], /2 models \(a\.h5, b\.h5\); give one at a time/],
    ['two in a zip', async () => [await zip([hdf5('a.h5'), hdf5('b.h5')])], /2 models/],
    ['a SavedModel', () => [text('m/saved_model.pb', 'x'), text('m/variables/v', 'y')], /SavedModel/],
    ['notes', () => [text('a.txt', 'x'), text('b.txt', 'y')], /without model\.json; give a \.keras/],
    [
      'a zip of notes',
      async () => [await zip([text('a.txt', 'x')])],
      /models\.zip: a zip without a model in it \(it holds a\.txt\); give a \.keras/,
    ],
    ['an empty zip', async () => [await zip([])], /it holds nothing\); give a \.keras/],
    [
      'a zip in a zip',
      async () => [await zip([await zip([hdf5('m.h5')])])],
      /unpack it and give .* models\.zip/,
    ],
    ['a zipped SavedModel', async () => [await zip([text('m/saved_model.pb', 'x')])], /SavedModel/],
    ['a damaged .h5 among others', () => [text('m.h5', 'x'), text('b.txt', 'y')], /m\.h5/],
  ])('refuses %s', async (_, files, message) => {
    await expect(async () => readModel(await modelFilesAmong(await files()))).rejects.toThrow(message);
  });

  it('opens only what the model asks for: what else is in a zip is neither inflated nor checked', async () => {
    const packed = await zip([text('model.json', json), text('shard.bin', 'x'), text('video.bin', 'yyyy')]);
    const source = await packed.open();
    const bytes = new Uint8Array(source.size);
    source.read(0, bytes);
    bytes.set([0x7a], Buffer.from(bytes).indexOf('yyyy'));
    const damaged: NamedFile = { path: 'models.zip', open: () => memorySource('models.zip', bytes) };
    await expect(
      (await openZip(memorySource('models.zip', bytes))).get('video.bin')?.open(),
    ).rejects.toThrow();
    expect(await nameAndShard([damaged])).toEqual(['models.zip: model.json', 'models.zip: shard.bin']);
  });
});
