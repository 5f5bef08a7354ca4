import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CannotRunError, FormatError, LimitError, UnsupportedModelError } from '../../src/errors.ts';
import { MemorySink, memorySource } from '../../src/formats/bytes.ts';
import { createZip } from '../../src/formats/zip/write.ts';
import type { Model } from '../../src/model/model.ts';
import { loadLabels } from '../../src/node/array-files.ts';
import { loadInputs } from '../../src/node/inputs.ts';
import { readPhotographs } from '../../src/node/photographs.ts';
import { buildModel, input, type LayerSpec, layer } from '../support/model-builder.ts';

let folder = '';

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-inputs-'));
});

afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

type Values = Float32Array | Uint8Array | Int32Array | BigInt64Array | Uint16Array;

/** The bytes of a .npy of version 1.0. */
function npyBytes(shape: readonly number[], values: Values): Uint8Array {
  const descr = {
    Float32Array: '<f4',
    Uint8Array: '|u1',
    Int32Array: '<i4',
    BigInt64Array: '<i8',
    Uint16Array: '<u2',
  }[values.constructor.name];
  const dims = `${shape.join(',')}${shape.length === 1 ? ',' : ''}`;
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims}), }`;
  const text = `${header.padEnd(117)}\n`;
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from(`NUMPY\x01\x00${String.fromCharCode(text.length)}\x00${text}`, 'latin1'),
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  ]);
}

function npy(name: string, shape: readonly number[], values: Values): string {
  const at = path.join(folder, name);
  fs.writeFileSync(at, npyBytes(shape, values));
  return at;
}

async function npz(
  name: string,
  arrays: Record<string, readonly [readonly number[], Values]>,
): Promise<string> {
  const sink = new MemorySink(name);
  const zip = await createZip(sink);
  for (const [array, [shape, values]] of Object.entries(arrays)) {
    await zip.add(`${array}.npy`, memorySource(array, npyBytes(shape, values)));
  }
  await zip.close();
  const at = path.join(folder, name);
  fs.writeFileSync(at, sink.bytes());
  return at;
}

function pictures(
  height: number | null,
  width: number | null,
  channels: number,
  dataFormat = 'channels_last',
): Model {
  const shape = dataFormat === 'channels_first' ? [channels, height, width] : [height, width, channels];
  return buildModel([
    input('picture', shape),
    layer('Conv2D', 'stem', { filters: 1, kernel_size: 1, data_format: dataFormat }),
  ]);
}

function typed(name: string, shape: number[], dtype: string): LayerSpec {
  return { ...input(name, shape), config: { batch_input_shape: [null, ...shape], dtype } };
}

function twoInputs(): Model {
  return buildModel([
    input('left', [2]),
    input('right', [2]),
    layer('Add', 'sum', {}, { from: ['left', 'right'] }),
  ]);
}

const PIXELS = Uint8Array.of(0, 51, 102, 255, 0, 51, 102, 255);

describe('arrays', () => {
  it('of uint8 are pixels, which are normalized, and the guess is told', async () => {
    const file = npy('pixels.npy', [2, 2, 2, 1], PIXELS);
    const loaded = await loadInputs(pictures(2, 2, 1), [file]);
    expect(loaded.tensors[0]?.dtype).toBe('float32');
    expect(loaded.tensors[0]?.toFloat64()[1]).toBeCloseTo(0.2, 6);
    expect(loaded.normalization).toBe('0..1');
    expect(loaded.description).toBe(
      `2 samples of ${file}: pixels as x/255 (guessed; --normalize overrides it)`,
    );
    expect(loaded.guessedBecause).toBe('nothing in the model tells, and x/255 is the most usual');
    expect(loaded.sampleNames).toEqual(['pixels.npy[0]', 'pixels.npy[1]']);
    expect(loaded.labels).toBeUndefined();
  });

  it('of uint8 are no pixels where the sides are not those of pictures, such as spectra of sound', async () => {
    const file = npy('spectra.npy', [1, 8, 1, 1], PIXELS);
    const { description } = await loadInputs(pictures(8, 1, 1), [file], { normalization: '0..1' });
    expect(description).toBe(`1 sample of ${file}: values as x/255`);
  });

  it('of uint8 may lack the channel of grey pictures, or have channels as the model does', async () => {
    const grey = await loadInputs(pictures(2, 2, 1), [npy('grey.npy', [2, 2, 2], PIXELS)], {
      normalization: 'raw',
    });
    expect(grey.tensors[0]?.shape).toEqual([2, 2, 2, 1]);
    expect(grey.description).toMatch(/: pixels as 0\.\.255 as they are$/);
    const first = pictures(1, 2, 3, 'channels_first');
    const sixPixels = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const raw = { normalization: 'raw' } as const;
    const last = await loadInputs(first, [npy('last.npy', [1, 1, 2, 3], sixPixels)], raw);
    expect([...(last.tensors[0]?.toFloat64() ?? [])]).toEqual([1, 4, 2, 5, 3, 6]);
    const same = await loadInputs(first, [npy('first.npy', [1, 3, 1, 2], sixPixels)], raw);
    expect([...(same.tensors[0]?.toFloat64() ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(same.tensors[0]?.shape).toEqual([1, 3, 1, 2]);
  });

  it('of floats go in as they are, unless a normalization is asked for', async () => {
    const file = npy('floats.npy', [1, 2, 2, 1], Float32Array.of(0, 51, 102, 255));
    const plain = await loadInputs(pictures(2, 2, 1), [file]);
    expect([...(plain.tensors[0]?.toFloat64() ?? [])]).toEqual([0, 51, 102, 255]);
    expect([plain.normalization, plain.description]).toEqual([
      undefined,
      `1 sample of ${file}: values as they are, but floats of 0..255 look unscaled, and the model seems to take ` +
        'x/255: --normalize 0..1 makes that of them',
    ]);
    const scaled = npy('scaled.npy', [1, 2, 2, 1], Float32Array.of(0, 0.25, 0.5, 1));
    expect((await loadInputs(pictures(2, 2, 1), [scaled])).description).toMatch(/: values as they are$/);
    const asked = await loadInputs(pictures(2, 2, 1), [file], { normalization: 'tf' });
    expect(asked.tensors[0]?.toFloat64()[3]).toBe(1);
  });

  it('of several inputs are normalized where they are pictures', async () => {
    const model = buildModel([
      input('picture', [1, 2, 1]),
      input('numbers', [2]),
      layer('Flatten', 'flat', {}, { from: ['picture'] }),
      layer('Add', 'sum', {}, { from: ['flat', 'numbers'] }),
    ]);
    const files = [
      npy('mixed pixels.npy', [1, 1, 2, 1], Uint8Array.of(0, 255)),
      npy('mixed numbers.npy', [1, 2], Float32Array.of(7, 8)),
    ];
    const { tensors, normalization } = await loadInputs(model, files, { normalization: 'tf' });
    expect(tensors.map((tensor) => [...tensor.toFloat64()])).toEqual([
      [-1, 1],
      [7, 8],
    ]);
    expect(normalization).toBe('tf');
  });

  it('come one file for each input, in order, or by the names of the inputs', async () => {
    const left = npy('left.npy', [1, 2], Float32Array.of(1, 2));
    const right = npy('right.npy', [1, 2], Int32Array.of(3, 4));
    const both = await npz('both.npz', {
      right: [[1, 2], Float32Array.of(3, 4)],
      left: [[1, 2], Float32Array.of(1, 2)],
    });
    for (const files of [[left, right], [both]]) {
      const { tensors } = await loadInputs(twoInputs(), files);
      expect(tensors.map((tensor) => [...tensor.toFloat64()])).toEqual([
        [1, 2],
        [3, 4],
      ]);
    }
  });

  it('of whole numbers become int32 where the input takes them', async () => {
    const model = buildModel([typed('words', [2], 'int64'), layer('Flatten', 'flat')]);
    const { tensors } = await loadInputs(model, [npy('words.npy', [1, 2], BigInt64Array.of(7n, -1n))]);
    expect([tensors[0]?.dtype, ...(tensors[0]?.toFloat64() ?? [])]).toEqual(['int32', 7, -1]);
    await expect(
      loadInputs(model, [npy('large.npy', [1, 2], BigInt64Array.of(7n, 2n ** 40n))]),
    ).rejects.toThrow(/1099511627776 is no int32/);
    await expect(loadInputs(model, [npy('reals.npy', [1, 2], Float32Array.of(1, 2))])).rejects.toThrow(
      /is float32, but the input words takes int64; convert it: array\.astype\('int64'\)/,
    );
  });

  it('are the example out of the box, with its labels and the scaling that it was trained with', async () => {
    const { loadModel, closeModel } = await import('../../src/node.ts');
    const model = await loadModel('examples/fashion-mobilenetv2.keras');
    const loaded = await loadInputs(model, ['examples/fashion-mobilenetv2.keras.samples.npz'], {
      samples: 20,
    });
    expect(loaded.tensors[0]?.shape).toEqual([20, 32, 32, 1]);
    expect(loaded.normalization).toBe('tf');
    expect([...(loaded.labels ?? [])]).toEqual([9, 2, 1, 1, 6, 1, 4, 6, 5, 7, 4, 5, 7, 3, 4, 1, 2, 4, 8, 0]);
    expect(loaded.sampleNames[17]).toBe('images[17]');
    closeModel(model);
  });
});

describe('arrays that do not fit', () => {
  it.each<[string, readonly number[], Values, RegExp]>([
    [
      'another size',
      [1, 3, 3, 1],
      new Uint8Array(9),
      /shape \[1, 3, 3, 1\], but the input picture takes \[samples, 2, 2, 1\]; resize/,
    ],
    ['one sample', [2, 2, 1], new Float32Array(4), /add the dimension of the samples: array\[None\]/],
    ['no samples', [0, 2, 2, 1], new Uint8Array(), /has no samples/],
    ['pixels of 16 bits', [1, 2, 2, 1], new Uint16Array(4), /is uint16; save pixels 0\.\.255 as uint8/],
  ])('%s', async (name, shape, values, message) => {
    const file = npy(`unfit ${name}.npy`, shape, values);
    const loading = loadInputs(pictures(2, 2, 1), [file]);
    await expect(loading).rejects.toThrow(UnsupportedModelError);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toThrow(file);
  });

  it('in number, in name or in their samples', async () => {
    const left = npy('a.npy', [1, 2], Float32Array.of(1, 2));
    const longer = npy('b.npy', [2, 2], Float32Array.of(1, 2, 3, 4));
    const other = await npz('other.npz', { u: [[1, 2], Float32Array.of(1, 2)], v: [[1], Int32Array.of(0)] });
    await expect(loadInputs(twoInputs(), [left])).rejects.toThrow(
      /1 \.npy file for 2 inputs \(left, right\); give one for each/,
    );
    await expect(loadInputs(twoInputs(), [left, longer])).rejects.toThrow(/has 2 samples, but .* has 1/);
    await expect(loadInputs(twoInputs(), [other])).rejects.toThrow(
      /has the arrays u, v, but the inputs are called left, right; .* np\.savez\(file, left=…, right=…\)$/,
    );
    const half = await npz('half.npz', { left: [[1, 2], Float32Array.of(1, 2)], v: [[1], Int32Array.of(0)] });
    await expect(loadInputs(twoInputs(), [half])).rejects.toThrow(
      /has the arrays left, v, but none for the input right; save/,
    );
    await expect(loadInputs(pictures(1, 1, 1), [other])).rejects.toThrow(
      /has the arrays u, v, none of which .* \(picture, images, x, x_test\); .* np\.savez\(file, picture=…\)$/,
    );
    await expect(loadInputs(twoInputs(), [other, other])).rejects.toThrow(/2 \.npz files/);
    await expect(loadInputs(twoInputs(), [left, other])).rejects.toThrow(/different kinds \(npy, npz\)/);
    await expect(loadInputs(twoInputs(), [])).rejects.toThrow(RangeError);
    await expect(loadInputs(twoInputs(), left as unknown as string[])).rejects.toThrow(
      /^the paths of inputs: expected a list, such as \['images\.npz'\], not the text .*a\.npy$/,
    );
    await expect(loadInputs('model.keras' as unknown as Model, [left])).rejects.toThrow(TypeError);
    await expect(loadInputs(twoInputs(), [left], { normalization: 'foo' as 'tf' })).rejects.toThrow(
      /^there is no normalization foo; there are tf, torch, caffe, 0\.\.1, raw$/,
    );
    await expect(loadInputs(twoInputs(), [left], { samples: 0 })).rejects.toThrow(RangeError);
    await expect(loadInputs(twoInputs(), [left, left], { normalization: 'tf' })).rejects.toThrow(
      /leave --normalize out/,
    );
  });

  it('as files: neither arrays nor photographs, missing, cut off', async () => {
    const text = path.join(folder, 'notes.txt');
    fs.writeFileSync(text, 'no array');
    const cut = path.join(folder, 'cut.npy');
    fs.writeFileSync(cut, npyBytes([2, 2, 2, 1], PIXELS).subarray(0, 132));
    for (const file of [text, cut, path.join(folder, 'missing.npy')]) {
      await expect(loadInputs(pictures(2, 2, 1), [file])).rejects.toThrow(FormatError);
    }
  });
});

describe('labels', () => {
  it('are read from a file of their own, and cut with the samples that were asked for', async () => {
    const labels = npy('labels.npy', [3, 1], BigInt64Array.of(2n, 0n, 1n));
    expect(await loadLabels(labels)).toEqual(Int32Array.of(2, 0, 1));
    const images = npy('three.npy', [3, 1, 1, 1], Uint8Array.of(1, 2, 3));
    const model = pictures(1, 1, 1);
    expect((await loadInputs(model, [images], { labels })).labels).toEqual(Int32Array.of(2, 0, 1));
    expect((await loadInputs(model, [images], { labels, samples: 2 })).labels).toEqual(Int32Array.of(2, 0));
    const two = npy('two.npy', [2, 1, 1, 1], Uint8Array.of(1, 2));
    await expect(loadInputs(model, [two], { labels })).rejects.toThrow(
      /labels\.npy: 3 labels for 2 samples; there must be one for each, in their order$/,
    );
  });

  it('are found in an archive', async () => {
    const one = { x_test: [[1, 1, 1, 1], Uint8Array.of(9)], y_test: [[1], Uint8Array.of(4)] } as const;
    const file = await npz('named.npz', one);
    expect(await loadLabels(file)).toEqual(Int32Array.of(4));
    expect((await loadInputs(pictures(1, 1, 1), [file])).labels).toEqual(Int32Array.of(4));
    expect((await loadInputs(pictures(1, 1, 1), [file])).labelsSource).toBe(`${file} y_test`);
    expect((await loadInputs(pictures(1, 1, 1), [file], { labels: false })).labels).toBeUndefined();
    const nameless = await npz('nameless.npz', { a: one.y_test, b: one.y_test });
    await expect(loadLabels(nameless)).rejects.toThrow(
      /none of its arrays \(a, b\) is called labels, y, y_test/,
    );
  });

  it('one-hot are taken as classes', async () => {
    const rows = npy('one-hot.npy', [2, 3], Float32Array.of(0, 0, 1, 0, 1, 0));
    expect(await loadLabels(rows)).toEqual(Int32Array.of(2, 1));
  });

  it('beside the inputs that are none are refused, unless others are given or none are wanted', async () => {
    const x = [[2, 1, 1, 1], Uint8Array.of(1, 2)] as const;
    const good = npy('good.npy', [2], Uint8Array.of(3, 4));
    const model = pictures(1, 1, 1);
    for (const [name, y, message] of [
      [
        'fraction',
        [[2], Float32Array.of(1, 1.5)],
        / y: the label of sample 1 is 1\.5; .*; or give other labels/,
      ],
      ['few', [[1], Uint8Array.of(1)], / y: 1 label for 2 samples; .*; or give other labels \(--labels\)$/],
    ] as const) {
      const file = await npz(`${name}.npz`, { x, y });
      const loading = loadInputs(model, [file]);
      await expect(loading).rejects.toThrow(message);
      await expect(loading).rejects.toThrow(file);
      expect((await loadInputs(model, [file], { labels: good })).labels).toEqual(Int32Array.of(3, 4));
      expect((await loadInputs(model, [file], { labels: false })).labels).toBeUndefined();
    }
  });

  it('are refused where they are no array', async () => {
    const text = path.join(folder, 'labels.csv');
    fs.writeFileSync(text, '1,2,3');
    const picture = path.join(folder, 'label.png');
    await sharp({ create: { width: 2, height: 2, channels: 3, background: '#fff' } })
      .png()
      .toFile(picture);
    for (const [file, message] of [
      [folder, /: a folder; labels are classes, one a sample: np\.save/],
      [picture, /label\.png: a picture; labels are classes/],
      [text, /labels\.csv: neither a \.npy nor a \.npz file; labels are classes/],
    ] as const) {
      await expect(loadLabels(file)).rejects.toThrow(FormatError);
      await expect(loadLabels(file)).rejects.toThrow(message);
    }
  });
});

describe('photographs', () => {
  /** Left half red, right half blue, 40 x 20. */
  function redAndBlue(): Sharp {
    const pixels = Buffer.alloc(40 * 20 * 3);
    for (let at = 0; at < 800; at++) pixels[at * 3 + (at % 40 < 20 ? 0 : 2)] = 255;
    return sharp(pixels, { raw: { width: 40, height: 20, channels: 3 } });
  }

  beforeAll(async () => {
    const photos = path.join(folder, 'photos');
    fs.mkdirSync(photos);
    await redAndBlue().png().toFile(path.join(photos, 'b.png'));
    await redAndBlue().webp({ lossless: true }).toFile(path.join(photos, 'c.WEBP'));
    // Turned by 90 degrees: red is above.
    await redAndBlue()
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100 })
      .toFile(path.join(photos, 'a.jpg'));
    fs.writeFileSync(path.join(photos, 'notes.txt'), 'left out');
    await sharp({ create: { width: 4, height: 4, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } })
      .png()
      .toFile(path.join(folder, 'clear.png'));
  });

  it('are cut around the middle, upright, in the order of their names', async () => {
    const { tensors, sampleNames, description } = await loadInputs(
      pictures(10, 10, 3),
      [path.join(folder, 'photos')],
      {
        normalization: 'raw',
      },
    );
    expect(sampleNames).toEqual(['a.jpg', 'b.png', 'c.WEBP']);
    expect(description).toBe('3 photographs as 10 x 10: pixels as 0..255 as they are');
    expect(tensors[0]?.shape).toEqual([3, 10, 10, 3]);
    const values = tensors[0]?.toFloat64() ?? [];
    const pixel = (sample: number, row: number, column: number): number[] =>
      [0, 1, 2].map((channel) => values[((sample * 10 + row) * 10 + column) * 3 + channel] ?? NaN);
    // JPEG is not exact; the colours are as far apart as they can be.
    const isRed = ([red = 0, , blue = 0]: number[]): boolean => red > 200 && blue < 60;
    const isBlue = ([red = 0, , blue = 0]: number[]): boolean => blue > 200 && red < 60;
    expect(isRed(pixel(0, 1, 5)) && isBlue(pixel(0, 8, 5))).toBe(true);
    for (const sample of [1, 2]) expect(isRed(pixel(sample, 5, 1)) && isBlue(pixel(sample, 5, 8))).toBe(true);
  });

  it('are grey, or lie on white, as the model wants', async () => {
    const clear = path.join(folder, 'clear.png');
    const white = await readPhotographs([clear], { height: 2, width: 2, channels: 1 });
    expect([...white.pixels]).toEqual([255, 255, 255, 255]);
    const kept = await readPhotographs([clear], { height: 1, width: 1, channels: 4 });
    expect(kept.pixels[3]).toBe(0);
    const grey = await readPhotographs([path.join(folder, 'photos', 'b.png')], {
      height: 4,
      width: 4,
      channels: 1,
    });
    expect(grey.shape).toEqual([1, 4, 4, 1]);
    // Red and blue as Pillow's convert('L') has them: 255 * 0.299 and 255 * 0.114.
    expect([grey.pixels[0], grey.pixels[3]]).toEqual([76, 29]);
  });

  it('have the size that was asked for where the model takes any', async () => {
    const model = pictures(null, null, 3);
    const files = [path.join(folder, 'photos', 'b.png'), path.join(folder, 'clear.png')];
    expect((await loadInputs(model, files, { size: 8, samples: 1 })).tensors[0]?.shape).toEqual([1, 8, 8, 3]);
    expect((await loadInputs(model, files)).tensors[0]?.shape).toEqual([2, 224, 224, 3]);
  });

  it('are refused where they cannot be used', async () => {
    const damaged = path.join(folder, 'damaged.png');
    fs.writeFileSync(damaged, fs.readFileSync(path.join(folder, 'photos', 'b.png')).subarray(0, 60));
    await expect(loadInputs(pictures(4, 4, 3), [damaged])).rejects.toThrow(/damaged\.png: cannot be decoded/);
    await expect(loadInputs(twoInputs(), [path.join(folder, 'clear.png')])).rejects.toThrow(
      /has 2 inputs, so photographs/,
    );
    const empty = path.join(folder, 'empty');
    fs.mkdirSync(empty);
    await expect(loadInputs(pictures(4, 4, 3), [empty])).rejects.toThrow(
      /no PNG, JPEG or WebP in this folder/,
    );
    await expect(
      readPhotographs(new Array(100).fill(damaged), { height: 10_000, width: 10_000, channels: 3 }),
    ).rejects.toThrow(LimitError);
  });

  it('say what to install where sharp is missing', async () => {
    vi.resetModules();
    vi.doMock('sharp', () => {
      throw new Error('Cannot find package');
    });
    const { readPhotographs: read } = await import('../../src/node/photographs.ts');
    const failing = read([path.join(folder, 'clear.png')], { height: 2, width: 2, channels: 3 });
    await expect(failing).rejects.toMatchObject({ name: CannotRunError.name, code: 'cannot-run' });
    await expect(failing).rejects.toThrow(/npm install sharp/);
    vi.doUnmock('sharp');
  });
});
