import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FormatError, OutputError, UnsupportedModelError } from '../../src/errors.ts';
import type { Model } from '../../src/model/model.ts';
import { PendingOutput } from '../../src/node/pending-output.ts';
import { closeModel, loadModel, saveModel } from '../../src/node.ts';
import { foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';

const fixture = (name: string): string => path.join(import.meta.dirname, '../fixtures/formats', name);
let folder: string;
const at = (name: string): string => path.join(folder, name);
const models: Model[] = [];

async function load(name: string): Promise<Model> {
  const model = await loadModel(name);
  models.push(model);
  return model;
}

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-'));
});

afterEach(() => {
  vi.restoreAllMocks();
  for (const model of models.splice(0)) closeModel(model);
  fs.rmSync(folder, { recursive: true, force: true });
});

const firstWeight = (model: Model): unknown =>
  [...model.allLayers()].flatMap(({ layer }) => [...layer.weights.values()])[0]?.values();

describe('loading and saving', () => {
  test.each([
    ['tfkeras-2.15/functional.h5', 'out.h5', 'keras-h5'],
    ['tfkeras-2.15/functional.h5', 'out.hdf5', 'keras-h5'],
    ['tfkeras-2.15/functional.h5', 'out.keras', 'keras-v3'],
    ['tfkeras-2.15/functional.h5', 'tfjs/', 'tfjs-layers'],
    ['keras-3.15.1/functional.keras', 'out.keras', 'keras-v3'],
    ['keras-3.15.1/functional.keras', 'out.h5', 'keras-h5'],
    ['keras-3.15.1/functional.keras', 'out', 'tfjs-layers'],
    ['tfkeras-2.12/sequential.hdf5.keras', 'out.keras', 'keras-h5'],
    ['tfkeras-2.12/sequential.hdf5.keras', 'out.h5', 'keras-h5'],
    ['tfjs/functional', 'model.json', 'tfjs-layers'],
    ['tfjs/functional', 'out', 'tfjs-layers'],
    ['tfjs/functional/model.json', 'out.keras', 'keras-v3'],
  ] as const)('%s as %s is %s', async (input, output, format) => {
    const model = await load(fixture(input));
    const isFolder = output.endsWith('/');
    await saveModel(model, at(output), isFolder ? { format } : {});
    const again = await load(at(output));
    expect(again.origin?.format).toBe(format);
    expect(firstWeight(again)).toEqual(firstWeight(model));
    const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' });
    expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('a model is saved over the file that it is still being read from, with force only', async () => {
    for (const name of ['tfkeras-2.15/functional.h5', 'keras-3.15.1/nested.keras']) {
      const target = at(path.basename(name));
      fs.copyFileSync(fixture(name), target);
      const before = fs.readFileSync(target);
      const model = await load(target);
      const copy = model.clone();
      foldAllBatchNorms(copy);
      await expect(saveModel(copy, target)).rejects.toThrow(OutputError);
      await expect(saveModel(copy, target)).rejects.toThrow(/is the file that the model was read from/);
      expect(fs.readFileSync(target).equals(before)).toBe(true);
      await saveModel(copy, target, { force: true });
      const again = await load(target);
      expect([...again.allLayers()].length).toBe([...copy.allLayers()].length);
      expect(firstWeight(again)).toEqual(firstWeight(copy));
      // The file that was replaced is still there for those who have it open.
      expect(firstWeight(model)).toBeDefined();
      expect(fs.readdirSync(folder).filter((entry) => entry.endsWith('.tmp'))).toEqual([]);
    }
  });

  test('a link to a file stays one, and the file keeps its permissions', async () => {
    fs.writeFileSync(at('real.h5'), 'old', { mode: 0o600 });
    fs.symlinkSync(at('real.h5'), at('link.h5'));
    const model = await load(fixture('tfkeras-2.15/functional.h5'));
    await saveModel(model, at('link.h5'), { force: true });
    expect(fs.lstatSync(at('link.h5')).isSymbolicLink()).toBe(true);
    expect(fs.statSync(at('real.h5')).mode & 0o777).toBe(0o600);
    expect((await load(at('real.h5'))).origin?.format).toBe('keras-h5');
  });

  test('a closed model says so', async () => {
    const model = await loadModel(fixture('tfjs/functional'));
    closeModel(model);
    closeModel(model);
    expect(() => firstWeight(model)).toThrow(/closed before its weights were read/);
  });
});

describe('what cannot be loaded', () => {
  test.each([
    ['missing.h5', /missing\.h5: no such file/],
    ['.', /a folder without model\.json/],
  ])('%s', async (name, message) => {
    await expect(loadModel(at(name))).rejects.toThrow(message);
  });

  test('something that is no file', async () => {
    await expect(loadModel('/dev/null')).rejects.toThrow(FormatError);
  });
});

describe('what cannot be saved', () => {
  test('under a name whose ending says no format', async () => {
    const model = await load(fixture('tfkeras-2.15/functional.h5'));
    await expect(saveModel(model, at('out.pb'))).rejects.toThrow(
      /out\.pb: its ending says no format; use \.keras/,
    );
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test.each([
    ['missing/out.h5', /its folder does not exist/],
    ['', /is a folder; name a file|no format/],
  ])('to %j', async (name, message) => {
    const model = await load(fixture('tfkeras-2.15/functional.h5'));
    const attempt = saveModel(model, at(name), { format: 'keras-h5' });
    await expect(attempt).rejects.toThrow(OutputError);
    await expect(saveModel(model, at(name), { format: 'keras-h5' })).rejects.toThrow(message);
  });

  test('a full disk leaves nothing behind', async () => {
    for (const [input, output] of [
      ['tfkeras-2.15/functional.h5', 'out.h5'],
      ['keras-3.15.1/functional.keras', 'out.keras'],
      ['tfjs/functional', 'new-folder'],
    ] as const) {
      const model = await load(fixture(input));
      let written = 0;
      const spy = vi.spyOn(fs, 'writeSync').mockImplementation((_, buffer) => {
        written += Buffer.byteLength(buffer as unknown as Uint8Array);
        if (written > 2000) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
        return Buffer.byteLength(buffer as unknown as Uint8Array);
      });
      const attempt = saveModel(model, at(output));
      await expect(attempt).rejects.toThrow(OutputError);
      await expect(attempt).rejects.toThrow(/the disk is full; nothing was written/);
      spy.mockRestore();
      expect(fs.readdirSync(folder)).toEqual([]);
    }
  });

  test('a format that cannot hold the model leaves nothing behind', async () => {
    const model = await load(fixture('tfkeras-2.15/custom.h5'));
    await expect(saveModel(model, at('out.keras'))).rejects.toThrow(UnsupportedModelError);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test('files of weights that a model before had are removed with it', async () => {
    await saveModel(await load(fixture('tfjs/functional_shards')), at('tfjs'));
    const model = await load(fixture('tfkeras-2.15/functional.h5'));
    const { warnings } = await saveModel(model, at('tfjs'), { force: true });
    expect(warnings.join()).not.toMatch(/files of weights of the model/);
    expect(fs.readdirSync(at('tfjs'))).toHaveLength(2);
    // What is there now has no more than it uses.
    const again = await saveModel(model, at('tfjs'), { force: true });
    expect(again.warnings.join()).not.toMatch(/files of weights of the model/);
    fs.writeFileSync(at('tfjs/model.json'), '{ no model');
    expect((await saveModel(model, at('tfjs'), { force: true })).warnings).toEqual(again.warnings);
  });

  test('one existing shard keeps all files from being replaced', async () => {
    const model = await load(fixture('tfjs/functional_shards'));
    await saveModel(model, at('tfjs'));
    const names = fs.readdirSync(at('tfjs'));
    fs.rmSync(at('tfjs/model.json'));
    await expect(saveModel(model, at('tfjs'))).rejects.toThrow(/exists already/);
    expect(fs.readdirSync(at('tfjs')).sort()).toEqual(names.filter((name) => name !== 'model.json').sort());
  });
});

describe('files beside a model', () => {
  test('a name that only looks as if it led out of the folder is one', () => {
    const output = new PendingOutput(at('model.json'), { force: false });
    output.create('..a.bin').write(0, Uint8Array.of(1));
    output.create('...').write(0, Uint8Array.of(2));
    for (const name of ['../a.bin', '..', 'x/../../a.bin']) {
      expect(() => output.create(name)).toThrow(/leads out of the folder/);
    }
    output.commit();
    expect(fs.readdirSync(folder).sort()).toEqual(['...', '..a.bin', 'model.json']);
  });

  test('folders that were made for them are gone after an error', () => {
    fs.mkdirSync(at('kept'));
    const output = new PendingOutput(at('model.json'), { force: false });
    for (const name of ['kept/new/deep/a.bin', 'kept/new/b.bin', 'c/d.bin', 'kept/e.bin'])
      output.create(name);
    output.discard();
    expect(fs.readdirSync(folder, { recursive: true })).toEqual(['kept']);
  });

  test('permissions that a disk does not keep are no failure', async () => {
    fs.writeFileSync(at('model.h5'), 'old', { mode: 0o600 });
    const model = await load(fixture('tfkeras-2.15/functional.h5'));
    vi.spyOn(fs, 'chmodSync').mockImplementation(() => {
      throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
    });
    await saveModel(model, at('model.h5'), { force: true });
    expect((await load(at('model.h5'))).origin?.format).toBe('keras-h5');
  });

  test.each([
    ['my #1 100%?.json', 'my_1_100_-'],
    ['größe 層.json', 'größe_層-'],
    ['a&b=c;d.json', 'a_b_c_d-'],
  ])('%s has shards that a URL can have', async (name, prefix) => {
    const model = await load(fixture('tfkeras-2.15/functional.h5'));
    await saveModel(model, at(name));
    expect(fs.readdirSync(folder).sort()).toEqual([name, `${prefix}group1-shard1of1.bin`].sort());
    expect(firstWeight(await load(at(name)))).toEqual(firstWeight(model));
  });

  test('all is on the disk before it gets its name', async () => {
    const calls: string[] = [];
    const { fsyncSync, linkSync, renameSync } = fs;
    vi.spyOn(fs, 'fsyncSync').mockImplementation((descriptor) => {
      calls.push(fs.fstatSync(descriptor).isDirectory() ? 'sync folder' : 'sync');
      fsyncSync(descriptor);
    });
    vi.spyOn(fs, 'linkSync').mockImplementation((from, to) => {
      calls.push('name');
      linkSync(from, to);
    });
    vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
      calls.push('replace');
      renameSync(from, to);
    });
    const model = await load(fixture('tfjs/functional_shards'));
    await saveModel(model, at('out'));
    const shards = [1, 2, 3].map(() => 'name');
    const synced = ['sync', 'sync', 'sync', 'sync'];
    expect(calls.splice(0)).toEqual([...synced, ...shards, 'sync folder', 'name', 'sync folder']);
    await saveModel(model, at('out'), { force: true });
    expect(calls).toEqual([...synced, ...shards, 'sync folder', 'replace', 'sync folder']);
  });
});
