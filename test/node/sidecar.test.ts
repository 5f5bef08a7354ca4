import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { equalize } from '../../src/equalization/equalize.ts';
import { FormatError, LimitError, OutputError } from '../../src/errors.ts';
import type { Model } from '../../src/model/model.ts';
import { sha256Of } from '../../src/node/loaded-files.ts';
import {
  checkOutput,
  closeModel,
  loadModel,
  loadSidecar,
  restoreFromSidecar,
  saveModel,
  sidecarName,
} from '../../src/node.ts';
import { foldAllBatchNorms, foldsOf } from '../../src/primitives/batch-norm-fold.ts';
import { allIn } from '../../src/primitives/pass.ts';
import { targetSidecar } from '../../src/report/sidecar-report.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';

const FORMATS = path.join(import.meta.dirname, '../fixtures/formats');
let folder: string;
const at = (name: string): string => path.join(folder, name);
const models: Model[] = [];

async function load(name: string): Promise<Model> {
  const model = await loadModel(name);
  models.push(model);
  return model;
}

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-sidecar-'));
});

afterEach(() => {
  for (const model of models.splice(0)) closeModel(model);
  fs.rmSync(folder, { recursive: true, force: true });
});

const hashOf = (...files: string[]): string => {
  const hash = createHash('sha256');
  for (const file of files) hash.update(fs.readFileSync(file));
  return hash.digest('hex');
};

/** A model with a batch norm on disk. */
async function original(): Promise<string> {
  const model = buildModel([
    input('x', [8, 8, 3]),
    layer('Conv2D', 'first', { filters: 4, kernel_size: 3 }),
    layer('BatchNormalization', 'bn'),
    layer('ReLU', 'relu'),
    layer('Conv2D', 'second', { filters: 5, kernel_size: 3 }),
    layer('BatchNormalization', 'bn2'),
    layer('ReLU', 'relu2'),
    layer('Conv2D', 'last', { filters: 2, kernel_size: 1 }),
  ]);
  await saveModel(model, at('in.h5'));
  return at('in.h5');
}

async function folded(name: string): Promise<Model> {
  const model = await load(await original());
  const [foldedPairs] = foldAllBatchNorms(model);
  await saveModel(model, name, { sidecar: { folded: foldsOf(foldedPairs) } });
  return model;
}

describe('sidecarName', () => {
  test.each([
    ['ready.h5', 'ready.h5.crosslayer.json'],
    ['a/ready.keras', 'a/ready.keras.crosslayer.json'],
    ['web-model', 'web-model.crosslayer.json'],
    ['web-model/', 'web-model.crosslayer.json'],
    ['web-model/model.json', 'web-model/model.json.crosslayer.json'],
    ['.', `${process.cwd()}.crosslayer.json`],
    ['../', `${path.dirname(process.cwd())}.crosslayer.json`],
    ['/', '/.crosslayer.json'],
    ['odd.', 'odd..crosslayer.json'],
  ])('of %s is %s', (name, expected) => {
    expect(sidecarName(name)).toBe(expected);
  });
});

