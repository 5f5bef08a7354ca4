import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { scaleKernel } from '../../src/model/channels.ts';
import { loadModel, saveModel } from '../../src/node.ts';
import { referencePasses } from '../../src/primitives/equalize-model.ts';
import { runPasses } from '../../src/primitives/pass.ts';
import type { CommandResult } from '../support/command.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { crosslayer } from '../support/shared-command.ts';
import { trainingModel } from '../support/training-models.ts';

const GOLDEN = new URL('../fixtures/golden/', import.meta.url).pathname;
const FORMATS = new URL('../fixtures/formats/', import.meta.url).pathname;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'crosslayer-verify-'));

afterAll(() => fs.rmSync(folder, { recursive: true }));

const verify = (...args: string[]): Promise<CommandResult> => crosslayer('verify', ...args);

const original = path.join(GOLDEN, 'conv_bn_relu_chain', 'input.h5');
const dense = path.join(GOLDEN, 'dense_bn', 'input.h5');
const equalized = path.join(folder, 'equalized.h5');
const wrong = path.join(folder, 'wrong.h5');
const samples = path.join(folder, 'samples.npy');

beforeAll(async () => {
  const model = await loadModel(original);
  await runPasses(model, referencePasses(['fold', 'scale']));
  await saveModel(model, equalized);
  const layer = model.layer('conv1');
  const factors = new Float64Array(layer.requireWeight('kernel').columns).fill(1);
  factors[1] = 1.1;
  scaleKernel(layer, 'output', factors);
  await saveModel(model, wrong);
  const shape = model.inputs[0]?.shape?.slice(1).map((size) => size ?? 1) ?? [];
  fs.writeFileSync(samples, numpyFile([3, ...shape]));
});

/** A .npy file of float32 numbers between -1 and 1. */
function numpyFile(shape: readonly number[]): Buffer {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const padded = `${header.padEnd(117)}\n`;
  const length = Buffer.from([padded.length & 0xff, padded.length >> 8]);
  const size = shape.reduce((product, one) => product * one, 1);
  const values = Float32Array.from({ length: size }, (_, index) => Math.sin(index));
  const magic = Buffer.from('\x93NUMPY\x01\x00', 'latin1');
  return Buffer.concat([magic, length, Buffer.from(padded), Buffer.from(values.buffer)]);
}

describe('verify', () => {
  test('the same function, exit code 0', async () => {
    const { code, stdout, stderr } = await verify(original, equalized);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [inputs, , header, row, , verdict] = stdout.split('\n');
    expect(inputs).toMatch(/^inputs: 4 seeded samples/);
    expect(header).toMatch(/^output +max \|a - b\| +of max \|a\| +SQNR in dB +of the +top-1 +worst input/);
    expect(row).toMatch(/^head +[\d.]+e-\d +[\d.]+e-\d +1\d\d\.\d +output +100 % +[0-3] +same$/);
    expect(verdict).toMatch(
      /^same function: max \|a - b\| <= 1e-4 max \|a\| \+ 1e-7 for every output \((wasm|cpu)\)$/,
    );
  });

  test('a wrong factor in one channel, exit code 1', async () => {
    const { code, stdout, stderr } = await verify(original, wrong, '--inputs', samples);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/^inputs: 3 samples of .*samples\.npy/);
    expect(stdout).toMatch(/\nhead .* different\n/);
    expect(stdout).toMatch(
      /\ndifferent: head differs by [\d.e-]+ in sample \d \(.*\[\d\]\); that is [\d.e-]+ of its largest value, and allowed is/,
    );
  });

  test('--rtol, --atol, --samples and --backend', async () => {
    const args = ['--rtol', '1', '--atol', '0.5', '--samples', '2', '--backend', 'cpu'];
    const { code, stdout } = await verify(original, wrong, '--inputs', samples, ...args, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      schemaVersion: 1,
      verdict: 'same',
      samples: 2,
      backend: 'cpu',
      tolerances: { rtol: 1, atol: 0.5, weights: 'float32' },
    });
  });

  test('--json prints one object, and infinite numbers as texts', async () => {
    const { code, stdout } = await verify(original, original, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout).outputs).toEqual([
      {
        name: 'head',
        shape: [null, expect.any(Number)],
        maxAbsolute: 0,
        maxRelative: 0,
        scores: 'output',
        sqnrDb: 'Infinity',
        top1Agreement: 1,
        worstInput: null,
        same: true,
      },
    ]);
  });

  test('models that are called differently are different', async () => {
    const { code, stdout } = await verify(original, path.join(GOLDEN, 'two_input', 'input.h5'));
    expect(code).toBe(1);
    expect(stdout).toMatch(/different: the original has 1 inputs, the candidate 2/);
  });

  test('a model with a call in training mode is not verified, whatever file it comes in', async () => {
    for (const [file, version] of [
      ['training.keras', 'keras-3.15.1'],
      ['training.h5', 'tfkeras-2.15.0'],
    ] as const) {
      const trained = path.join(folder, file);
      await saveModel(trainingModel(version), trained);
      const { code, stdout } = await verify(trained, trained);
      expect(code).toBe(1);
      expect(stdout).toMatch(/\nnot verified: the original cannot be run: body\/bn1: .*training mode/);
    }
  });

  test('a model with an input of no values is not verified', async () => {
    const hollow = path.join(folder, 'hollow.h5');
    await saveModel(buildModel([input('x', [0, 4, 3]), layer('ReLU', 'relu')]), hollow);
    const { code, stdout, stderr } = await verify(hollow, hollow);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(
      '\nnot verified: the original cannot be run: x: an input of shape [?, 0, 4, 3] has no values',
    );
  });

  test('a model that cannot be run is not verified, exit code 1, and the layer is named', async () => {
    const unknown = path.join(FORMATS, 'keras-3.15.1/custom.keras');
    const { code, stdout, stderr } = await verify(unknown, unknown);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/\nnot verified: the original cannot be run: \w+: \w+ cannot be run: /);
    const json = JSON.parse((await verify(unknown, unknown, '--json')).stdout);
    expect(json).toMatchObject({ verdict: 'not-verified', outputs: [] });
  });
});

describe('exit codes', () => {
  test.each([
    ['one model', [original]],
    ['a tolerance that is none', [original, original, '--rtol', 'tight']],
    ['a negative tolerance', [original, original, '--atol', '-1']],
    ['no samples', [original, original, '--samples', '0']],
    ['an unknown normalization', [original, original, '--normalize', 'imagenet']],
    ['an unknown backend', [original, original, '--backend', 'webgl']],
  ])('2 for %s', async (_, args) => {
    const { code, stdout, stderr } = await verify(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toBe('');
  });

  test.each([
    ['a model that does not exist', [path.join(folder, 'missing.h5'), original], /missing\.h5/],
    ['a text', [original, path.join(FORMATS, 'refused/text.h5')], /text\.h5/],
    [
      'inputs that do not exist',
      [original, original, '--inputs', path.join(folder, 'none.npy')],
      /none\.npy/,
    ],
    ['inputs of another shape', [dense, dense, '--inputs', path.join(folder, 'samples.npy')], /samples\.npy/],
  ])('3 for %s', async (_, args, message) => {
    const { code, stdout, stderr } = await verify(...args);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(message);
  });
});
