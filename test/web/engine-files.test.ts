import { type ByteSource, FormatError, LimitError, memorySource, readModel } from 'crosslayer';
import { describe, expect, it } from 'vitest';
import { MemorySink } from '../../src/formats/bytes.ts';
import { createZip } from '../../src/formats/zip/write.ts';
import { ChunkedSink } from '../../web/worker/chunked-sink.ts';
import { describeError } from '../../web/worker/describe-error.ts';
import { fileSource } from '../../web/worker/file-source.ts';
import { modelFilesAmong, type NamedFile, refusingMissing } from '../../web/worker/picked-files.ts';

/** A Blob as far as a source needs it, whose parts are read at once as FileReaderSync does it. */
function fakeFile(bytes: Uint8Array): { file: Blob; read: (part: Blob) => ArrayBuffer; reads: number[] } {
  const parts = new Map<Blob, Uint8Array>();
  const reads: number[] = [];
  const file = {
    size: bytes.length,
    slice(start: number, end: number) {
      const part = {} as Blob;
      parts.set(part, bytes.slice(start, end));
      return part;
    },
  } as unknown as Blob;
  const read = (part: Blob): ArrayBuffer => {
    const content = parts.get(part) ?? new Uint8Array();
    reads.push(content.length);
    return content.slice().buffer as ArrayBuffer;
  };
  return { file, read, reads };
}

describe('fileSource', () => {
  const bytes = Uint8Array.from(
    { length: 3 * 2 ** 20 + 17 },
    (_, index) => (index * 31 + (index >> 8)) & 255,
  );

  it('reads any part, and no more than there is', () => {
    const { file, read } = fakeFile(bytes);
    const source = fileSource(file, 'model.h5', read);
    for (const [offset, length] of [
      [0, 8],
      [4, 100],
      [2 ** 20 - 3, 10],
      [5, 2 ** 21],
      [2 ** 20 + 5, 2 ** 20],
      [bytes.length - 5, 5],
      [bytes.length - 5, 50],
      [bytes.length, 4],
      [bytes.length + 9, 4],
      [7, 0],
    ] as const) {
      const target = new Uint8Array(length);
      const count = source.read(offset, target);
      const expected = bytes.subarray(offset, offset + length);
      expect(count).toBe(expected.length);
      expect(Buffer.compare(target.subarray(0, count), expected)).toBe(0);
    }
  });

  it('reads ahead, so that small reads in order are few reads of the file', () => {
    const { file, read, reads } = fakeFile(bytes);
    const source = fileSource(file, 'model.h5', read);
    for (let offset = 0; offset < bytes.length; offset += 1000) source.read(offset, new Uint8Array(1000));
    expect(reads.length).toBeLessThan(8);
  });

  it('says what to do where the file is gone', () => {
    const source = fileSource({ size: 9, slice: () => ({}) } as unknown as Blob, 'model.h5', () => {
      throw new Error('NotReadableError');
    });
    expect(() => source.read(0, new Uint8Array(4))).toThrow(FormatError);
    expect(() => source.read(0, new Uint8Array(4))).toThrow(
      /model\.h5: can no longer be read.*choose it again/,
    );
  });
});

describe('ChunkedSink', () => {
  it('is written in any order, read back, and becomes a Blob', async () => {
    const sink = new ChunkedSink('model.h5');
    const expected = new MemorySink('expected');
    const pieces: [number, number][] = [
      [0, 10],
      [2 ** 23 - 4, 9],
      [5, 2 ** 24],
      [2 ** 25, 3],
      [1, 2],
    ];
    for (const [offset, length] of pieces) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index + offset) & 255);
      sink.write(offset, bytes);
      expected.write(offset, bytes);
    }
    expect(sink.size).toBe(expected.size);
    const [part, same] = [new Uint8Array(1000), new Uint8Array(1000)];
    expect(sink.read(2 ** 25 - 500, part)).toBe(expected.read(2 ** 25 - 500, same));
    expect(part).toEqual(same);
    const blob = sink.toBlob('application/zip');
    expect(blob.type).toBe('application/zip');
    expect(Buffer.compare(new Uint8Array(await blob.arrayBuffer()), expected.bytes())).toBe(0);
    expect(sink.size).toBe(0);
  });
});

describe('modelFilesAmong', () => {
  const text = (path: string, content: string): NamedFile => ({
    path,
    open: () => memorySource(path, new TextEncoder().encode(content)),
  });
  const json = '{"format": "layers-model", "modelTopology": {}, "weightsManifest": []}';
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
    ['nothing', () => [], /nothing was dropped; the page takes a \.keras or \.h5 file/],
    ['two models', () => [hdf5('a.h5'), hdf5('b.h5')], /2 models were dropped \(a\.h5, b\.h5\)/],
    ['two in a zip', async () => [await zip([hdf5('a.h5'), hdf5('b.h5')])], /2 models were dropped/],
    ['a SavedModel', () => [text('m/saved_model.pb', 'x'), text('m/variables/v', 'y')], /SavedModel/],
    ['notes', () => [text('a.txt', 'x'), text('b.txt', 'y')], /without model\.json; give a \.keras/],
    [
      'a zip of notes',
      async () => [await zip([text('a.txt', 'x')])],
      /models\.zip: a zip without a model in it \(it holds a\.txt\); drop a \.keras/,
    ],
    ['an empty zip', async () => [await zip([])], /it holds nothing\); drop a \.keras/],
    [
      'a zip in a zip',
      async () => [await zip([await zip([hdf5('m.h5')])])],
      /unpack it and drop .* models\.zip/,
    ],
    ['a zipped SavedModel', async () => [await zip([text('m/saved_model.pb', 'x')])], /SavedModel/],
    ['a damaged .h5 among others', () => [text('m.h5', 'x'), text('b.txt', 'y')], /m\.h5/],
  ])('refuses %s', async (_, files, message) => {
    await expect(async () => readModel(await modelFilesAmong(await files()))).rejects.toThrow(message);
  });

  it('refuses a shard that was not dropped', async () => {
    const { open } = refusingMissing(await modelFilesAmong([text('model.json', json)]));
    expect(() => open('shard.bin')).toThrow(/^model\.json: shard\.bin: .* was not dropped; drop all files/);
  });
});

describe('describeError', () => {
  const source: ByteSource = memorySource('x', new Uint8Array());

  it('tells what is expected from what is a mistake', () => {
    expect(describeError(new LimitError('bytes', 9, 5))).toEqual({
      message: 'bytes: 9 is past the limit of 5',
      isExpected: true,
    });
    expect(describeError(new RangeError('Array buffer allocation failed'))).toMatchObject({
      message: expect.stringMatching(/no more memory.*command crosslayer/),
      isExpected: true,
    });
    expect(describeError(new TypeError('Failed to fetch dynamically imported module: x'))).toMatchObject({
      message: expect.stringMatching(/could not be loaded/),
      isExpected: true,
    });
    expect(describeError(new TypeError(`${source.name} is not a function`))).toMatchObject({
      message: expect.stringMatching(/please report it: x is not a function/),
      isExpected: false,
    });
  });
});
