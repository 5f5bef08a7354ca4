import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UnsupportedModelError } from '../../src/errors.ts';
import { memorySource } from '../../src/formats/bytes.ts';
import { detectFormat, mainFileOfFolder } from '../../src/formats/detect.ts';
import { readModel } from '../../src/formats/read.ts';
import { fixtures } from './tfjs-runtime.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const detect = async (bytes: Uint8Array) =>
  (await detectFormat({ main: memorySource('file', bytes), open: () => undefined })).format;
const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(join(fixtures, name)));

describe('models', () => {
  const cases = ['tfkeras-2.15', 'tfkeras-2.12', 'keras-3.15.1', 'keras-3.0.5', 'keras-2.0.5', 'odd'].flatMap(
    (folder) =>
      readdirSync(join(fixtures, folder))
        .filter((name) => /\.(h5|keras)$/.test(name))
        .map((name): [string, string] => [
          `${folder}/${name}`,
          // Keras 2.12 wrote HDF5 whatever the name said.
          name.endsWith('.keras') && !name.includes('hdf5') ? 'keras-v3' : 'keras-h5',
        ]),
  );

  test.each(cases)('%s is %s', async (name, format) => {
    expect(await detect(fixture(name))).toBe(format);
  });

  test('model.json is tfjs-layers, with a byte order mark and spaces too', async () => {
    const json = readFileSync(join(fixtures, 'tfjs/functional/model.json'), 'utf8');
    expect(await detect(bytesOf(json))).toBe('tfjs-layers');
    expect(await detect(bytesOf(`\ufeff \n${json}`))).toBe('tfjs-layers');
  });

  test('HDF5 behind a block of the user is found at doublings of 512 alone', async () => {
    const file = fixture('tfkeras-2.15/functional.h5');
    const behind = (offset: number): Uint8Array => {
      const bytes = new Uint8Array(offset + file.length).fill(0xff);
      bytes.set(file, offset);
      return bytes;
    };
    expect(await detect(behind(2048))).toBe('keras-h5');
    await expect(detect(behind(1536))).rejects.toThrow(/not a known kind of model \(it begins with ff ff/);
  });
});

describe('other files', () => {
  test.each<[string, Uint8Array, string, RegExp]>([
    ['an empty file', new Uint8Array(0), 'empty', /copy or download/],
    ['a tflite file', fixture('refused/model.tflite'), 'tflite', /give the Keras model/],
    ['an ONNX file', fixture('refused/model.onnx'), 'onnx', /give the Keras model/],
    [
      'a SavedModel',
      fixture('refused/saved_model/saved_model.pb'),
      'saved-model',
      /tf_keras\.models\.load_model/,
    ],
    [
      'a graph model',
      fixture('refused/tfjs_graph_model/model.json'),
      'tfjs-graph-model',
      /tensorflowjs_converter/,
    ],
    ['a pickle', fixture('refused/weights.pkl'), 'pickle', /never opened/],
    ['an npz', fixture('refused/weights.npz'), 'numpy', /model\.save/],
    ['a zip of something else', fixture('refused/not_a_model.keras'), 'archive', /config\.json/],
    ['an npy', Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0), 'numpy', /model\.save/],
    [
      'a git-lfs pointer',
      bytesOf('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n'),
      'git-lfs',
      /git lfs pull/,
    ],
    ['a web page', bytesOf('\n<!DOCTYPE html>\n<html>404'), 'html', /download/],
    ['a text', bytesOf('Not found'), 'text', /give a \.keras/],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0), 'archive', /unpack/],
    [
      'tar',
      new Uint8Array(600).fill(0x61, 0, 5).map((byte, index) => 'ustar'.charCodeAt(index - 257) || byte),
      'archive',
      /unpack/,
    ],
    ['weights of Keras 2', fixture('refused/keras2.weights.h5'), 'weights without a model', /model\.save/],
    ['weights of Keras 3', fixture('refused/keras3.weights.h5'), 'weights without a model', /model\.save/],
    [
      'weights in the old form',
      fixture('refused/keras2_old_name.h5'),
      'weights without a model',
      /model\.save/,
    ],
    [
      'an architecture',
      bytesOf('{"class_name": "Sequential", "config": {"layers": []}}'),
      'architecture',
      /model\.save/,
    ],
    ['other JSON', bytesOf('[1, 2]'), 'json', /model\.json/],
  ])('%s', async (_, bytes, feature, advice) => {
    const error = await readModel(bytes, 'given.bin').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnsupportedModelError);
    expect(error).toMatchObject({ feature, message: expect.stringMatching(advice) });
    expect((error as Error).message).toMatch(/^given\.bin: /);
  });

  test('a truncated zip and damaged JSON end in a FormatError', async () => {
    const zip = fixture('keras-3.15.1/functional.keras');
    await expect(detect(zip.subarray(0, zip.length / 2))).rejects.toMatchObject({
      code: 'format',
      message: expect.stringMatching(/: ends after \d+ bytes .*: it is cut off, get it again$/),
    });
    const hdf5 = fixture('keras-3.15.1/functional.h5');
    await expect(readModel(hdf5.subarray(0, hdf5.length - 1), 'net.h5')).rejects.toMatchObject({
      code: 'format',
      message: `net.h5: not readable as HDF5: cut off, it has ${hdf5.length - 1} of ${hdf5.length} bytes; get it again`,
    });
    await expect(detect(bytesOf('{"modelTopology": '))).rejects.toMatchObject({ code: 'format' });
  });
});

describe('folders', () => {
  test('the main file of a TF.js model', () => {
    expect(mainFileOfFolder('out', ['group1-shard1of1.bin', 'model.json'])).toBe('model.json');
  });

  test('the configuration of a .keras file in pieces', () => {
    expect(mainFileOfFolder('out', ['config.json', 'metadata.json', 'model.weights.h5'])).toBe('config.json');
    expect(mainFileOfFolder('out', ['config.json', 'model.weights.json', 'model_00000.weights.h5'])).toBe(
      'config.json',
    );
  });

  test.each<[string[], string, RegExp]>([
    [['saved_model.pb', 'variables'], 'saved-model', /load_model/],
    [['checkpoint', 'cp.index', 'cp.data-00000-of-00001'], 'checkpoint', /load_weights/],
    [['notes.txt'], 'folder', /without model\.json/],
  ])('%j', (entries, feature, advice) => {
    expect(() => mainFileOfFolder('given', entries)).toThrow(advice);
    try {
      mainFileOfFolder('given', entries);
    } catch (error) {
      expect(error).toMatchObject({ feature });
    }
  });
});