describe('saveModel with a side-car', () => {
  test.each(['out.h5', 'out.keras', 'out', 'sub/model.json'])('%s', async (name) => {
    fs.mkdirSync(at('sub'));
    const model = await folded(at(name));
    const sidecar = loadSidecar(`${at(name)}.crosslayer.json`);
    expect(sidecar.inputSha256).toBe(hashOf(at('in.h5')));
    const shards = name.includes('.') && !name.endsWith('.json') ? [] : ['group1-shard1of1.bin'];
    const main = name === 'out' ? at('out/model.json') : at(name);
    const files = [main, ...shards.map((shard) => path.join(path.dirname(main), shard))];
    expect(sidecar.outputSha256).toBe(hashOf(...files));
    expect(sidecar.folds.map(({ batchNorm }) => batchNorm).sort()).toEqual(['bn', 'bn2']);
    const again = await load(at(name));
    expect(await restoreFromSidecar(again)).toMatchObject({ state: 'restored', layers: 2, unknown: [] });
    expect(again.layer('first').statistics).toEqual(model.layer('first').statistics);
    expect(fs.readdirSync(folder, { recursive: true }).filter((one) => `${one}`.endsWith('.tmp'))).toEqual(
      [],
    );
  });

  test('hashes a model of several shards in the order of its manifest', async () => {
    const model = await load(path.join(FORMATS, 'tfjs/functional_shards'));
    await saveModel(model, at('out'), { sidecar: {} });
    const shards = fs.readdirSync(at('out')).filter((name) => name.endsWith('.bin'));
    expect(shards.length).toBeGreaterThan(1);
    const files = ['model.json', ...shards.sort()].map((name) => path.join(at('out'), name));
    expect(loadSidecar(at('out.crosslayer.json')).outputSha256).toBe(hashOf(...files));
    expect(await restoreFromSidecar(await load(at('out')))).toMatchObject({ state: 'restored' });
    expect(await restoreFromSidecar(await load(at('out/model.json')))).toMatchObject({ state: 'restored' });
  });

  test('has no input where the model came from no file', async () => {
    const model = buildModel([input('x', [2]), layer('Dense', 'dense', { units: 2 })]);
    await saveModel(model, at('out.h5'), { sidecar: {} });
    expect(loadSidecar(at('out.h5.crosslayer.json')).inputSha256).toBeNull();
  });

  test('replaces one with force only, and before that touches nothing', async () => {
    fs.writeFileSync(at('out.h5.crosslayer.json'), 'precious');
    await expect(folded(at('out.h5'))).rejects.toThrow(/out\.h5\.crosslayer\.json: exists already/);
    expect(fs.readdirSync(folder).sort()).toEqual(['in.h5', 'out.h5.crosslayer.json']);
    expect(fs.readFileSync(at('out.h5.crosslayer.json'), 'utf8')).toBe('precious');
    await saveModel(await load(at('in.h5')), at('out.h5'), { sidecar: {}, force: true });
    expect(loadSidecar(at('out.h5.crosslayer.json')).version).toBe(1);
  });

  test('keeps the hash of the input that it replaces', async () => {
    const name = await original();
    const before = hashOf(name);
    await saveModel(await load(name), name, { sidecar: {}, force: true });
    expect(loadSidecar(sidecarName(name)).inputSha256).toBe(before);
    expect(await restoreFromSidecar(await load(name))).toMatchObject({ state: 'restored' });
  });

  test('leaves nothing behind where it is stopped or fails', async () => {
    const model = await load(await original());
    const controller = new AbortController();
    const sidecar = {
      get skipped(): never[] {
        controller.abort(new Error('enough'));
        return [];
      },
    };
    for (const name of ['out.h5', 'out']) {
      await expect(saveModel(model, at(name), { sidecar, signal: controller.signal })).rejects.toThrow(
        'enough',
      );
    }
    // A folder where the side-car would go.
    fs.mkdirSync(at('out.h5.crosslayer.json'));
    await expect(saveModel(model, at('out.h5'), { sidecar: {}, force: true })).rejects.toThrow(OutputError);
    expect(fs.readdirSync(folder).sort()).toEqual(['in.h5', 'out.h5.crosslayer.json']);
  });

  test('says before long work that its name would be too long', async () => {
    const model = await load(await original());
    const name = `${'x'.repeat(250)}.h5`;
    expect(() => checkOutput(model, at(name), { sidecar: {} })).toThrow(
      /name of the side-car is longer than a name may be; .*--no-sidecar/,
    );
    expect(checkOutput(model, at(name)).sidecar).toBeUndefined();
  });
});

