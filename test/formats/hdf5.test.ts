import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CrosslayerError, FormatError, UnsupportedModelError } from '../../src/errors.ts';
import { MemorySink, memorySource } from '../../src/formats/bytes.ts';
import { type Attribute, attributeStrings, stringAttribute } from '../../src/formats/hdf5/attribute.ts';
import { Hdf5Copier, writeTensor } from '../../src/formats/hdf5/copy.ts';
import { type Hdf5File, openHdf5 } from '../../src/formats/hdf5/file.ts';
import type { Hdf5Type } from '../../src/formats/hdf5/type.ts';
import { type GroupWriter, Hdf5Writer } from '../../src/formats/hdf5/writer.ts';
import type { DType } from '../../src/tensor/dtype.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { treeOf } from '../support/hdf5-tree.ts';

const fixture = (name: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(join(import.meta.dirname, '../fixtures/formats', name)));

async function written(write: (root: GroupWriter) => unknown, userBlock?: Uint8Array): Promise<Uint8Array> {
  const sink = new MemorySink('written.h5');
  const writer = new Hdf5Writer(sink, userBlock);
  await write(writer.root);
  writer.close();
  return sink.bytes().slice();
}

const open = (bytes: Uint8Array, name = 'file.h5'): Promise<Hdf5File> => openHdf5(memorySource(name, bytes));

