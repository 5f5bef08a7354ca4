import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { saveModel } from '../../src/node.ts';
import { allIn } from '../../src/primitives/pass.ts';
import type { TargetReport } from '../../src/report/equalize-for-target.ts';
import type { SidecarReport } from '../../src/report/sidecar-report.ts';
import type { CommandResult } from '../support/command.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { crosslayerIn } from '../support/shared-command.ts';

const EXAMPLE = new URL('../../examples/fashion-mobilenetv2.keras', import.meta.url).pathname;
const GOLDEN = new URL('../fixtures/golden/', import.meta.url).pathname;
const CHAIN = path.join(GOLDEN, 'conv_bn_relu_chain/input.h5');
const WITH_RELU6 = path.join(GOLDEN, 'act_relu6_string/input.h5');
let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-cli-sidecar-'));
});

afterEach(() => fs.rmSync(folder, { recursive: true }));

const crosslayer = (...args: string[]): Promise<CommandResult> => crosslayerIn(folder, ...args);

/** What `equalize` prints, where it ends well. */
async function equalize(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await crosslayer('equalize', ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

async function report(...args: string[]): Promise<TargetReport & { readonly sidecar: SidecarReport }> {
  return JSON.parse(await equalize(...args, '--json'));
}

const names = (): string[] => fs.readdirSync(folder).sort();

describe('equalize in two goes', () => {
  test('corrects biases as in one, with the statistics of the first', async () => {
    // Least noise is found to four digits, which weights that were rounded in between need not lead to again.
    const options = ['--objective', 'equal-ranges', '--no-verify'];
    const once = await report(EXAMPLE, '-o', 'once.keras', ...options);
    expect(once.sidecar).toEqual({ written: 'once.keras.crosslayer.json', read: null, measured: [] });
    const folded = await equalize(EXAMPLE, '-o', 'folded.keras', '--steps', 'fold', '--no-verify');
    expect(folded).toMatch(/\n {2}side-car: folded\.keras\.crosslayer\.json keeps statistics/);
    const later = await report('folded.keras', '-o', 'ready.keras', ...options);
    expect(later.sidecar.read).toMatchObject({
      file: 'folded.keras.crosslayer.json',
      state: 'restored',
      layers: 52,
      takenBack: [],
    });
    const [first, second] = [once, later].map(({ passes }) => allIn(passes, 'corrected'));
    expect(second?.map(({ layer }) => layer)).toEqual(first?.map(({ layer }) => layer));
    expect(second?.length).toBe(53);
    for (const [index, { largestShift }] of second!.entries()) {
      // Weights that lie half-way between two levels may go either way after one more rounding to float32.
      const wanted = first?.[index]?.largestShift ?? NaN;
      expect(Math.abs(largestShift - wanted)).toBeLessThan(1e-3 * wanted);
    }
  });

  test('absorbs into the biases of a model that came folded', async () => {
    await equalize(CHAIN, '-o', 'folded.h5', '--steps', 'fold', '--no-verify');
    const absorb = ['--steps', 'scale,bias', '--no-verify'];
    const absorbed = await equalize('folded.h5', '-o', 'absorbed.h5', ...absorb);
    expect(absorbed).toMatch(/side-car: statistics of 3 layers from folded\.h5\.crosslayer\.json/);
    expect(absorbed).toMatch(/bias {3}2 pairs of layers with biases absorbed/);
    const bare = await equalize('folded.h5', '-o', 'bare.h5', ...absorb, '--no-sidecar');
    expect(bare).toMatch(/bias {3}no bias to absorb/);
    expect(bare).toMatch(/their side-car would tell; without one, --inputs measures it/);
    expect(names()).not.toContain('bare.h5.crosslayer.json');
  });

  test('takes back corrections before it makes them again', async () => {
    await equalize(CHAIN, '-o', 'once.h5', '--no-verify');
    const twice = await report('once.h5', '-o', 'twice.h5', '--no-verify');
    expect(twice.sidecar.read?.takenBack).toEqual(allIn(twice.passes, 'corrected').map(({ layer }) => layer));
    expect(twice.sidecar.read?.message).toMatch(/\d bias(es)? no longer corrected for int8-per-tensor/);
    const { code, stdout } = await crosslayer('verify', 'once.h5', 'twice.h5');
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/same function/) });
  });

  test('verify tells a model that differs by corrected biases alone from one that differs', async () => {
    await equalize(CHAIN, '-o', 'once.h5', '--no-verify');
    const { code, stdout } = await crosslayer('verify', CHAIN, 'once.h5');
    expect(stdout).toMatch(
      /^same function but for corrected biases: 3 biases corrected for int8-per-tensor \(once\.h5\.crosslayer\.json\)$/m,
    );
    const json = await crosslayer('verify', CHAIN, 'once.h5', '--json');
    expect([code, json.code, JSON.parse(json.stdout).verdict]).toEqual([0, 0, 'corrected']);
    // Whoever gives tolerances, or has no side-car, is told what differs.
    for (const option of ['--rtol=1e-4', '--no-sidecar']) {
      const asked = await crosslayer('verify', CHAIN, 'once.h5', option);
      expect(asked).toMatchObject({ code: 1, stdout: expect.stringMatching(/^different: /m) });
    }
  });

  test('of a folder, by the name of the folder and of its file', async () => {
    await equalize(CHAIN, '-o', 'web-model', '--steps', 'fold', '--no-verify');
    expect(names()).toEqual(['web-model', 'web-model.crosslayer.json']);
    for (const name of ['web-model', 'web-model/', 'web-model/model.json']) {
      const { stdout } = await crosslayer('inspect', name);
      expect(stdout).toMatch(/side-car: statistics of 3 layers from web-model\.crosslayer\.json/);
    }
  });
});