describe('restoreFromSidecar', () => {
  test('lets a fold of yesterday be corrected as if it were of today', async () => {
    await folded(at('folded.h5'));
    // Least noise is found to four digits, which rounded weights need not lead to again.
    const options = { target: 'int8-per-tensor', objective: 'equal-ranges' } as const;
    const { model: once, report } = await equalize(await load(at('in.h5')), options);
    expect(allIn(report.passes, 'corrected').map((one) => one.layer)).toEqual(['second', 'last']);
    const yesterday = await load(at('folded.h5'));
    expect(allIn((await equalize(yesterday, options)).report.passes, 'corrected')).toEqual([]);
    await restoreFromSidecar(yesterday);
    const { model: ready, report: later } = await equalize(yesterday, options);
    expect(allIn(later.passes, 'corrected').map((one) => one.layer)).toEqual(['second', 'last']);
    for (const name of ['first', 'second', 'last']) {
      const wanted = once.layer(name).requireWeight('bias').toFloat64();
      for (const [channel, bias] of ready.layer(name).requireWeight('bias').toFloat64().entries()) {
        // Folded weights were rounded to float32 once more on their way through the file.
        expect(Math.abs(bias - (wanted[channel] ?? NaN))).toBeLessThan(1e-5);
      }
    }
    expect(Math.max(...(allIn(later.passes, 'corrected')[0]?.shift ?? []).map(Math.abs))).toBeGreaterThan(
      1e-4,
    );
  });

  test('takes corrections back, so that none is made twice', async () => {
    // Least noise is found to four digits, which rounded weights need not lead to again.
    const objective = 'equal-ranges';
    const { model, report } = await equalize(await load(await original()), { objective });
    await saveModel(model, at('ready.h5'), { sidecar: targetSidecar(report) });
    const looked = await load(at('ready.h5'));
    const bias = (of: Model): Float64Array => of.layer('second').requireWeight('bias').toFloat64();
    expect(await restoreFromSidecar(looked, { keepCorrections: true })).toMatchObject({ takenBack: [] });
    expect(bias(looked)).toEqual(bias(model));
    const again = await load(at('ready.h5'));
    expect(await restoreFromSidecar(again)).toMatchObject({ takenBack: ['second', 'last'] });
    expect(bias(again)).not.toEqual(bias(model));
    const { model: twice } = await equalize(again, { objective });
    for (const [channel, value] of bias(twice).entries()) {
      expect(Math.abs(value - (bias(model)[channel] ?? NaN))).toBeLessThan(1e-5);
    }
  });

  test('takes nothing from a side-car of another file', async () => {
    await folded(at('folded.h5'));
    fs.copyFileSync(at('in.h5'), at('folded.h5'));
    const model = await load(at('folded.h5'));
    expect(await restoreFromSidecar(model)).toEqual({
      state: 'stale',
      file: at('folded.h5.crosslayer.json'),
    });
    expect(model.layer('first').statistics).toBeUndefined();
  });

  test.each([
    ['{"version": 1', /not valid JSON/],
    ['{"version": 9}', /version: 9, where this version of Crosslayer reads 1/],
    ['', /not valid JSON/],
  ])('is not stopped by %j', async (text, reason) => {
    const model = await load(await original());
    fs.writeFileSync(at('in.h5.crosslayer.json'), text);
    const found = await restoreFromSidecar(model);
    expect(found).toMatchObject({ state: 'unreadable', reason: expect.stringMatching(reason) });
  });

  test('is not stopped by what is no file, or far too large', async () => {
    const model = await load(await original());
    const name = sidecarName(at('in.h5'));
    fs.mkdirSync(name);
    expect(await restoreFromSidecar(model)).toMatchObject({ state: 'unreadable' });
    fs.rmdirSync(name);
    // A file with a hole takes no room.
    fs.writeFileSync(name, '');
    fs.truncateSync(name, 2 ** 29);
    expect(() => loadSidecar(name)).toThrow(LimitError);
    expect(await restoreFromSidecar(model)).toMatchObject({ state: 'unreadable' });
  });

  test('finds none where there is none, and looks for none of a model that came from no file', async () => {
    expect(await restoreFromSidecar(await load(await original()))).toEqual({ state: 'none' });
    const made = buildModel([input('x', [2]), layer('Dense', 'dense', { units: 2 })]);
    await expect(restoreFromSidecar(made)).rejects.toThrow(/only a model that loadModel read/);
  });
});

describe('sha256Of', () => {
  test('is that of all bytes, over the ends of blocks', async () => {
    const bytes = Uint8Array.from({ length: (1 << 20) + 7 }, (_, index) => index % 251);
    const source = (name: string, from: number, size: number) => ({
      name,
      size,
      read(byteOffset: number, target: Uint8Array): number {
        const part = bytes.subarray(
          from + byteOffset,
          Math.min(from + size, from + byteOffset + target.length),
        );
        target.set(part);
        return part.length;
      },
    });
    const whole = createHash('sha256').update(bytes).digest('hex');
    expect(await sha256Of([source('all', 0, bytes.length)])).toBe(whole);
    expect(await sha256Of([source('a', 0, 5), source('b', 5, bytes.length - 5)])).toBe(whole);
    await expect(sha256Of([{ ...source('cut', 0, 9), size: bytes.length + 10 }])).rejects.toThrow(
      FormatError,
    );
  });
});