/** What is written here is read by HDF5 itself. */
describe('the writer', () => {
  const types: readonly Hdf5Type[] = [
    ...[1, 2, 4, 8].flatMap((size): Hdf5Type[] => [
      { kind: 'integer', size, signed: true },
      { kind: 'integer', size, signed: false },
    ]),
    ...[2, 4, 8].map((size): Hdf5Type => ({ kind: 'float', size })),
    { kind: 'string', size: 8, padding: 'nullPadded', charset: 'ascii' },
    { kind: 'string', size: 8, padding: 'nullTerminated', charset: 'utf8' },
    { kind: 'string', size: 8, padding: 'spacePadded', charset: 'ascii' },
    { kind: 'opaque', size: 2 },
    { kind: 'bitfield', size: 1 },
    { kind: 'enum', size: 1, signed: true, members: { FALSE: 0, TRUE: 1 } },
    { kind: 'array', size: 16, shape: [2, 2], element: { kind: 'float', size: 4 } },
    {
      kind: 'compound',
      size: 12,
      members: [
        { name: 'a', offset: 0, type: { kind: 'integer', size: 4, signed: true } },
        {
          name: 'b',
          offset: 4,
          type: { kind: 'array', size: 8, shape: [2], element: { kind: 'float', size: 4 } },
        },
      ],
    },
  ];

  test.each(types.map((type) => [JSON.stringify(type), type] as const))(
    'keeps values of type %s',
    async (_, type) => {
      const size = type.kind === 'variableString' ? 16 : type.size;
      const values = Uint8Array.from({ length: 6 * size }, (_, index) =>
        index % 2 === 0 ? 65 + (index % 26) : 0,
      );
      const attribute: Attribute = { name: 'a', type, shape: [6], content: { bytes: values } };
      const bytes = await written(async (root) => {
        root.setAttribute(attribute);
        await root.dataset('group/d', { type, shape: [2, 3], attributes: [attribute] }, [values]);
      });
      const file = await open(bytes);
      expect(file.attribute('', 'a')).toEqual(attribute);
      const dataset = file.dataset('group/d');
      expect(dataset.type).toEqual(type);
      expect(dataset.shape).toEqual([2, 3]);
      expect(dataset.content()).toEqual({ bytes: values });
      expect(file.attribute('group/d', 'a')).toEqual(attribute);
      file.close();
    },
  );

  test('keeps strings of any length, empty ones and values that are missing', async () => {
    const texts = ['', 'x', 'é'.repeat(3000), 'long '.repeat(20_000)];
    const bytes = await written((root) => {
      for (const [index, text] of texts.entries())
        root.setAttribute(stringAttribute(`s${index}`, text, 'utf8'));
      root.setAttribute({
        name: 'nothing',
        type: { kind: 'float', size: 4 },
        shape: undefined,
        content: { bytes: new Uint8Array() },
      });
      root.setAttribute({
        name: 'none',
        type: { kind: 'float', size: 8 },
        shape: [0],
        content: { bytes: new Uint8Array() },
      });
    });
    const file = await open(bytes);
    expect(texts.map((_, index) => file.strings('', `s${index}`)?.[0])).toEqual(texts);
    expect(file.attribute('', 'nothing')?.shape).toBeUndefined();
    expect(file.attribute('', 'none')?.shape).toEqual([0]);
    file.close();
  });

  test.each([0, 1, 8, 9, 256, 257, 5000])('keeps %i links in the order of their names', async (count) => {
    // 8 links fill a node, 32 nodes a level of the tree.
    const names = Array.from({ length: count }, (_, index) => `layer_${(index * 7919) % 10007}`);
    const bytes = await written(async (root) => {
      for (const name of names) {
        await writeTensor(root.group('all'), name, Tensor.fromNumbers('float32', [], [names.indexOf(name)]));
      }
      root.group('all');
    });
    const file = await open(bytes);
    expect(file.names('all')).toEqual([...names].sort());
    for (const name of names.slice(0, 50)) {
      expect(file.dataset(`all/${name}`).tensor().values()[0]).toBe(names.indexOf(name));
    }
    file.close();
  });

  test.each([
    [
      [10, 100],
      [3, 7],
    ],
    [[1], [1]],
    [
      [4, 5, 6],
      [4, 5, 6],
    ],
    [
      [0, 3],
      [2, 3],
    ],
    [
      [70, 70],
      [1, 1],
    ],
  ])('keeps chunks of %j in %j with all filters', async (shape, chunks) => {
    const count = shape.reduce((product, length) => product * length, 1);
    const values = Float32Array.from({ length: count }, (_, index) => index - 7.5);
    const filters = [
      { id: 2, name: 'shuffle', cd_values: [4] },
      { id: 1, name: 'deflate', cd_values: [6] },
      { id: 3, name: 'fletcher32', cd_values: [] },
    ];
    const bytes = await written((root) =>
      root.dataset('d', { type: { kind: 'float', size: 4 }, shape, chunks, filters }, [
        new Uint8Array(values.buffer),
      ]),
    );
    const file = await open(bytes);
    const dataset = file.dataset('d');
    expect(dataset.chunks).toEqual(chunks);
    expect(dataset.filters.map(({ id }) => id)).toEqual([2, 1, 3]);
    expect(dataset.tensor().values()).toEqual(values);
    file.close();
  });

  test.each<DType>([
    'float16',
    'bfloat16',
    'float32',
    'float64',
    'int8',
    'uint8',
    'int16',
    'uint16',
    'int32',
    'uint32',
    'bool',
  ])('keeps tensors of %s', async (dtype) => {
    const numbers = [0, 1, 1, 0, 1, 1];
    const tensor = Tensor.fromNumbers(dtype, [2, 3], numbers);
    const file = await open(await written((root) => writeTensor(root, 'a/b', tensor)));
    const read = file.dataset('a/b').tensor();
    expect(read.dtype).toBe(dtype);
    expect(Array.from(read.values(), Number)).toEqual(numbers);
    file.close();
  });

  test('gives the same bytes every time', async () => {
    const write = (): Promise<Uint8Array> =>
      written(async (root) => {
        root.setAttribute(stringAttribute('model_config', '{}'));
        await writeTensor(root, 'b/c', Tensor.fromNumbers('float32', [3], [1, 2, 3]));
        root.softLink('link', '/b/c');
      });
    expect(await write()).toEqual(await write());
  });

  test('refuses attributes that no object header holds', async () => {
    const attempt = written((root) =>
      root.setAttribute({
        name: 'large',
        type: { kind: 'integer', size: 1, signed: true },
        shape: [70_000],
        content: { bytes: new Uint8Array(70_000) },
      }),
    );
    await expect(attempt).rejects.toThrow(UnsupportedModelError);
  });
});

describe('copying', () => {
  const names = ['latest', 'gzip', 'gzip_shuffle_fletcher', 'float16', 'float64', 'split_names', 'userblock'];
  test.each([
    ...names.map((name) => `odd/${name}.h5`),
    'tfkeras-2.15/sequential_trained.h5',
    'keras-2.0.5/nested.h5',
  ])('%s gives a file with the same in it', async (name) => {
    const file = await open(fixture(name), name);
    const dropped: string[] = [];
    const copy = await open(
      await written((root) => new Hdf5Copier(file, dropped).group('', root), file.userBlock()),
    );
    expect(dropped).toEqual([]);
    expect(treeOf(copy)).toEqual(treeOf(file));
    expect(copy.userBlock()).toEqual(file.userBlock());
    file.close();
    copy.close();
  });

  test('big-endian numbers become little-endian ones of the same value', async () => {
    const file = await open(fixture('odd/bigendian.h5'));
    const copy = await open(await written((root) => new Hdf5Copier(file, []).group('', root)));
    expect(treeOf(copy)).toEqual(treeOf(file));
    file.close();
    copy.close();
  });
});