describe('a side-car that is of no use', () => {
  test('because it is stale or broken is said, and the model is equalized', async () => {
    await equalize(CHAIN, '-o', 'folded.h5', '--steps', 'fold', '--no-verify');
    fs.copyFileSync(CHAIN, path.join(folder, 'folded.h5'));
    const stale = await equalize('folded.h5', '-o', 'a.h5', '--no-verify');
    expect(stale).toMatch(
      /side-car: folded\.h5\.crosslayer\.json is not used: .*\(the SHA-256 differs\); equalize/,
    );
    fs.writeFileSync(path.join(folder, 'folded.h5.crosslayer.json'), '{"version": 1,');
    const broken = await equalize('folded.h5', '-o', 'b.h5', '--no-verify');
    expect(broken).toMatch(
      /side-car: folded\.h5\.crosslayer\.json is not used: not valid JSON: .*--no-sidecar/,
    );
    expect(fs.readFileSync(path.join(folder, 'a.h5'))).toEqual(fs.readFileSync(path.join(folder, 'b.h5')));
    const quiet = await equalize('folded.h5', '-o', 'c.h5', '--no-verify', '--no-sidecar');
    expect(quiet).not.toMatch(/side-car/);
  });
});

describe('OUT.crosslayer.json', () => {
  test('is overwritten with --force only', async () => {
    fs.writeFileSync(path.join(folder, 'out.h5.crosslayer.json'), 'precious');
    const { code, stderr } = await crosslayer('equalize', CHAIN, '-o', 'out.h5');
    expect(code).toBe(3);
    expect(stderr).toMatch(/out\.h5\.crosslayer\.json: exists already/);
    expect(names()).toEqual(['out.h5.crosslayer.json']);
    await equalize(CHAIN, '-o', 'out.h5', '--no-verify', '--no-sidecar');
    expect(fs.readFileSync(path.join(folder, 'out.h5.crosslayer.json'), 'utf8')).toBe('precious');
    await equalize(CHAIN, '-o', 'out.h5', '--no-verify', '--force');
    const { version, folds } = JSON.parse(
      fs.readFileSync(path.join(folder, 'out.h5.crosslayer.json'), 'utf8'),
    );
    expect({ version, folds: folds.length }).toEqual({ version: 1, folds: 3 });
  });

  test('is not written by what changes no model', async () => {
    await crosslayer('inspect', CHAIN);
    await crosslayer('convert', CHAIN, '-o', 'converted.h5');
    expect(names()).toEqual(['converted.h5']);
  });
});

describe('inspect', () => {
  test('knows what a folded ReLU6 would lose, and leaves corrections alone', async () => {
    await equalize(WITH_RELU6, '-o', 'ready.h5', '--relu6', 'keep', '--no-verify');
    const { stdout } = await crosslayer('inspect', 'ready.h5');
    expect(stdout).toMatch(
      /side-car: statistics of 2 layers from ready\.h5\.crosslayer\.json; 3 biases corrected for int8-per-tensor/,
    );
    expect(stdout).not.toMatch(/not known, because no batch norm stands right before/);
    const { stdout: bare } = await crosslayer('inspect', 'ready.h5', '--no-sidecar');
    expect(bare).toMatch(/not known, because no batch norm stands right before: act/);
    const { sidecar } = JSON.parse((await crosslayer('inspect', 'ready.h5', '--json')).stdout);
    expect(sidecar).toMatchObject({ written: null, read: { state: 'restored', takenBack: [] } });
  });
});

describe('a model that came folded, without a side-car', () => {
  beforeEach(async () => {
    await equalize(CHAIN, '-o', 'folded.h5', '--steps', 'fold', '--no-verify', '--no-sidecar');
    fs.writeFileSync(path.join(folder, 'x.npy'), npyBytes([4, 8, 8, 3]));
  });

  /** A .npy of version 1.0 with waves in it. */
  function npyBytes(shape: readonly number[]): Uint8Array {
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`.padEnd(117);
    const size = shape.reduce((product, one) => product * one, 1);
    const values = Float32Array.from({ length: size }, (_, index) => Math.sin(index) + 0.3);
    return Buffer.concat([
      Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'),
      Buffer.from(`${header}\n`, 'latin1'),
      new Uint8Array(values.buffer),
    ]);
  }

  test('says that inputs would help', async () => {
    const blind = await equalize('folded.h5', '-o', 'blind.h5', '--no-verify');
    expect(blind).toMatch(/the bias of conv0 is not corrected: nothing tells the means of what it reads/);
    expect(blind).toMatch(/with --inputs means are measured, and these are corrected too/);
  });

  test('is measured on given inputs, and that is kept', async () => {
    const measured = await report('folded.h5', '-o', 'ready.h5', '--inputs', 'x.npy');
    expect(measured.sidecar.measured).toEqual(['conv0', 'conv1', 'conv2']);
    expect(allIn(measured.passes, 'corrected').map(({ layer }) => layer)).toEqual([
      'conv0',
      'conv1',
      'conv2',
      'head',
    ]);
    const kept = await equalize('ready.h5', '-o', 'again.h5', '--no-verify');
    expect(kept).toMatch(/side-car: statistics of 3 layers from ready\.h5\.crosslayer\.json/);
    expect(kept).toMatch(/correct 4 biases corrected/);
  });

  test.each([
    ['LeakyReLU', { class_name: 'LeakyReLU', config: { alpha: 0.1 } }],
    ['ReLU6', { class_name: 'ReLU', config: { max_value: 6 } }],
  ])('is measured with a %s layer fused into another', async (_, activation) => {
    const model = buildModel([
      input('x', [8, 8, 3]),
      layer('Conv2D', 'first', { filters: 4, kernel_size: 3, activation }),
      layer('Conv2D', 'last', { filters: 3, kernel_size: 1 }),
    ]);
    await saveModel(model, path.join(folder, 'fused.h5'), { format: 'keras-h5' });
    const { sidecar, passes } = await report('fused.h5', '-o', 'ready.h5', '--inputs', 'x.npy');
    expect(sidecar.measured).toEqual(['first']);
    expect(allIn(passes, 'corrected').map((one) => one.layer)).toEqual(['first', 'last']);
  });

  test('has its biases absorbed by what was measured', async () => {
    const absorbed = await equalize('folded.h5', '-o', 'a.h5', '--inputs', 'x.npy', '--steps', 'scale,bias');
    expect(absorbed).toMatch(/statistics of 3 layers, which no batch norm tells, measured on the inputs/);
    expect(absorbed).toMatch(/bias {3}2 pairs of layers with biases absorbed/);
  });
});