describe('reading', () => {
  test('any part of a dataset', async () => {
    const shape = [3, 4, 5];
    const values = Float32Array.from({ length: 60 }, (_, index) => index);
    const tensor = Tensor.of('float32', shape, values);
    const file = await open(await written((root) => writeTensor(root, 'd', tensor)));
    const dataset = file.dataset('d');
    for (let start = 0; start < 60; start += 7) {
      for (const count of [0, 1, 4, 5, 6, 19, 20, 21, 47]) {
        const length = Math.min(count, 60 - start);
        const bytes = dataset.readBytes(start, length);
        expect(new Float32Array(bytes.buffer)).toEqual(values.slice(start, start + length));
      }
    }
    file.close();
  });

  test('a dataset that declares more than its file can hold is refused before memory is asked for', async () => {
    const bytes = await written((root) =>
      root.dataset('d', { type: { kind: 'float', size: 4 }, shape: [4], chunks: [4] }, [new Uint8Array(16)]),
    );
    // The only place with this shape is the dataspace.
    const at = indexOf(bytes, [1, 1, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
    bytes[at + 13] = 100;
    const file = await open(bytes);
    expect(() => file.dataset('d')).toThrow(/declares \d+ bytes, which a file of \d+ bytes cannot hold/);
    file.close();
  });

  test('a heap of strings with an object of no length does not hang', async () => {
    const bytes = await written((root) => root.setAttribute(stringAttribute('s', 'text')));
    const at = indexOf(
      bytes,
      [...'GCOL'].map((letter) => letter.charCodeAt(0)),
    );
    bytes.fill(0, at + 16, at + 32);
    const file = await open(bytes);
    expect(() => file.attributes('')).toThrow(FormatError);
    file.close();
  });

  test('a file that is cut off is a FormatError, and the library goes on working', async () => {
    const whole = fixture('keras-2.0.5/functional.h5');
    const broken: unknown[] = [];
    for (let length = 0; length < whole.length; length += 997) {
      try {
        (await open(whole.subarray(0, length))).close();
      } catch (error) {
        broken.push(error);
      }
    }
    expect(broken.length).toBeGreaterThan(30);
    for (const error of broken) expect(error).toBeInstanceOf(FormatError);
    const file = await open(whole);
    expect(file.names('')).toEqual(['model_weights']);
    file.close();
  });

  test('what a source throws comes out as it is', async () => {
    const whole = memorySource('f', fixture('keras-2.0.5/functional.h5'));
    const gone = new FormatError('f', '', 'the disk is gone');
    let isGone = false;
    const file = await openHdf5({
      ...whole,
      read(offset, target) {
        if (isGone) throw gone;
        return whole.read(offset, target);
      },
    });
    const tensor = file.dataset('model_weights/conv1/conv1/kernel:0').tensor();
    isGone = true;
    expect(() => tensor.values()).toThrow(gone);
    isGone = false;
    expect(tensor.values().length).toBe(tensor.size);
    file.close();
  });

  test('only CrosslayerErrors come of damaged bytes', async () => {
    const whole = fixture('odd/latest.h5');
    const random = generator(1);
    let refused = 0;
    for (let round = 0; round < 150; round++) {
      const bytes = whole.slice();
      for (let flip = 0; flip < 3; flip++) bytes[random(bytes.length)] = random(256);
      try {
        const file = await open(bytes);
        try {
          treeOf(file);
        } finally {
          file.close();
        }
      } catch (error) {
        refused++;
        expect(error).toBeInstanceOf(CrosslayerError);
      }
    }
    expect(refused).toBeGreaterThan(20);
  });
});

test('strings end where their padding says', () => {
  const bytes = Uint8Array.from([...'ab  cd\0\0'].map((letter) => letter.charCodeAt(0)));
  const strings = (padding: 'spacePadded' | 'nullPadded'): string[] | undefined =>
    attributeStrings({
      name: 's',
      type: { kind: 'string', size: 4, padding, charset: 'ascii' },
      shape: [2],
      content: { bytes },
    });
  expect(strings('spacePadded')).toEqual(['ab', 'cd']);
  expect(strings('nullPadded')).toEqual(['ab  ', 'cd']);
});

function indexOf(bytes: Uint8Array, part: readonly number[]): number {
  return bytes.findIndex((_, at) => part.every((byte, index) => bytes[at + index] === byte));
}

/** Whole numbers below a limit, the same ones every time. */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
